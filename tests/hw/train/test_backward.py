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
PART_CYCLES = 5  # from the end of a round until its sums can be read


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
        self.carried = np.zeros((config.groups, config.lanes), object)
        self.operands = self.carried.copy()
        self.pauses = float(rng.choice([0, 0.3]))
        self.passes = self.parts = self.rounds = self.fetched = self.saturations = self.nonzero = 0

    async def idle(self, ctx) -> int:
        """Cycles until the engine is."""
        cycles = 0
        while ctx.get(self.dut.busy):
            await ctx.tick()
            cycles += 1
        return cycles

    async def arrive(self, ctx, mask: np.ndarray) -> np.ndarray:
        """Rounds back to back but for random pauses, of the neurons in ``mask`` (bool ``[groups, lanes]``); what
        arrives at each."""
        dut, config, rng, setup = self.dut, self.config, self.rng, self.config.setup
        lanes, width = config.lanes, setup.gradient_width
        arrivals = np.zeros(mask.shape, object)
        places = [rng.permutation(np.flatnonzero(mask[:, lane])).tolist() for lane in range(lanes)]
        most = max(layer.layer.neurons for layer in config.layers[1:])  # more would not fit an arrival
        weights = [0, 0, 0]

        async def send(part: dict | None, word: int) -> None:
            nonlocal weights
            ctx.set(dut.parts.valid, part is not None)
            if part is not None:
                ctx.set(dut.parts.payload, part)
            weights = [*weights[1:], word]
            ctx.set(dut.weights, weights[0])
            await ctx.tick()

        for number in range(max(len(groups) for groups in places)):
            sums = np.zeros(lanes, object)
            for _ in range(int(rng.integers(0, min(most, 5) + 1))):
                while rng.random() < self.pauses:
                    await send(None, int(rng.integers(1 << 20)))
                rotation, operand = int(rng.integers(lanes)), within(rng, width)
                values = [within(rng, setup.weight_width) for _ in range(lanes)]
                part = {"rotation": rotation, "operand": pack([operand], width)}
                await send(part, pack(values, setup.weight_width))
                sums += [values[(lane + rotation) % lanes] * operand for lane in range(lanes)]
                self.parts += 1
            there = [number < len(groups) for groups in places]
            groups = [places[lane][number] if there[lane] else 0 for lane in range(lanes)]
            await send({"end": 1, "groups": groups, "filled": pack(there, 1)}, 0)
            for lane in np.flatnonzero(there):
                arrivals[groups[lane], lane] = sums[lane]
            self.rounds += 1
        await send(None, 0)
        await self.idle(ctx)
        return arrivals

    async def end_step(self, ctx, index: int, *, newest: bool) -> None:
        """What arrives at a layer, and every group of it once, in random order, against golden."""
        dut, config, rng, setup = self.dut, self.config, self.rng, self.config.setup
        lanes, width, layer = config.lanes, setup.gradient_width, config.layers[index]
        derivative_width = layer.layer.surrogate.width if layer.layer.surrogate else 1
        slopes = rng.integers(1 << derivative_width, size=(layer.groups, lanes))
        slopes[rng.random(slopes.shape) < rng.choice([0, 0.5, 1])] = 0  # outside the window, where nothing arrives
        arrived = layer.layer.surrogate is not None and bool(slopes.any()) and rng.random() < 0.8
        arrivals = np.zeros(slopes.shape, object)
        if arrived:
            arrivals = await self.arrive(ctx, slopes != 0)
        todo = rng.permutation(layer.groups).tolist()
        expected, cycle, checked, behind = {}, 0, 0, None
        while todo or checked < len(expected):
            offer = bool(todo) and rng.random() >= self.pauses
            ctx.set(dut.valid, offer)
            for name in ("spikes", "derivatives", "membranes", "errors"):  # in the cycle after the operation
                ctx.set(getattr(dut, name), behind[name] if behind else 0)
            behind = None
            if offer:
                group = todo.pop()
                place = layer.group_base + group
                last = index == len(config.layers) - 1
                operation = {"last": group == layer.groups - 1, "newest": newest, "layer": index, "local": group}
                ctx.set(dut.operation, operation | {"group": place, "arrived": int(arrived)})
                spikes = [int(rng.integers(2)) for _ in range(lanes)]
                derivatives = slopes[group].tolist()
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
                        setup, layer.layer, arrivals[group, lane], error, later,
                        spikes[lane], derivatives[lane], membranes[lane],
                    )  # fmt: skip
                    there = group * lanes + lane < layer.layer.neurons
                    found.append([value * there for value in values])
                    saturations += limited * there
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
            wanted, found, lanes = rng.integers(0, layer.layer.neurons, 5).tolist(), [], config.lanes
            own = int(rng.integers(2))
            ctx.set(dut.own, own)
            todo, asked = list(wanted), False
            while len(found) < len(wanted):
                assert ctx.get(dut.neurons.valid) == asked
                if asked:
                    neuron = ctx.get(dut.neurons.payload)
                    found.append((neuron.own, neuron.index, neuron.operand))
                asked = bool(todo) and rng.random() >= self.pauses
                ctx.set(dut.indices.valid, asked)
                if asked:
                    ctx.set(dut.indices.payload, todo.pop(0))
                await ctx.tick()
            assert found == [
                (own, k, pack([self.operands[layer.group_base + k // lanes][k % lanes]], width)) for k in wanted
            ]
            self.fetched += len(found)
            ctx.set(dut.indices.valid, 0)
            assert await self.idle(ctx) <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(3, 6))
def test_gradients_equal_golden(mode, seed):
    """Twenty samples: rounds of columns, then passes of a layer's groups a step back in time; a scan of them."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([2, 4]))
    options, stages = MODES[mode]
    sizes = [int(size) for size in rng.integers(2, 9, 4)]
    drawn = random_setup(rng, sizes, reset_path=options["reset_path"], temporal=options["temporal"])
    config = TrainerConfig(replace(drawn, traces=options["traces"], lanes=lanes))
    bench = Bench(config, rng, stages)

    async def testbench(ctx):
        for _ in range(20):
            for step in range(config.setup.steps):
                for index in rng.permutation(len(config.layers)).tolist():
                    await bench.end_step(ctx, index, newest=step == 0)
                await bench.fetch(ctx)

    simulate(bench.dut, testbench)
    print(
        f"{mode}, seed {seed}: {bench.passes} passes of {lanes} lanes, {bench.parts} parts in {bench.rounds} "
        f"rounds, {bench.nonzero} gradients, {bench.saturations} saturations, {bench.fetched} fetched"
    )
    assert min(bench.passes, bench.parts, bench.nonzero, bench.fetched) > 20


def test_busy_until_the_end_of_a_round_is_written():
    dut = BackwardEngine(TrainerConfig(dense_setup([3, 4, 2], lanes=2)))

    async def testbench(ctx):
        ctx.set(dut.parts.valid, 1)
        ctx.set(dut.parts.payload, {"end": 1, "filled": 3})
        cycles = 0
        while ctx.get(dut.busy):
            await ctx.tick()
            ctx.set(dut.parts.valid, 0)
            cycles += 1
        assert cycles == PART_CYCLES

    simulate(dut, testbench)
