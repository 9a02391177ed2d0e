"""Memory images: what ``$readmemh`` or the load port puts into a chip's memories."""

from itertools import accumulate

import numpy as np

from ranvier.golden.program import Layer, spread
from ranvier.golden.synapse import Geometry
from ranvier.hw.config import CoreConfig, index_width, sharers


def weight_words(layer: Layer, core: CoreConfig) -> list[int]:
    """Words of the weight memory, lane 0 in the low bits, padded with 0: word ``axon * groups + group``, or of each
    convolution those of its kernels. Delays of synapses lie above their weights."""
    kernels = [_kernels(*each, core.lanes) for each in zip(layer.weights, core.convolutions, strict=False)]
    beside = [(layer.delays, core.delay_width)] if core.synaptic and layer.delays is not None else []
    words: list[int] = []
    for part in kernels or [layer.matrix]:
        raw = (part < 0).astype(np.int64) if layer.weight_width == 1 else part
        words += _pack([(raw, core.weight_width), *beside], core)
    return words


def _kernels(weights: np.ndarray, shape: Geometry, lanes: int) -> np.ndarray:
    """A row for each input channel and place in the kernel, the last place first: a weight for each filter of its
    group, or of the groups that share a word."""
    shared = sharers(shape, lanes)
    parts = np.split(weights[:, :, ::-1, ::-1], shape.groups // shared)
    rows = [
        np.concatenate([group.transpose(1, 2, 3, 0) for group in np.split(part, shared)], axis=-1) for part in parts
    ]
    return np.concatenate([row.reshape(-1, row.shape[-1]) for row in rows])


def sparse_words(layer: Layer, core: CoreConfig) -> list[int]:
    """Words of the weight memory of sparse synapses, row after row, then a word of zeros if there are empty rows.

    An axon's row: in word ``i`` each lane's ``i``-th weight that is not 0, above it the group of its neuron, and above
    that the synapse's delay, if it has one of its own; 0 where a lane has no more.
    """
    assert core.rows is not None
    size = core.weight_word_width // core.lanes
    words: list[int] = []
    for axon, (row, count) in enumerate(zip(layer.matrix.tolist(), core.rows, strict=True)):
        lanes = [[k for k in range(lane, core.neurons, core.lanes) if row[k]] for lane in range(core.lanes)]
        for place in range(count):
            word = 0
            for lane, neurons in enumerate(lanes):
                if place < len(neurons):
                    weight, group = row[neurons[place]] % (1 << core.weight_width), neurons[place] // core.lanes
                    entry = weight | group << core.weight_width
                    if core.synaptic and layer.delays is not None:
                        entry |= int(layer.delays[axon, neurons[place]]) << size - core.delay_width
                    word |= entry << lane * size
            words.append(word)
    return words + [0] * (0 in core.rows)


def pointer_words(core: CoreConfig) -> list[int]:
    """Words of the memory of rows: a row's first word, and above it how many it has; empty ones share the last."""
    assert core.rows is not None
    width, starts = index_width(core.weight_words), accumulate(core.rows, initial=0)
    return [
        (start if count else core.weight_words - 1) | max(count, 1) << width
        for start, count in zip(starts, core.rows, strict=False)
    ]


def parameter_words(layer: Layer, core: CoreConfig) -> list[int]:
    """Words of the parameter memory, one for each group, or for each block of channels where positions share them: the
    stored parameters of lane 0 in the low bits."""
    values = layer.parameters
    if not core.per_channel:
        values = {name: spread(array, layer.neurons) for name, array in values.items()}
    return _pack([(values[name][None], width) for name, width in core.parameter_widths.items()], core)


def memory_words(layer: Layer, core: CoreConfig, memory: str) -> list[int]:
    """Words of the memory ``weights``, ``parameters``, ``rows`` or ``delays`` (of axons)."""
    if memory == "delays":
        assert layer.delays is not None
        words: list[int] = layer.delays.tolist()
        return words
    if memory == "parameters":
        return parameter_words(layer, core)
    if memory == "rows":
        return pointer_words(core)
    return weight_words(layer, core) if core.rows is None else sparse_words(layer, core)


def image_name(core: str, memory: str) -> str:
    """File name of the image of a core's memory."""
    return f"{core}_{memory}.hex"


def hex_lines(words: list[int], width: int) -> str:
    """``words`` as a ``$readmemh`` file."""
    digits = -(-width // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


def _pack(fields: list[tuple[np.ndarray, int]], core: CoreConfig) -> list[int]:
    """One word for each row and group; each neuron's fields lie side by side, the first in the low bits."""
    rows, neurons = fields[0][0].shape
    groups = -(-neurons // core.lanes)
    bits = []
    for array, width in fields:
        padded = np.zeros((rows, groups * core.lanes), np.int64)
        padded[:, :neurons] = array
        bits.append(padded[..., None] >> np.arange(width) & 1)
    neuron = np.concatenate(bits, axis=-1).astype(np.uint8)
    words = np.packbits(neuron.reshape(rows * groups, -1), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in words]
