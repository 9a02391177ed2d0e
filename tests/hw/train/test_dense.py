"""Addresses of weights: every weight of an axon and of a neuron once, where LayerGeometry says, and without a gap."""

import numpy as np
import pytest

from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.dense import Columns, Rows

from .drive import dense_setup, simulate, weight_place

CHAINS = {  # sizes, recurrent layers, lanes
    "divides": ([8, 4, 8], (), 4),
    "divides nowhere": ([13, 9, 6, 5], (), 4),
    "first recurrent": ([5, 7, 3], (0,), 4),
    "all recurrent": ([6, 11, 5], (0, 1), 2),
    "fewer than lanes": ([3, 2, 9, 2], (1,), 8),
    "a single group": ([70, 3], (0,), 16),
}


def chain(name: str) -> TrainerConfig:
    sizes, recurrent, lanes = CHAINS[name]
    return TrainerConfig(dense_setup(sizes, recurrent, lanes=lanes))


def rows_of(dut: Rows, rng, layer: int, count: int, axons: list[int], *, stalls: bool) -> tuple[list, list[int]]:
    """Parts ``(row, position, rotation)`` of all ``axons``, and the cycles in which they were taken."""
    parts, cycles = [], []

    async def testbench(ctx):
        ctx.set(dut.layer, layer)
        ctx.set(dut.count, count)
        left, cycle, offering = list(axons), 0, False
        while left or not ctx.get(dut.idle):
            offering = bool(left) and (offering or not stalls or rng.random() < 0.6)
            ctx.set(dut.axons.valid, offering)
            if offering:
                ctx.set(dut.axons.payload, left[0])
            ctx.set(dut.parts.ready, not stalls or rng.random() < 0.6)
            taken = offering and ctx.get(dut.axons.ready)
            if ctx.get(dut.parts.valid) and ctx.get(dut.parts.ready):
                part = ctx.get(dut.parts.payload)
                parts.append((part.row, part.position, part.rotation))
                cycles.append(cycle)
            await ctx.tick()
            if taken:
                left.pop(0)
                offering = False
            cycle += 1
            assert cycle < 10_000

    simulate(dut, testbench)
    return parts, cycles


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("stalls", [False, True])
def test_rows_visit_every_weight_of_an_axon_once(name, stalls):
    rng, config, visited = np.random.default_rng(1), chain(name), 0
    lanes = config.lanes
    for index, geometry in enumerate(config.layers):
        inputs, neurons = geometry.layer.inputs, geometry.layer.neurons
        axons = rng.permutation(geometry.layer.axons).tolist()
        numbers = [axon if axon < inputs else axon + -inputs % lanes for axon in axons]
        parts, cycles = rows_of(Rows(config), rng, index, geometry.groups, numbers, stalls=stalls)
        assert len(parts) == len(axons) * geometry.groups
        for number, axon in enumerate(axons):
            mine = parts[number * geometry.groups :][: geometry.groups]
            places = []
            for position, part in enumerate(mine):
                assert part[1] == position
                for lane in range(min(lanes, neurons - position * lanes)):  # lane k is in bank k + rotation
                    places.append(((lane + part[2]) % lanes, part[0] + part[1]))
            assert places == [weight_place(config, index, axon, neuron) for neuron in range(neurons)]
            visited += len(places)
        if not stalls:
            assert cycles == list(range(1, len(parts) + 1))  # latency 1, one a cycle
    print(f"seed 1: {visited} weights")
    assert visited == sum(g.layer.axons * g.layer.neurons for g in config.layers)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_row_has_as_many_parts_as_asked_for(count):
    """The gradient engine wants fewer of them: pairs of list entries, not groups."""
    config = chain("divides nowhere")
    parts, cycles = rows_of(Rows(config), np.random.default_rng(2), 0, count, [4, 0, 9], stalls=False)
    assert [(position, rotation) for _, position, rotation in parts] == [
        (position, axon % config.lanes) for axon in (4, 0, 9) for position in range(count)
    ]
    assert cycles == list(range(1, 3 * count + 1))


def columns_of(dut: Columns, rng, layer: int, own: bool, neurons: list, *, stalls: bool) -> tuple[list, list[int]]:
    """Parts of the columns of ``neurons`` (index and operand), and their cycles."""
    parts, cycles = [], []

    async def testbench(ctx):
        ctx.set(dut.layer, layer)
        ctx.set(dut.own, own)
        left, cycle, offering = list(neurons), 0, False
        while left or not ctx.get(dut.idle):
            offering = bool(left) and (offering or not stalls or rng.random() < 0.3)
            ctx.set(dut.neurons.valid, offering)
            if offering:
                ctx.set(dut.neurons.payload, {"index": left[0][0], "operand": left[0][1]})
            taken = offering and ctx.get(dut.neurons.ready)
            if ctx.get(dut.parts.valid):
                part = ctx.get(dut.parts.payload)
                addresses = [part.addresses[bank] for bank in range(dut.config.lanes)]
                parts.append((addresses, part.rotation, part.target, part.operand))
                cycles.append(cycle)
            await ctx.tick()
            if taken:
                left.pop(0)
                offering = False
            cycle += 1
            assert cycle < 10_000

    simulate(dut, testbench)
    return parts, cycles


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("stalls", [False, True])
def test_columns_visit_every_weight_of_a_neuron_once(name, own, stalls):
    """Of the axons that are spikes of a layer; each at the word of the group of neurons that it is a spike of."""
    rng, config, visited, wanted = np.random.default_rng(3), chain(name), 0, 0
    lanes = config.lanes
    for index, geometry in enumerate(config.layers):
        inputs, layer = geometry.layer.inputs, geometry.layer
        neurons = [
            (int(k), int(rng.integers(1 << config.setup.gradient_width))) for k in rng.permutation(layer.neurons)
        ]
        parts, cycles = columns_of(Columns(config), rng, index, own, neurons, stalls=stalls)
        targets = []  # the group of each part, and its axons
        if index:
            before = config.layers[index - 1]
            targets += [
                (before.group_base + group, list(range(group * lanes, min((group + 1) * lanes, inputs))))
                for group in range(before.groups)
            ]
        if own and layer.recurrent:
            targets += [
                (
                    geometry.group_base + group,
                    list(range(group * lanes + inputs, min((group + 1) * lanes, layer.neurons) + inputs)),
                )
                for group in range(geometry.groups)
            ]
        assert len(parts) == len(neurons) * len(targets)
        for number, (neuron, operand) in enumerate(neurons):
            for (target, axons), part in zip(targets, parts[number * len(targets) :], strict=False):
                addresses, rotation, found_target, found_operand = part
                assert (found_target, found_operand) == (target, operand)
                for lane, axon in enumerate(axons):  # the axon of lane j is in bank j + rotation
                    bank = (lane + rotation) % lanes
                    assert (bank, addresses[bank]) == weight_place(config, index, axon, neuron)
                    visited += 1
        if not stalls:
            assert cycles == list(range(1, len(parts) + 1))
        wanted += layer.neurons * ((inputs if index else 0) + (layer.neurons if own and layer.recurrent else 0))
    print(f"seed 3: {visited} weights")
    assert visited == wanted
    assert visited or name == "a single group"
