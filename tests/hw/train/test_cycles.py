"""The cycle formulas of the forward and the backward pass against the counters of whole trainers."""

from dataclasses import dataclass

import numpy as np
import pytest

from ranvier.gen.training.images import Samples
from ranvier.golden.neuron import Keep, NeuronModel, Shift
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import BatchTrace, TrainingState
from ranvier.golden.train.loss import CrossEntropy, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Triangle
from ranvier.hw.train.config import TrainerConfig
from ranvier.sim.training.device import TrainerDevice

from ...sim.test_training import small_setup
from .test_gradient import DRAIN, PAIR

SAMPLES = 6


def recurrent_setup() -> TrainingSetup:
    """7-9-6-4, two lanes: a loss at every step, the exact reset path, both hidden layers recurrent."""
    hidden = NeuronModel(14, Shift(1), reset="soft")
    readout = NeuronModel(14, Keep(), spiking=False)
    parameters, slope = {"bias": 0, "threshold": 700}, Triangle(8)
    layers = (
        TrainedLayer("first", 7, 9, hidden, parameters, slope, recurrent=True),
        TrainedLayer("second", 9, 6, hidden, parameters, slope, recurrent=True),
        TrainedLayer("output", 6, 4, readout, {"bias": 0}),
    )
    loss = CrossEntropy(Softmax(4, 9), every_step=True)
    return TrainingSetup(
        "recurrent", layers, loss, Sgd(rate_shift=10), steps=4, batch=6, weight_fraction=10, reset_path="exact", lanes=2
    )


CONFIGS = {
    "sequential": lambda: TrainerConfig(small_setup()),
    "overlapped": lambda: TrainerConfig(small_setup(), overlap=True),
    "recurrent": lambda: TrainerConfig(recurrent_setup()),
}


@dataclass
class Range:
    """At least and at most so many cycles."""

    least: int = 0
    most: int = 0

    def add(self, least: int, most: int) -> None:
        self.least += least
        self.most += most


def words_of(bits: np.ndarray, lanes: int) -> np.ndarray:
    """How many ones each word has."""
    return np.pad(bits, (0, -len(bits) % lanes)).reshape(-1, lanes).sum(axis=1)


def gaps(ones: np.ndarray) -> list[int]:
    """Words without a one in front of the first, then of each other one; last, those behind the last."""
    result = [0]
    for count in ones.tolist():
        if count:
            result += [0] * count
        else:
            result[-1] += 1
    return result


def scan_cycles(bits: np.ndarray, lanes: int, parts: int) -> int:
    """From the start of a scan until the last of ``parts`` parts of every axon has been taken, with nothing stalled."""
    ones = words_of(bits, lanes)
    if not ones.any():
        return len(ones) + 2
    first, *between, last = gaps(ones)
    return 3 + first + sum(max(parts, 1 + gap) for gap in between) + max(parts + 1, last)


def column_cycles(bits: np.ndarray, lanes: int, parts: int) -> int:
    """From the start of a scan of gradients until the last part of a column has been added."""
    ones = words_of(bits, lanes)
    if not ones.any():
        return len(ones) + 2
    *before, last = gaps(ones)
    fetched = taken = None
    for gap in before:
        found = 3 + gap if fetched is None else fetched + 1 + gap
        fetched = found if taken is None else max(found, taken)  # the register in front of the columns is free again
        taken = fetched + 1 if taken is None else max(fetched + 1, taken + parts)
    return max(taken + parts + 5, fetched + max(last, 1))


def empty_words(bits: np.ndarray, lanes: int) -> int:
    return int((words_of(bits, lanes) == 0).sum())


def axons_of(trace: BatchTrace, layer: int, sample: int, step: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The spikes of the layer's inputs, and its own of the step before."""
    axons = trace.forward[layer].axons[sample, step]
    return axons[:inputs], axons[inputs:]


def forward_cycles(config: TrainerConfig, trace: BatchTrace, sample: int) -> tuple[int, Range]:
    """All steps and layers of a sample: exactly, and as the docstring's bounds say."""
    setup, lanes, now, bounds, assessed = config.setup, config.lanes, 0, Range(), 0
    softmax = setup.loss.softmax
    loss = 3 * softmax.classes + softmax.dividend_bits + 6
    for step in range(setup.steps):
        for index, layer in enumerate(config.layers):
            inputs, own = axons_of(trace, index, sample, step, layer.layer.inputs)
            scans = [inputs, own] if layer.layer.recurrent and step else [inputs]
            bounds.add(layer.groups + 6, layer.groups + 6)
            for bits in scans:
                now += 1 + scan_cycles(bits, lanes, layer.groups)
                spikes, empty = int(bits.sum()), empty_words(bits, lanes)
                bounds.add(
                    3 + max(spikes * layer.groups, spikes + empty),
                    5 + spikes * layer.groups + empty,
                )
            if index == len(config.layers) - 1:
                now = max(now, assessed)
            now += layer.groups + 6
        assessed = now + loss if setup.loss.every_step else 0
    if setup.loss.every_step:
        bounds.most += (setup.steps - 1) * loss
    return now, bounds


def backward_cycles(config: TrainerConfig, trace: BatchTrace, sample: int) -> tuple[int, Range, Range]:
    """Of a job: propagation exactly and as bounds; bounds of what the weights' gradients take, the flush included."""
    setup, lanes, now, bounds, sums = config.setup, config.lanes, 0, Range(), Range()
    stages = 3 + (setup.reset_path == "exact") + setup.traces
    for step in reversed(range(setup.steps)):
        for index, layer in enumerate(config.layers):
            traces = trace.backward[index]
            nonzero, learning = traces.membrane[sample, step] != 0, traces.weight[sample, step] != 0
            of_lanes = np.pad(learning, (0, -len(learning) % lanes)).reshape(-1, lanes).sum(axis=0)
            words = -(-int(of_lanes.max()) // PAIR)
            spent = layer.groups + stages + 7
            now += spent
            bounds.add(spent, spent)
            if not words and not setup.traces:
                continue
            own = layer.layer.recurrent and step and setup.temporal
            column = (layer.input_words if index else 0) + (layer.groups if own else 0)
            now += 1
            bounds.add(1, 1)
            if column:
                now += column_cycles(nonzero, lanes, column)
                found, empty = int(nonzero.sum()), empty_words(nonzero, lanes)
                bounds.add(max(found * column, found + empty), found * column + empty + 9)
            inputs, others = axons_of(trace, index, sample, step, layer.layer.inputs)
            for bits in [inputs, others] if layer.layer.recurrent and step else [inputs]:
                parts = int(bits.sum()) * words
                sums.add(max(parts, 1), PAIR * parts + empty_words(bits, lanes) + 6)
    sums.add(1, DRAIN)
    return now, bounds, sums


@pytest.fixture(scope="module", params=CONFIGS)
def trainer(request) -> TrainerDevice:
    return TrainerDevice(CONFIGS[request.param]())


def run(device: TrainerDevice, seed: int, density: float, *, learn: bool) -> tuple[dict[str, int], BatchTrace]:
    """One batch of samples: how far every counter went, and what golden did."""
    setup, rng = device.config.setup, np.random.default_rng(seed)
    state = TrainingState.fresh(setup, seed)
    state.weights = [matrix * 2 for matrix in state.weights]
    device.load(state)
    spikes = rng.random((SAMPLES, setup.steps, setup.inputs)) < density
    labels = rng.integers(0, setup.classes, SAMPLES)
    end = np.arange(SAMPLES) == SAMPLES - 1
    before = device.counters()
    device.run(Samples(spikes, labels, np.full(SAMPLES, learn), end & learn, np.ones(SAMPLES, int)))
    after = device.counters()
    return {name: after[name] - before[name] for name in after}, bptt.run_batch(setup, state.weights, spikes, labels)


@pytest.mark.parametrize("density", [0, 0.1, 0.4, 1])
def test_cycles_of_the_forward_pass(trainer, density):
    config = trainer.config
    spent, trace = run(trainer, 1, density, learn=False)
    cycles = [forward_cycles(config, trace, sample) for sample in range(SAMPLES)]
    forward = sum(exact for exact, _ in cycles)
    print(f"seed 1: {SAMPLES} samples, {spent['forward_words']} words of weights, {spent['forward_cycles']} cycles")
    assert spent["samples"] == SAMPLES
    assert spent["forward_cycles"] == forward
    for exact, bounds in cycles:
        assert bounds.least <= exact <= bounds.most
    softmax, words = config.setup.loss.softmax, config.setup.steps * config.input_words
    loss = 3 * softmax.classes + softmax.dividend_bits + 6
    assert spent["load_cycles"] == SAMPLES * words
    assert spent["assess_cycles"] == SAMPLES * loss
    assert spent["busy_cycles"] == SAMPLES * (words + 4 + loss) + forward
    assert spent["backward_cycles"] == spent["gradient_cycles"] == spent["update_cycles"] == 0


@pytest.mark.parametrize("density", [0.1, 0.4, 1])
def test_cycles_of_the_backward_pass(trainer, density):
    config = trainer.config
    spent, trace = run(trainer, 2, density, learn=True)
    cycles = [backward_cycles(config, trace, sample) for sample in range(SAMPLES)]
    print(f"seed 2: {spent}")
    assert spent["rejected"] == 0 and spent["gradient_pairs"] > 0
    assert spent["backward_cycles"] == sum(exact for exact, _, _ in cycles)
    for exact, bounds, _ in cycles:
        assert bounds.least <= exact <= bounds.most
    least, most = sum(sums.least for *_, sums in cycles), sum(sums.most for *_, sums in cycles)
    print(f"gradients: {least}..{most}")
    assert least <= spent["gradient_cycles"] <= most
    assert spent["update_cycles"] == config.weight_words + 7
    assert spent["update_words"] == config.weight_words
    phases = [spent[f"{phase}_cycles"] for phase in ("load", "forward", "assess", "backward", "gradient", "update")]
    if config.overlap:
        assert max(phases) < spent["busy_cycles"] < sum(phases)
    else:  # header, wait, result, job; begin; of all jobs but the last, which updates, the end without an update
        assert spent["busy_cycles"] == sum(phases) + SAMPLES * (4 + 1) + 2 * (SAMPLES - 1)


def test_bounds_hold_for_any_scan():
    """Random maps: what the exact formulas give lies between the bounds that the docstrings state."""
    rng = np.random.default_rng(3)
    for _ in range(2000):
        lanes, parts = int(rng.choice([2, 8])), int(rng.integers(1, 6))
        bits = rng.random(rng.integers(1, 60)) < rng.choice([0, 0.05, 0.3, 0.9])
        spikes, empty = int(bits.sum()), empty_words(bits, lanes)
        least = max(spikes * parts, spikes + empty)
        assert least + 2 <= scan_cycles(bits, lanes, parts) <= spikes * parts + empty + 4
        assert least + 2 <= column_cycles(bits, lanes, parts) <= spikes * parts + empty + 9
