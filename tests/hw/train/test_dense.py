"""Addresses of weights: every weight of an axon and of a neuron once, where LayerGeometry says, and without a gap."""

import numpy as np
import pytest

from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.dense import ListedColumns, ListedRows, Rows

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


def listed(dut, rng, fixed: dict, entries: list, names: tuple[str, ...]) -> list[dict]:
    """What comes of each of ``entries`` in the cycle after it, by ``names``; ``fixed`` inputs hold all the time."""
    found = []

    async def testbench(ctx):
        for name, value in fixed.items():
            ctx.set(getattr(dut, name), value)
        left, asked = list(entries), False
        while left or asked:
            assert ctx.get(dut.parts.valid) == asked
            if asked:
                part = ctx.get(dut.parts.payload)
                found.append({name: getattr(part, name) for name in names})
            asked = bool(left) and rng.random() < 0.7
            ctx.set(dut.entries.valid, asked)
            if asked:
                ctx.set(dut.entries.payload, left.pop(0))
            await ctx.tick()

    simulate(dut, testbench)
    return found


@pytest.mark.parametrize("name", CHAINS)
def test_listed_rows_visit_every_weight_once(name):
    """For every group each axon, the end of the round behind them."""
    rng, config, visited = np.random.default_rng(4), chain(name), 0
    lanes = config.lanes
    for index, geometry in enumerate(config.layers):
        inputs, neurons = geometry.layer.inputs, geometry.layer.neurons
        axons = rng.permutation(geometry.layer.axons).tolist()
        numbers = [axon if axon < inputs else axon + -inputs % lanes for axon in axons]
        entries = []
        for group in range(geometry.groups):
            entries += [{"round": group, "item": number} for number in numbers] + [{"round": group, "end": 1}]
        found = iter(listed(ListedRows(config), rng, {"layer": index}, entries, ("end", "row", "position", "rotation")))
        for group in range(geometry.groups):
            for axon in axons:
                part = next(found)
                assert (part["end"], part["position"]) == (0, group)
                for lane in range(min(lanes, neurons - group * lanes)):  # lane k is in bank k + rotation
                    place = (lane + part["rotation"]) % lanes, part["row"] + part["position"]
                    assert place == weight_place(config, index, axon, group * lanes + lane)
                    visited += 1
            part = next(found)
            assert (part["end"], part["position"]) == (1, group)
    print(f"seed 4: {visited} weights")
    assert visited == sum(g.layer.axons * g.layer.neurons for g in config.layers)


@pytest.mark.parametrize("name", CHAINS)
def test_listed_columns_visit_the_weights_of_their_neurons(name):
    """Of neurons behind a layer and of its own, for one of the layer's neurons in each lane, in no order."""
    rng, config, visited = np.random.default_rng(3), chain(name), 0
    lanes, seen = config.lanes, ("end", "addresses", "rotation", "operand", "groups", "filled")
    for index, geometry in enumerate(config.layers):
        behind = config.layers[index + 1].layer if index + 1 < len(config.layers) else None
        sources = [(0, k) for k in range(behind.neurons)] if behind else []
        sources += [(1, k) for k in range(geometry.layer.neurons)] if geometry.layer.recurrent else []
        for _ in range(4):
            groups = rng.integers(0, geometry.groups, lanes).tolist()
            filled = [int(group * lanes + lane < geometry.layer.neurons) for lane, group in enumerate(groups)]
            mask = sum(bit << lane for lane, bit in enumerate(filled))
            drawn = [(*sources[k], int(rng.integers(1 << 12))) for k in rng.permutation(len(sources))]
            entries = [{"item": {"own": own, "index": k, "operand": value}} for own, k, value in drawn]
            fixed = {"layer": index, "groups": groups, "filled": mask}
            *found, end = listed(ListedColumns(config), rng, fixed, [*entries, {"end": 1}], seen)
            assert (end["end"], end["filled"]) == (1, mask)
            assert [end["groups"][lane] for lane in range(lanes)] == groups
            assert len(found) == len(drawn)
            for (own, neuron, operand), part in zip(drawn, found, strict=True):
                assert (part["end"], part["operand"]) == (0, operand)
                for lane, group in enumerate(groups):  # the axon of lane j is in bank j + rotation
                    if not filled[lane]:
                        continue
                    bank, axon = (lane + part["rotation"]) % lanes, group * lanes + lane
                    layer = index if own else index + 1
                    axon += geometry.layer.inputs if own else 0
                    assert (bank, part["addresses"][bank]) == weight_place(config, layer, axon, neuron)
                    visited += 1
    print(f"seed 3: {visited} weights")
    assert visited > 0 or name == "a single group"
