"""Look-up tables and the systolic array against golden: in whole trainers, and their forward part by itself."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.gen.training.emit import emit_trainer
from ranvier.gen.training.images import Samples
from ranvier.golden.train import bptt
from ranvier.hw.train.ablation.front import copy_cycles, step_cycles
from ranvier.hw.train.config import LayerGeometry, TrainerConfig
from ranvier.sim.training.compare import Comparison
from ranvier.sim.training.device import TrainerDevice
from ranvier.sim.training.part import PartDevice

from ...golden.train.setups import random_setup, random_state

PARTS = [  # forward, axons at a time, lanes; more axons than lanes, as many, fewer
    ("lookup", 2, 2),
    ("lookup", 2, 8),
    ("lookup", 4, 2),
    ("lookup", 8, 4),
    ("systolic", 1, 4),
    ("systolic", 2, 8),
    ("systolic", 4, 4),
    ("systolic", 16, 2),
]


def random_config(seed: int, forward: str, fused: int, lanes: int, *, layers: int, overlap: bool = False, **options):
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(3, 24, layers + 1)]
    setup = replace(random_setup(rng, sizes, **options), lanes=lanes, batch=16)
    return rng, TrainerConfig(setup, overlap=overlap, forward=forward, fused=fused)


@pytest.mark.parametrize(
    ("seed", "forward", "fused", "lanes", "overlap"),
    [(1, "lookup", 4, 2, False), (2, "lookup", 2, 4, True), (3, "systolic", 1, 4, True), (4, "systolic", 4, 2, False)],
)
def test_trainers_equal_golden(seed, forward, fused, lanes, overlap):
    """Three rounds of batches, the weights moving: every potential, spike, gradient, weight and momentum."""
    rng, config = random_config(seed, forward, fused, lanes, layers=2, overlap=overlap, recurrent=bool(seed % 2))
    setup = config.setup
    comparison = Comparison(TrainerDevice(config), random_state(rng, setup))
    comparison.device.model.stall(seed, 0.3 * (seed % 2))
    for _ in range(3):
        count = 48
        spikes = rng.random((count, setup.steps, setup.inputs)) < rng.uniform(0.1, 0.7)
        number = np.arange(count)
        labels, rate = rng.integers(0, setup.classes, count), np.ones(count, int)
        comparison.run(Samples(spikes, labels, rng.random(count) < 0.9, number % 8 == 7, rate))
        comparison.check_state()
    tally = comparison.tally
    print(f"seed {seed}: {forward} {fused} × {lanes}: {tally.total} compared, {tally.wrong} differ")
    assert tally.wrong == 0, tally.first
    assert tally.total > 15_000
    assert min(tally.compared.values()) > 0
    counters = comparison.device.counters()
    assert counters["samples"] == 144
    updates, words = 18, config.weight_words
    copying = 18 * (copy_cycles(config) - 1)  # before the first sample, and after each update but the last
    assert counters["update_cycles"] >= updates * words + copying
    assert counters["update_cycles"] <= updates * (words + 20) + copying


@pytest.mark.parametrize(("forward", "fused", "lanes"), PARTS)
def test_forward_parts_equal_golden(forward, fused, lanes):
    """Three layers, recurrent and not; weights are written twice."""
    rng, config = random_config(fused * 100 + lanes, forward, fused, lanes, layers=3)
    device, setup = PartDevice(config), config.setup
    for share in (0.05, 0.5, 1.0):
        device.load(random_state(rng, setup).weights)
        passes = device.run(rng.random((8, setup.steps, setup.inputs)) < share)
        assert passes.copying + 1 == copy_cycles(config)
        assert device.run(rng.random((8, setup.steps, setup.inputs)) < share).copying == 0  # they are up to date
    recurrent = [layer.recurrent for layer in setup.layers]
    print(f"{forward} {fused} × {lanes}: {device.tally.total} compared, {device.tally.wrong} differ; {recurrent}")
    assert device.tally.wrong == 0, device.tally.first
    assert device.tally.total > 2000


@pytest.mark.parametrize(("forward", "fused", "lanes"), [("events", 1, 4), *PARTS])
def test_cycles_of_a_step(forward, fused, lanes):
    """Dense and sparse."""
    rng = np.random.default_rng(fused * 10 + lanes)
    sizes = [int(rng.integers(9, 20)), int(rng.integers(24, 40)), int(rng.integers(40, 50))]
    setup = replace(random_setup(rng, sizes, recurrent=False, readout=False), lanes=lanes)
    config = TrainerConfig(setup, forward=forward, fused=fused)
    device = PartDevice(config)
    weights = random_state(rng, setup).weights
    device.load(weights)
    checked = 0
    for share in (1.0, 0.5, 0.3):
        spikes = rng.random((6, setup.steps, setup.inputs)) < share
        spikes[:, :, 0] = True
        steps = device.run(spikes).steps
        inputs = [spikes, bptt.forward(setup, weights, spikes)[0].spikes]
        for sample in range(len(spikes)):
            for step in range(1, setup.steps):
                cycles = sum(
                    step_cycles(config, layer, sent_by_word(config, layer, raster[sample, step]))
                    for layer, raster in zip(config.layers, inputs, strict=True)
                )
                assert int(steps[sample, step - 1]) == cycles
                checked += 1
    print(f"{forward} {fused} × {lanes}: {checked} steps exactly as the formula says")
    assert checked > 0


def sent_by_word(config: TrainerConfig, layer: LayerGeometry, spikes: np.ndarray) -> list[int]:
    """Of each word of inputs the axons that are added, or the blocks that are looked at once it has been read."""
    words, fused = layer.input_words, config.fused
    padded = np.zeros(words * config.lanes, bool)
    padded[: len(spikes)] = spikes
    if config.forward == "events":
        return padded.reshape(words, config.lanes).sum(axis=1).tolist()
    sent = np.zeros(words, int)
    for block in range(config.input_blocks(layer)):
        if config.forward == "systolic" or padded[block * fused : (block + 1) * fused].any():
            sent[min(((block + 1) * fused - 1) // config.lanes, words - 1)] += 1
    return sent.tolist()


def test_default_has_nothing_of_it():
    rng = np.random.default_rng(0)
    setup = replace(random_setup(rng, [5, 6, 3]), lanes=2)
    text = emit_trainer(TrainerConfig(setup), "trainer")
    assert text == emit_trainer(TrainerConfig(setup, forward="events", fused=1), "trainer")
    assert "front" not in text and "block_" not in text
    assert "front" in emit_trainer(TrainerConfig(setup, forward="systolic"), "trainer")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"forward": "dense"}, "Forward must be one of events, lookup, systolic, not 'dense'"),
        ({"fused": 2}, "Fused axons of forward events must be one of 1, not 2"),
        ({"forward": "lookup"}, "Fused axons of forward lookup must be one of 2, 4, 8, not 1"),
        ({"forward": "systolic", "fused": 3}, "Fused axons of forward systolic must be one of 1, 2, 4, 8, 16, not 3"),
    ],
)
def test_refusals(options, text):
    setup = replace(random_setup(np.random.default_rng(0), [5, 6, 3]), lanes=2)
    with pytest.raises(ValueError) as caught:
        TrainerConfig(setup, **options)
    assert str(caught.value) == text
