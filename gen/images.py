"""Memory images: what ``$readmemh`` or the load port puts into a chip's memories."""

import numpy as np

from ranvier.golden.program import Layer
from ranvier.hw.config import CoreConfig


def weight_words(layer: Layer, core: CoreConfig) -> list[int]:
    """Words of the weight memory: word ``axon * groups + group``, lane 0 in the low bits, padded with 0."""
    raw = (layer.weights < 0).astype(np.int64) if layer.weight_width == 1 else layer.weights
    return _pack([(raw, core.weight_width)], core)


def parameter_words(layer: Layer, core: CoreConfig) -> list[int]:
    """Words of the parameter memory, one for each group: the stored parameters of lane 0 in the low bits."""
    return _pack([(layer.parameters[name][None], width) for name, width in core.parameter_widths.items()], core)


def memory_words(layer: Layer, core: CoreConfig, memory: str) -> list[int]:
    """Words of the memory ``weights`` or ``parameters``."""
    return {"weights": weight_words, "parameters": parameter_words}[memory](layer, core)


def image_name(core: str, memory: str) -> str:
    """File name of the image of a core's memory."""
    return f"{core}_{memory}.hex"


def hex_lines(words: list[int], width: int) -> str:
    """``words`` as a ``$readmemh`` file."""
    digits = -(-width // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


def _pack(fields: list[tuple[np.ndarray, int]], core: CoreConfig) -> list[int]:
    """One word for each row and group; each neuron's fields lie side by side, the first in the low bits."""
    rows = len(fields[0][0])
    bits = []
    for array, width in fields:
        padded = np.zeros((rows, core.groups * core.lanes), np.int64)
        padded[:, : core.neurons] = array
        bits.append(padded[..., None] >> np.arange(width) & 1)
    neuron = np.concatenate(bits, axis=-1).astype(np.uint8)
    words = np.packbits(neuron.reshape(rows * core.groups, -1), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in words]
