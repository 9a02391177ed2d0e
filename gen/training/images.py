"""Training state as requests to a trainer's access port, and samples as words of its stream."""

from dataclasses import dataclass

import numpy as np

from ranvier.golden.train.bptt import TrainingState
from ranvier.hw.train.access import FIRST_COUNTER, PENDING, Region, access_layout
from ranvier.hw.train.config import REPLY_WIDTH, LayerGeometry, TrainerConfig
from ranvier.hw.train.counters import NAMES
from ranvier.hw.train.forward_pass import header_layout, result_layout

_MATRICES = (Region.WEIGHTS, Region.MOMENTA, Region.SUMS)


@dataclass(frozen=True)
class Samples:
    """What the host streams: ``spikes`` bool ``[samples, steps, inputs]``, ``labels`` int ``[samples]``; bool
    ``[samples]`` whether to ``learn`` from each and whether it is the ``end`` of its batch; then the ``rate``."""

    spikes: np.ndarray
    labels: np.ndarray
    learn: np.ndarray
    end: np.ndarray
    rate: np.ndarray

    @classmethod
    def to_learn(cls, spikes: np.ndarray, labels: np.ndarray, *, end: bool, rate: int) -> "Samples":
        """Samples of one batch, all of them to learn from; ``end``: the last one ends it."""
        count = len(labels)
        ends = np.zeros(count, bool)
        ends[-1:] = end
        return cls(spikes, labels, np.ones(count, bool), ends, np.full(count, rate))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Results:
    """What a trainer says of each sample: int64 ``[samples]`` each."""

    label: np.ndarray
    prediction: np.ndarray
    loss: np.ndarray
    rejected: np.ndarray


def places(config: TrainerConfig, layer: LayerGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Lane and address of each weight of ``layer``: int64 ``[axons, neurons]`` both."""
    inputs, lanes = layer.layer.inputs, config.lanes
    axon = np.arange(layer.layer.axons)[:, None]
    row = np.where(axon < inputs, axon, axon - inputs + -(-inputs // lanes) * lanes)
    neuron = np.arange(layer.layer.neurons)[None, :]
    return (row + neuron) % lanes, layer.weight_base + row * layer.groups + neuron // lanes


def bank_image(config: TrainerConfig, matrices: list[np.ndarray]) -> np.ndarray:
    """What the banks hold of all layers' ``matrices`` (int64 ``[axons, neurons]``), 0 where there is no weight: int64
    ``[lanes, words]``."""
    image = np.zeros((config.lanes, config.weight_words), np.int64)
    for layer, matrix in zip(config.layers, matrices, strict=True):
        image[places(config, layer)] = matrix
    return image


def _requests(
    config: TrainerConfig, write: bool, region: int, lane: object, address: object, value: object
) -> np.ndarray:
    layout = access_layout(config)
    fields = {"write": int(write), "region": region, "lane": lane, "address": address, "data": value}
    word = np.zeros((), np.uint64)
    for name, field in fields.items():
        word = word | np.asarray(field, np.int64).astype(np.uint64) << np.uint64(layout[name].offset)
    return word.reshape(-1)


def loading(config: TrainerConfig, state: TrainingState) -> np.ndarray:
    """Requests that put ``state`` into a trainer: uint64 ``[n]``."""
    lanes, words = config.lanes, config.weight_words
    result = []
    for region, matrices in zip(_MATRICES, (state.weights, state.momentum, state.gradient), strict=True):
        value = bank_image(config, matrices) & ((1 << REPLY_WIDTH) - 1)
        result.append(_requests(config, True, region, np.arange(lanes)[:, None], np.arange(words)[None, :], value))
    result.append(_requests(config, True, Region.MISCELLANY, np.arange(lanes), 0, state.generators))
    result.append(_requests(config, True, Region.MISCELLANY, 0, PENDING, state.pending))
    return np.concatenate(result)


def saving(config: TrainerConfig) -> np.ndarray:
    """Requests whose replies :func:`saved` understands: uint64 ``[n]``."""
    lanes = config.lanes
    result = []
    for region in _MATRICES:
        for layer in config.layers:
            lane, address = places(config, layer)
            result.append(_requests(config, False, region, lane, address, 0))
    result.append(_requests(config, False, Region.MISCELLANY, np.arange(lanes), 0, 0))
    result.append(_requests(config, False, Region.MISCELLANY, 0, PENDING, 0))
    return np.concatenate(result)


def saved(config: TrainerConfig, replies: np.ndarray) -> TrainingState:
    """The state from the replies (uint64 ``[n]``) to :func:`saving`."""
    words = replies.astype(np.int64)
    values = words - ((words >> (REPLY_WIDTH - 1)) << REPLY_WIDTH)
    matrices: list[list[np.ndarray]] = []
    position = 0
    for _ in _MATRICES:
        matrices.append([])
        for layer in config.layers:
            shape = layer.layer.axons, layer.layer.neurons
            size = shape[0] * shape[1]
            matrices[-1].append(values[position : position + size].reshape(shape))
            position += size
    generators = words[position : position + config.lanes]
    weights, momentum, gradient = matrices
    return TrainingState(weights, momentum, gradient, generators, int(words[position + config.lanes]))


def counting(config: TrainerConfig) -> np.ndarray:
    """Requests for all counters, in the order of :data:`NAMES`."""
    return _requests(config, False, Region.MISCELLANY, 0, FIRST_COUNTER + np.arange(len(NAMES)), 0)


def sample_words(config: TrainerConfig, samples: Samples) -> np.ndarray:
    """The words of the stream: uint64 ``[n]``."""
    count, steps, inputs = samples.spikes.shape
    lanes, words = config.lanes, config.input_words
    padded = np.zeros((count, steps, words * lanes), np.uint64)
    padded[:, :, :inputs] = samples.spikes
    bits = padded.reshape(count, steps * words, lanes) << np.arange(lanes, dtype=np.uint64)
    layout = header_layout(config)
    header = np.zeros(count, np.uint64)
    fields = {"label": samples.labels, "learn": samples.learn, "end": samples.end, "rate": samples.rate}
    for name, field in fields.items():
        if layout[name].width:
            header |= np.asarray(field, np.int64).astype(np.uint64) << np.uint64(layout[name].offset)
    return np.concatenate([header[:, None], bits.sum(axis=2, dtype=np.uint64)], axis=1).reshape(-1)


def results(config: TrainerConfig, words: np.ndarray) -> Results:
    """Results from the words (uint64 ``[n]``) of the stream."""
    layout = result_layout(config)

    def field(name: str) -> np.ndarray:
        part = words >> np.uint64(layout[name].offset)
        return (part & np.uint64((1 << layout[name].width) - 1)).astype(np.int64)

    return Results(field("label"), field("prediction"), field("loss"), field("rejected"))
