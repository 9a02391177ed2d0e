"""The trainer's Verilog under cocotb: every value equals golden, every cycle is that of the compiled path."""

import functools
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.errors import RanvierError
from ranvier.golden.train.bptt import TrainingState
from ranvier.hw.train.config import TrainerConfig
from ranvier.sim.cosim import CosimModel
from ranvier.sim.simulation import Simulator
from ranvier.sim.training.compare import Comparison, Tally
from ranvier.sim.training.device import TrainerDevice
from ranvier.sim.training.speed import SIMULATORS, measure

from ..sim.test_training import compare_trainers, small_setup, stream
from .verilog import without_initial_values

sys.path.insert(0, str(Path(__file__).parents[1] / "golden/train"))
from setups import random_setup, random_state

STREAMS = {"sent": ("samples",), "received": ("results", "reply"), "recorded": ("forward", "backward")}
Cycles = list[np.ndarray]


def device_of(simulator: str, *, overlap: bool) -> TrainerDevice:
    return TrainerDevice(TrainerConfig(small_setup(), overlap=overlap), simulator=SIMULATORS[simulator])


# Verilator's builds take long: one of them.
@pytest.fixture(
    scope="module",
    params=[("icarus", False), ("icarus", True), ("verilator", True)],
    ids=["icarus-sequential", "icarus-overlapped", "verilator-overlapped"],
)
def pair(request) -> tuple[TrainerDevice, TrainerDevice]:
    """A small trainer under cocotb, and the same one compiled."""
    simulator, overlap = request.param
    return device_of(simulator, overlap=overlap), device_of("compiled", overlap=overlap)


def learn(device: TrainerDevice, *, stall: bool) -> tuple[Tally, Cycles]:
    """Three batches and some samples that are only assessed, and the state; what was compared, when all happened."""
    setup, rng = device.config.setup, np.random.default_rng(1)
    model, start = device.model, device.model.cycles
    model.stall(5 if stall else None, 0.3)
    comparison = Comparison(device, TrainingState.fresh(setup, 1))
    samples = stream(rng, setup, 14, 4)
    comparison.run(replace(samples, learn=np.arange(14) % 5 != 3))
    cycles = [getattr(model, f"{what}_cycles")(name) for what, names in STREAMS.items() for name in names]
    comparison.check_state()
    cycles += [model.received_cycles("reply"), np.array([model.cycles])]
    model.stall(None, 0)
    return comparison.tally, [(part - np.uint64(start)).astype(np.int64) for part in cycles]


def test_every_value_equals_golden_in_the_cycles_of_the_compiled_path(pair):
    ends = []
    for stall in (False, True):
        (tally, found), (compiled, expected) = (learn(device, stall=stall) for device in pair)
        transfers = sum(map(len, found))
        print(f"stalls {stall}: {found[-1][0]} cycles, {transfers} transfers and records, {tally.total} values:")
        print(tally.compared)
        assert tally.wrong == 0, tally.first
        assert compiled.wrong == 0, compiled.first
        assert tally.compared == compiled.compared
        assert min(tally.compared.values()) > 0 and tally.total > 8000
        assert transfers > 1000
        for cycles, others in zip(found, expected, strict=True):
            np.testing.assert_array_equal(cycles, others)
        ends.append(found[-1][0])
    assert ends[1] > ends[0] + 500  # there were stalls


def test_a_weight_that_is_changed_after_it_was_loaded_is_noticed(pair):
    device, _ = pair
    setup = device.config.setup
    comparison = Comparison(device, TrainingState.fresh(setup, 1))
    comparison.state.weights[0][3, 4] += 400
    comparison.run(stream(np.random.default_rng(1), setup, 6, 3))
    comparison.check_state()
    assert comparison.tally.mismatches["hidden.membranes"] > 0
    assert comparison.tally.mismatches["hidden.weights"] > 0


def edited(pattern: str, replacement: str, *, power_up: bool = False) -> Simulator:
    """Icarus with one place of the Verilog replaced; with ``power_up`` from x, through a reset."""

    def edit(text: str) -> str:
        if pattern:
            text, count = re.subn(pattern, replacement, text, count=1)
            assert count == 1
        return without_initial_values(text) if power_up else text

    def simulator(*arguments, **options) -> CosimModel:
        model = CosimModel(*arguments, edit=edit, **options)
        if power_up:
            model.reset()
        return model

    return simulator


def test_a_wrong_sign_in_the_verilog_is_noticed():
    """The control: what is simulated is the Verilog."""
    config = TrainerConfig(small_setup())
    device = TrainerDevice(config, simulator=edited(r"\+ (\$signed\(\{ 1'h0, s2_noise \}\))", r"- \1"))
    comparison = Comparison(device, TrainingState.fresh(config.setup, 1))
    comparison.run(stream(np.random.default_rng(1), config.setup, 3, 3))
    assert comparison.tally.wrong == 0
    comparison.check_state()
    assert comparison.tally.mismatches["hidden.weights"] > 0 == comparison.tally.mismatches["hidden.momentum"]


@pytest.mark.parametrize("seed", [0, 9])
def test_random_trainers_without_initial_values_equal_golden(seed):
    """Every register and every memory starts from x; a reset, and a state that is loaded, are enough."""
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(2, 20, 3)]
    setup = replace(random_setup(rng, sizes, reset_path="exact"), lanes=4, batch=16)
    config = TrainerConfig(setup, overlap=bool(seed % 2))
    comparison = Comparison(TrainerDevice(config, simulator=edited("", "", power_up=True)), random_state(rng, setup))
    comparison.run(compare_trainers.random_stream(rng, config, 8))
    comparison.check_state()
    print(f"seed {seed}: {sizes}, {comparison.tally.total} values")
    assert comparison.tally.wrong == 0, comparison.tally.first
    assert min(comparison.tally.compared.values()) > 0 and comparison.tally.total > 1000


def test_a_register_that_reset_forgets_is_noticed():
    """The control: `wiping`, which begins at 1, is not reset."""
    with pytest.raises(RanvierError, match=r"must have known valid and ready|idle is X$"):
        TrainerDevice(TrainerConfig(small_setup()), simulator=edited(r"rst \? 1'h1 :", "", power_up=True))


def test_the_compiled_path_is_20_times_as_fast_as_icarus():
    """In CPU time, golden and all comparisons included."""
    config = TrainerConfig(small_setup())
    samples = stream(np.random.default_rng(6), config.setup, 24, 6)
    measured = functools.partial(measure, config, samples)
    icarus, compiled = measured(SIMULATORS["icarus"]), measured(SIMULATORS["compiled"])
    for speed in (icarus, compiled):
        print(f"{speed.cycles} cycles, {speed.compared} values, {speed.cycles_per_second:,.0f} cycles a second")
        assert speed.compared > 10_000
    assert compiled.cycles_per_second >= 20 * icarus.cycles_per_second
