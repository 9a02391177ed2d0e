"""The cycle formulas of the forward and the backward pass against the counters of whole trainers."""

from dataclasses import dataclass

import numpy as np
import pytest

from ranvier.gen.training.images import Samples
from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.neurons.lif import Lif
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
    hidden = Lif(14, Shift(1), reset="soft")
    readout = Lif(14, Keep(), spiking=False)
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
    "recomputed": lambda: TrainerConfig(small_setup(reset_path="exact"), recompute=True),
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


def scan_cycles(bits: np.ndarray, lanes: int) -> int:
    """From the start of a scan, that cycle included, until it is seen to be done, with nothing stalled."""
    ones = words_of(bits, lanes)
    return int(np.maximum(ones, 1).sum()) + 3 + int(ones[-1] != 0)


def longest(bits: np.ndarray, lanes: int) -> int:
    """The most ones that one lane has."""
    return int(np.pad(bits, (0, -len(bits) % lanes)).reshape(-1, lanes).sum(axis=0).max())


def empty_words(bits: np.ndarray, lanes: int) -> int:
    return int((words_of(bits, lanes) == 0).sum())


def axons_of(trace: BatchTrace, layer: int, sample: int, step: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The spikes of the layer's inputs, and its own of the step before."""
    axons = trace.forward[layer].axons[sample, step]
    return axons[:inputs], axons[inputs:]


def forward_cycles(config: TrainerConfig, trace: BatchTrace, sample: int, steps: int) -> int:
    """All layers of the first ``steps`` steps of a sample."""
    setup, lanes, now, assessed = config.setup, config.lanes, 0, 0
    softmax = setup.loss.softmax
    loss = 3 * softmax.classes + softmax.dividend_bits + 6
    for step in range(steps):
        for index, layer in enumerate(config.layers):
            inputs, own = axons_of(trace, index, sample, step, layer.layer.inputs)
            scans = [inputs, own] if layer.layer.recurrent and step else [inputs]
            now += sum(scan_cycles(bits, lanes) for bits in scans)
            if index == len(config.layers) - 1:
                now = max(now, assessed)
            spikes = sum(int(bits.sum()) for bits in scans)
            now += spikes * (layer.groups - 1) + layer.groups + 9
        assessed = now + loss if setup.loss.every_step else 0
    return now


def backward_cycles(config: TrainerConfig, trace: BatchTrace, sample: int) -> tuple[Range, Range]:
    """Of a job: propagation, within what the weights' gradients leave of the time until the masks are read; and what
    those gradients take, the flush included."""
    setup, lanes, spent, sums = config.setup, config.lanes, Range(), Range()
    stages = 3 + (setup.reset_path == "exact") + setup.traces
    for step in reversed(range(setup.steps)):
        if config.recompute and step + 1 < setup.steps:
            spent.add(2, 2)
        for index, layer in enumerate(config.layers):
            back = trace.backward[index]
            learning = back.weight[sample, step] != 0
            words = -(-longest(learning, lanes) // PAIR)
            fixed = layer.groups + stages + 7
            spent.add(fixed, fixed)
            scans = []
            if index + 1 < len(config.layers):
                scans.append(trace.backward[index + 1].membrane[sample, step] != 0)
            if layer.layer.recurrent and step + 1 < setup.steps and setup.temporal:
                scans.append(back.membrane[sample, step + 1] != 0)
            rounds = longest(trace.forward[index].derivative[sample, step] != 0, lanes)
            if scans:
                spent.add(0, layer.groups + 3)
            if scans and rounds:
                for bits in scans:
                    cycles = scan_cycles(bits, lanes) + int(words_of(bits, lanes)[-1] != 0)
                    spent.add(cycles, cycles)
                gradients = sum(int(bits.sum()) for bits in scans)
                if gradients:
                    cycles = gradients * (rounds - 1) + rounds + 7
                    spent.add(cycles, cycles)
            inputs, others = axons_of(trace, index, sample, step, layer.layer.inputs)
            for bits in [inputs, others] if words and layer.layer.recurrent and step else [inputs] if words else []:
                parts = int(bits.sum()) * words
                sums.add(max(parts, 1), PAIR * parts + empty_words(bits, lanes) + 6)
    sums.add(1, DRAIN)
    if config.overlap:  # a layer's neurons wait for the gradients of the one before
        spent.most += sums.most
    return spent, sums


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
    cycles = [forward_cycles(config, trace, sample, config.setup.steps) for sample in range(SAMPLES)]
    forward = sum(cycles)
    print(f"seed 1: {SAMPLES} samples, {spent['forward_words']} words of weights, {spent['forward_cycles']} cycles")
    assert spent["samples"] == SAMPLES
    assert spent["forward_cycles"] == forward
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
    for phase, bounds in zip(("backward", "gradient"), zip(*cycles, strict=True), strict=True):
        least, most = sum(bound.least for bound in bounds), sum(bound.most for bound in bounds)
        print(f"{phase}: {least}..{most}")
        assert least <= spent[f"{phase}_cycles"] <= most
    runs = [*range(1, config.setup.steps), config.setup.steps] if config.recompute else [config.setup.steps]
    assert spent["forward_cycles"] == sum(
        forward_cycles(config, trace, sample, steps) for sample in range(SAMPLES) for steps in runs
    )
    assert spent["update_cycles"] == config.weight_words + 7
    assert spent["update_words"] == config.weight_words
    phases = [spent[f"{phase}_cycles"] for phase in ("load", "forward", "assess", "backward", "gradient", "update")]
    if config.overlap:
        assert max(phases) < spent["busy_cycles"] < sum(phases)
    else:  # header, wait, result, job; begin; of all jobs but the last, which updates, the end without an update
        assert spent["busy_cycles"] == sum(phases) + SAMPLES * (4 + 1) + 2 * (SAMPLES - 1)
