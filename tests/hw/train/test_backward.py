"""The backward engine against the leaf functions of golden: what arrives, gradients, and where they go from there."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden.fixed import round_shift
from ranvier.golden.train.gradient import (
    membrane_gradient,
    readout_gradient,
    reset_path,
    spike_gradient,
    through_leak,
    traced_gradient,
)
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.hw.train.backward import BackwardEngine
from ranvier.hw.train.config import TrainerConfig

from ...golden.train.setups import random_setup
from .drive import dense_setup, pack, simulate, unpack, within

MODES = {  # options of a setup, stages of a lane
    "exact": ({"reset_path": "exact", "temporal": True, "traces": False}, 4),
    "detached": ({"reset_path": "detached", "temporal": True, "traces": False}, 3),
    "SLTT": ({"reset_path": "detached", "temporal": False, "traces": False}, 3),
    "OTTT": ({"reset_path": "detached", "temporal": False, "traces": True}, 4),
    "OTTT exact": ({"reset_path": "exact", "temporal": False, "traces": True}, 5),
}
PART_CYCLES = 5  # from a column's part until its sum is written


def gradients(
    setup: TrainingSetup, layer: TrainedLayer, arrival: int, error: int, later: int, spike: int, derivative: int, v: int
) -> tuple[int, int, int, int]:
    """``gs``, ``gv``, what the weights take, and how many of them saturated."""
    parameter, width, model = layer.parameters.get, setup.gradient_width, layer.model
    threshold, reset_value = parameter("threshold", 0), parameter("reset_value", 0)
    through = through_leak(model.membrane_decay, later, parameter("membrane_factor", 0))
    later, leaked = (later, through) if setup.temporal else (0, 0)
    arrived = round_shift(arrival, setup.weight_fraction) + error
    if layer.surrogate is None:
        gs, first = 0, False
        gv, second = readout_gradient(arrived, leaked, width)
    else:
        lost = 0
        if setup.reset_path == "exact":
            lost = reset_path(model, v, later, leaked, threshold, reset_value, setup.weight_fraction)
        gs, first = spike_gradient(arrived, lost, derivative, width)
        gv, second = membrane_gradient(model, layer.surrogate, gs, derivative, leaked, spike, width)
    weight, third = traced_gradient(gv, through, width) if setup.traces else (gv, False)
    return gs, gv, weight, int(first) + int(second) + int(third)


class Bench:
    """The engine, what golden says lies in it, and what has been checked."""

    def __init__(self, config: TrainerConfig, rng: np.random.Generator, stages: int) -> None:
        self.config, self.rng, self.dut = config, rng, BackwardEngine(config)
        self.latency = 1 + stages
        self.arrivals = np.zeros((config.groups, config.lanes), object)
        self.carried, self.operands = self.arrivals.copy(), self.arrivals.copy()
        self.pauses = float(rng.choice([0, 0.3]))
        self.passes = self.parts = self.fetched = self.saturations = self.nonzero = 0

    async def idle(self, ctx) -> int:
        """Cycles until the engine is."""
        cycles = 0
        while ctx.get(self.dut.busy):
            await ctx.tick()
            cycles += 1
        return cycles

    async def add_columns(self, ctx) -> None:
        """Parts back to back but for random pauses, often to the same target."""
        dut, config, rng, setup = self.dut, self.config, self.rng, self.config.setup
        most = max(layer.layer.neurons for layer in config.layers[1:])  # more would not fit an arrival
        left = {group: int(rng.integers(0, min(most, 5) + 1)) for group in range(config.groups)}
        weights, target = [0, 0, 0], 0
        while any(left.values()):
            valid = rng.random() >= self.pauses
            ctx.set(dut.parts.valid, bool(valid))
            word = 0
            if valid:
                if not left[target] or rng.random() < 0.5:
                    target = int(rng.choice([group for group, count in left.items() if count]))
                left[target] -= 1
                rotation, operand = int(rng.integers(config.lanes)), within(rng, setup.gradient_width)
                values = [within(rng, setup.weight_width) for _ in range(config.lanes)]
                word = pack(values, setup.weight_width)
                ctx.set(
                    dut.parts.payload,
                    {"rotation": rotation, "target": target, "operand": pack([operand], setup.gradient_width)},
                )
                for lane in range(config.lanes):
                    self.arrivals[target][lane] += values[(lane + rotation) % config.lanes] * operand
                self.parts += 1
            weights = [*weights[1:], word]
            ctx.set(dut.weights, weights[0])
            await ctx.tick()
        ctx.set(dut.parts.valid, 0)
        for word in [*weights[1:], 0, 0]:  # the last two parts' are still to come
            ctx.set(dut.weights, word)
            assert ctx.get(dut.busy) or word == 0
            await ctx.tick()
        await self.idle(ctx)

    async def end_steps(self, ctx, *, newest: bool) -> None:
        """Every group of every layer once, in random order, against golden."""
        dut, config, rng, setup = self.dut, self.config, self.rng, self.config.setup
        lanes, width = config.lanes, setup.gradient_width
        todo = [(index, group) for index, layer in enumerate(config.layers) for group in range(layer.groups)]
        todo = [todo[k] for k in rng.permutation(len(todo))]
        expected, cycle, checked, behind = {}, 0, 0, None
        while todo or checked < len(expected):
            offer = bool(todo) and rng.random() >= self.pauses
            ctx.set(dut.valid, offer)
            for name in ("spikes", "derivatives", "membranes", "errors"):  # in the cycle after the operation
                ctx.set(getattr(dut, name), behind[name] if behind else 0)
            behind = None
            if offer:
                index, group = todo.pop()
                layer, place = config.layers[index], config.layers[index].group_base + group
                last = index == len(config.layers) - 1
                operation = {"last": group == layer.groups - 1, "newest": newest, "layer": index, "local": group}
                ctx.set(dut.operation, operation | {"group": place})
                spikes = [int(rng.integers(2)) for _ in range(lanes)]
                derivative_width = layer.layer.surrogate.width if layer.layer.surrogate else 1
                derivatives = [int(rng.integers(1 << derivative_width)) for _ in range(lanes)]
                membranes = [within(rng, layer.layer.model.state_width) for _ in range(lanes)]
                errors = [within(rng, config.error_width) for _ in range(lanes)]
                behind = {
                    "spikes": pack(spikes, 1),
                    "derivatives": pack(derivatives, config.derivative_width),
                    "membranes": pack(membranes, config.state_width),
                    "errors": pack(errors, config.error_width),
                }
                found, saturations = [], 0
                for lane in range(lanes):
                    later = 0 if newest else self.carried[place][lane]
                    error = errors[lane] if last else 0
                    *values, limited = gradients(
                        setup, layer.layer, self.arrivals[place][lane], error, later,
                        spikes[lane], derivatives[lane], membranes[lane],
                    )  # fmt: skip
                    there = group * lanes + lane < layer.layer.neurons
                    found.append([value * there for value in values])
                    saturations += limited * there
                self.arrivals[place] = 0
                self.carried[place] = [weight for _, _, weight in found]
                self.operands[place] = [gv for _, gv, _ in found]
                expected[cycle + self.latency] = (place, group, found, saturations)
            assert ctx.get(dut.trace.valid) == (cycle in expected)
            if cycle in expected:
                place, group, found, saturations = expected[cycle]
                trace = dut.trace
                assert (ctx.get(trace.group), ctx.get(trace.local)) == (place, group)
                for number, name in enumerate(("spike", "membrane", "weight")):
                    values = unpack(ctx.get(getattr(trace, f"{name}_gradients")), width, lanes)
                    assert values == [each[number] for each in found], name
                assert ctx.get(trace.nonzero) == pack([int(gv != 0) for _, gv, _ in found], 1)
                assert ctx.get(trace.learning) == pack([int(weight != 0) for _, _, weight in found], 1)
                assert ctx.get(trace.saturations) == saturations
                self.passes += 1
                self.saturations += saturations
                self.nonzero += sum(gv != 0 for _, gv, _ in found)
                checked += 1
            await ctx.tick()
            cycle += 1
        assert await self.idle(ctx) == 0  # busy is low in the cycle after the last trace

    async def fetch(self, ctx) -> None:
        """Random neurons of each layer: each comes out a cycle later with its gradient, if nothing pauses."""
        dut, config, rng = self.dut, self.config, self.rng
        width = config.setup.gradient_width
        for layer in config.layers:
            ctx.set(dut.base, layer.group_base)
            wanted = rng.integers(0, layer.layer.neurons, 5).tolist()
            todo, found, cycle, offering = list(wanted), [], 0, False
            while len(found) < len(wanted):
                offering = bool(todo) and (offering or rng.random() >= self.pauses)
                ctx.set(dut.indices.valid, offering)
                if offering:
                    ctx.set(dut.indices.payload, todo[0])
                ctx.set(dut.neurons.ready, bool(rng.random() >= self.pauses))
                taken = offering and ctx.get(dut.indices.ready)
                if ctx.get(dut.neurons.valid) and ctx.get(dut.neurons.ready):
                    neuron = ctx.get(dut.neurons.payload)
                    found.append((neuron.index, neuron.operand))
                await ctx.tick()
                cycle += 1
                if taken:
                    todo.pop(0)
                    offering = False
            lanes = config.lanes
            assert found == [
                (k, pack([self.operands[layer.group_base + k // lanes][k % lanes]], width)) for k in wanted
            ]
            assert self.pauses or cycle == len(wanted) + 1
            self.fetched += len(found)
        ctx.set(dut.indices.valid, 0)
        assert await self.idle(ctx) == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(3, 6))
def test_gradients_equal_golden(mode, seed):
    """Six samples: columns' parts that arrive, then every group's pass a step back in time, then a scan of them."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([2, 4]))
    options, stages = MODES[mode]
    sizes = [int(size) for size in rng.integers(2, 9, 4)]
    drawn = random_setup(rng, sizes, reset_path=options["reset_path"], temporal=options["temporal"])
    config = TrainerConfig(replace(drawn, traces=options["traces"], lanes=lanes))
    bench = Bench(config, rng, stages)

    async def testbench(ctx):
        for _ in range(6):
            for step in range(config.setup.steps):
                await bench.add_columns(ctx)
                await bench.end_steps(ctx, newest=step == 0)
                await bench.fetch(ctx)

    simulate(bench.dut, testbench)
    print(
        f"{mode}, seed {seed}: {bench.passes} passes of {lanes} lanes, {bench.parts} parts, {bench.nonzero} gradients, "
        f"{bench.saturations} saturations, {bench.fetched} fetched"
    )
    assert min(bench.passes, bench.parts, bench.nonzero, bench.fetched) > 20


def test_busy_until_a_part_is_written():
    dut = BackwardEngine(TrainerConfig(dense_setup([3, 4, 2], lanes=2)))

    async def testbench(ctx):
        ctx.set(dut.parts.valid, 1)
        cycles = 0
        while ctx.get(dut.busy):
            await ctx.tick()
            ctx.set(dut.parts.valid, 0)
            cycles += 1
        assert cycles == PART_CYCLES

    simulate(dut, testbench)
