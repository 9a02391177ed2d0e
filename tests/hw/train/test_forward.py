"""The forward engine against the leaf functions of golden: sums, ends of steps, and when each may follow another."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden.neurons.lif import after_reset, fire, integrate, renew
from ranvier.golden.train.setup import TrainedLayer
from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.forward import ForwardEngine

from ...golden.train.setups import random_setup
from .drive import dense_setup, pack, simulate, unpack, within

LATENCY = 6  # from an update to its trace
APART = 5  # from an update to the next of the same group


def end_step(layer: TrainedLayer, total: int) -> tuple[int, dict[str, int]]:
    """What the state starts from again, and what the trace says."""
    model, parameter = layer.model, layer.parameters.get
    threshold = parameter("threshold", 0)
    v, saturated = integrate(total, model.state_width)
    spike = fire(model, v, threshold) if model.spiking else False
    settled = after_reset(model, v, spike, threshold, parameter("reset_value", 0))
    stored = renew(model, v, settled, spike, threshold, parameter("membrane_factor", 0))
    derivative = 0 if layer.surrogate is None else layer.surrogate.apply(v - threshold)
    return stored, {"spikes": int(spike), "derivatives": derivative, "membranes": v, "saturated": int(saturated)}


class Driver:
    """An operation a cycle, weights two cycles behind it; records every trace with its cycle."""

    def __init__(self, ctx, config: TrainerConfig, dut: ForwardEngine) -> None:
        self.ctx, self.config, self.dut = ctx, config, dut
        self.cycle, self.weights, self.traces = 0, [0, 0, 0], []

    async def tick(self, operation: dict | None = None, weights: int = 0) -> None:
        """One cycle, in which ``operation`` begins; ``weights`` are what the banks hold for it."""
        ctx, dut = self.ctx, self.dut
        self.weights = [*self.weights[1:], weights]
        ctx.set(dut.valid, operation is not None)
        if operation is not None:
            ctx.set(dut.operation, operation)
        ctx.set(dut.weights, self.weights[0])
        if ctx.get(dut.trace.valid):
            names = ("layer", "group", "spikes", "derivatives", "membranes", "saturated")
            self.traces.append((self.cycle, {name: ctx.get(getattr(dut.trace, name)) for name in names}))
        await ctx.tick()
        self.cycle += 1

    async def drain(self) -> int:
        """Cycles until ``busy`` is low."""
        start = self.cycle
        self.ctx.set(self.dut.valid, 0)
        while self.ctx.get(self.dut.busy):
            await self.tick()
        return self.cycle - start


@pytest.mark.parametrize("seed", range(4))
def test_additions_and_updates_equal_golden(seed):
    """Steps of every group in random order, its additions back to back and then its update, twelve samples;
    the states are reached by no port, so that every potential is that of all steps before."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([2, 4]))
    sizes = [int(size) for size in rng.integers(2, 12, 4)]
    config = TrainerConfig(replace(random_setup(rng, sizes), lanes=lanes))
    dut, width = ForwardEngine(config), config.setup.weight_width
    groups = [(index, group) for index, layer in enumerate(config.layers) for group in range(layer.groups)]
    state = np.zeros((config.groups, lanes), object)
    expected, additions, pauses = [], 0, [0, 0.4][seed % 2]

    async def one_group(driver: Driver, step: int, index: int, group: int) -> None:
        nonlocal additions
        layer, place = config.layers[index], config.layers[index].group_base + group
        sums = np.zeros(lanes, object)
        # each axon spikes at most once in a step, and the accumulator is as wide as that needs
        for _ in range(min(layer.layer.axons, int(rng.integers(0, 4)))):
            while rng.random() < pauses:
                await driver.tick()
            word, rotation = [within(rng, width) for _ in range(lanes)], int(rng.integers(lanes))
            await driver.tick({"rotation": rotation}, pack(word, width))
            sums += [word[(lane + rotation) % lanes] for lane in range(lanes)]
            additions += 1
        while rng.random() < pauses:
            await driver.tick()
        last = group == layer.groups - 1
        trace = {"layer": index, "group": place, "spikes": 0, "derivatives": [], "membranes": [], "saturated": 0}
        for lane in range(lanes):
            there = group * lanes + lane < layer.layer.neurons
            before = state[place][lane] if step else 0
            state[place][lane], found = end_step(layer.layer, before + sums[lane])
            trace["spikes"] |= (found["spikes"] & there) << lane
            trace["saturated"] |= (found["saturated"] & there) << lane
            trace["derivatives"].append(found["derivatives"] * there)
            trace["membranes"].append(found["membranes"])
        expected.append((driver.cycle + LATENCY, trace))
        operation = {"update": 1, "fresh": int(step == 0), "last": int(last), "group": place, "layer": index}
        await driver.tick(operation)

    async def testbench(ctx):
        driver = Driver(ctx, config, dut)
        for _ in range(12):
            for step in range(config.setup.steps):
                for index, group in rng.permutation(groups).tolist():
                    await one_group(driver, step, index, group)
                await driver.drain()
        for (cycle, found), (due, trace) in zip(driver.traces, expected, strict=True):
            assert cycle == due
            names = ("layer", "group", "spikes", "saturated")
            assert [found[name] for name in names] == [trace[name] for name in names]
            assert unpack(found["derivatives"], config.derivative_width, lanes, is_signed=False) == trace["derivatives"]
            assert unpack(found["membranes"], config.state_width, lanes) == trace["membranes"]

    simulate(dut, testbench)
    spikes = sum(trace["spikes"].bit_count() for _, trace in expected)
    print(f"seed {seed}: {additions} additions, {len(expected)} updates of {lanes} lanes, {spikes} spikes")
    assert additions > 50 and len(expected) > 50 and spikes > 10


@pytest.mark.parametrize("update", [0, 1])
def test_busy_until_all_is_written(update):
    """Seven cycles, whatever the operation."""
    dut, cycles = ForwardEngine(TrainerConfig(dense_setup([3, 2], lanes=2))), []

    async def testbench(ctx):
        driver = Driver(ctx, dut.config, dut)
        assert not ctx.get(dut.busy)
        for _ in range(3):
            await driver.tick({"update": update, "last": 1})
            ctx.set(dut.valid, 0)
            assert ctx.get(dut.busy)
            cycles.append(1 + await driver.drain())

    simulate(dut, testbench)
    assert cycles == [LATENCY + 1] * 3


@pytest.mark.parametrize("gap", range(1, 9))
def test_an_update_after_an_update(gap):
    """``gap`` cycles after it. From :data:`APART` on the state has been written."""
    config, membranes = TrainerConfig(dense_setup([3, 2], lanes=2)), []
    dut, width = ForwardEngine(config), config.setup.weight_width

    async def testbench(ctx):
        driver = Driver(ctx, config, dut)
        await driver.tick({"update": 0}, pack([90, 80], width))
        await driver.tick({"update": 1, "last": 1, "fresh": 1})  # 90 and 80, which leak to 45 and 40
        for _ in range(gap - 1):
            await driver.tick()
        await driver.tick({"update": 1, "last": 1})
        await driver.drain()
        membranes.extend(unpack(trace["membranes"], config.state_width, 2) for _, trace in driver.traces)

    simulate(dut, testbench)
    assert membranes[0] == [90, 80]
    assert (membranes[1] == [45, 40]) == (gap >= APART)
