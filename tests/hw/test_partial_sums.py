"""A core that adds partial sums of other cores, against the one-core golden model of the whole layer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from amaranth.sim import Simulator

from ranvier.gen.images import memory_words
from ranvier.golden.fixed import signed_width, weight_range
from ranvier.golden.inference import run_layer
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, dense
from ranvier.hw.config import CoreConfig, PartialSums, core_config
from ranvier.hw.core import Core
from ranvier.hw.core.lane import last_stage

from ..programs import random_layer, random_model

Event = tuple[int, int, int, int]  # index, step_end, sample_end, value


def home_of(layer: Layer, bounds: list[int], lanes: int) -> CoreConfig:
    """The core of the axons below ``bounds[1]``, which adds the sums of those from each bound to the next."""
    rest, senders = layer.axons - bounds[1], len(bounds) - 2
    longest = max(end - start for start, end in pairwise(bounds[1:]))
    low, high = weight_range(layer.weight_width)
    partial = PartialSums(rest, senders, signed_width(longest * low, longest * high))
    return replace(core_config(layer, lanes), axons=bounds[1], partial=partial)


def events_of(layer: Layer, core: CoreConfig, bounds: list[int], spikes: np.ndarray, rng) -> list[Event]:
    """Spikes and sums of each step in random order."""
    events: list[Event] = []
    for sample in spikes:
        for step, row in enumerate(sample):
            now = [(int(index), 0, 0, int(rng.integers(-2, 2))) for index in np.flatnonzero(row[: bounds[1]])]
            for start, end in pairwise(bounds[1:]):
                sums = row[start:end].astype(np.int64) @ layer.matrix[start:end]
                now += [(core.partial_index(neuron), 0, 0, int(value)) for neuron, value in enumerate(sums)]
            events += [now[place] for place in rng.permutation(len(now))]
            events.append((int(rng.integers(core.indices)), 1, int(step == len(sample) - 1), 0))
    return events


def play(core: CoreConfig, layer: Layer, events: list[Event], stalls=None) -> tuple[list, list[int], dict[str, int]]:
    """The updates (potentials and spikes of the neurons), the cycle in which each event is taken, the counters."""
    unit = Core(core)
    updates, taken, counters = [], [], {}
    own = replace(layer, connections=dense(np.ascontiguousarray(layer.matrix[: core.axons])))

    async def bench(ctx):
        for name, *_ in core.memories:
            port = getattr(unit, f"load_{name}")
            for address, word in enumerate(memory_words(own, core, name)):
                ctx.set(port.enable, 1), ctx.set(port.address, address), ctx.set(port.data, word)
                await ctx.tick()
            ctx.set(port.enable, 0)
        ctx.set(unit.spikes.ready, 1)
        place, cycle, offering = 0, 0, False
        while place < len(events) or not ctx.get(unit.idle):
            assert cycle < 100_000
            offering = offering or (place < len(events) and (stalls is None or stalls.random() < 0.5))
            ctx.set(unit.events.valid, offering)
            if offering:
                ctx.set(
                    unit.events.payload,
                    dict(zip(("index", "step_end", "sample_end", "value"), events[place], strict=True)),
                )
                if ctx.get(unit.events.ready):
                    taken.append(cycle)
                    place, offering = place + 1, False
            if ctx.get(unit.probe_valid):
                updates.append((ctx.get(unit.probe_group), ctx.get(unit.probe_membrane), ctx.get(unit.probe_spikes)))
            await ctx.tick()
            cycle += 1
        counters.update(rejected=ctx.get(unit.rejected), saturations=ctx.get(unit.saturations))

    simulator = Simulator(unit)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return updates, taken, counters


def unpacked(core: CoreConfig, updates: list) -> tuple[np.ndarray, np.ndarray]:
    """Potentials and spikes, ``[steps, neurons]``."""
    width = core.model.state_width
    rows = []
    for group, membranes, spikes in updates:
        for lane in range(min(core.lanes, core.neurons - group * core.lanes)):
            value = membranes >> lane * width & ((1 << width) - 1)
            rows.append((value - (value >> width - 1 << width), spikes >> lane & 1))
    array = np.array(rows).reshape(-1, core.neurons, 2)
    return array[..., 0], array[..., 1]


@pytest.mark.parametrize("seed", range(24))
def test_sums_are_as_good_as_weights(seed):
    rng = np.random.default_rng(seed)
    axons, neurons = int(rng.integers(4, 24)), int(rng.integers(1, 20))
    model = random_model(rng, spiking=bool(rng.integers(4)))
    layer = random_layer(rng, axons, neurons, model=model, weight_width=int(rng.integers(1, 7)))
    inner = sorted(rng.choice(np.arange(1, axons), int(rng.integers(1, 4)), replace=False).tolist())
    bounds = [0, *inner, axons]
    core = home_of(layer, bounds, int(rng.integers(1, neurons + 1)))
    spikes = rng.random((2, 4, axons)) < rng.choice([0.1, 0.5, 0.9])
    events = events_of(layer, core, bounds, spikes, rng)
    updates, _, counters = play(core, layer, events, rng if seed % 2 else None)
    membranes, fired = unpacked(core, updates)
    golden = run_layer(layer, [spikes])
    print(f"seed {seed}: {core.groups} groups, {len(events)} events, {membranes.size} potentials")
    assert membranes.size == 8 * neurons
    np.testing.assert_array_equal(membranes, golden.membrane.reshape(8, neurons))
    np.testing.assert_array_equal(fired, golden.spikes.reshape(8, neurons))
    assert counters == {"rejected": 0, "saturations": min(int(golden.saturations.sum()), 65_535)}


def schedule(core: CoreConfig, events: list[Event]) -> list[int]:
    """The cycle in which each of ``events``, of one step, is taken: operations are issued one a cycle, but none for a
    group whose result is under way."""
    final = last_stage(core.model)
    in_memory = core.groups > final
    issued: dict[int, int] = {}  # for each group, when another operation may follow
    taken, free, start = [], 0, 0  # the next operation may be issued in cycle ``free``
    for index, step_end, *_ in events:
        taken.append(max(free - 1, 0))
        start = taken[-1] + 1
        summed = not step_end and index >= core.indices // 2
        groups = [(index - core.indices // 2) >> core.lane_bits] if summed else range(core.groups)
        cycle = start
        for group in groups:
            cycle = max(cycle, issued.get(group, 0))
            if in_memory or step_end:
                issued[group] = cycle + (final + 1 if in_memory else final - 1)
            cycle += 1
        free = cycle
    return taken


@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_a_sum_takes_a_cycle_where_no_result_for_its_group_is_under_way(lanes):
    rng = np.random.default_rng(lanes)
    model = Lif(10, Shift(2), reset="soft")
    layer = random_layer(rng, 12, 8, model=model, weight_width=4)
    core = home_of(layer, [0, 6, 12], lanes)
    in_order = [(core.partial_index(group * lanes), 0, 0, 5) for group in range(core.groups)]
    _, taken, _ = play(core, layer, in_order)
    assert np.diff(taken).tolist() == [1] * (core.groups - 1)
    mixed = [(axon, 0, 0, 0) for axon in range(6)] + [(core.partial_index(neuron), 0, 0, 5) for neuron in range(8)]
    mixed = [mixed[place] for place in rng.permutation(len(mixed))]
    _, taken, _ = play(core, layer, [*mixed, (0, 1, 0, 0)])
    assert np.diff(taken).tolist() == np.diff(schedule(core, [*mixed, (0, 1, 0, 0)])).tolist()
    assert len(taken) == 15


def test_sums_that_do_not_exist_are_counted():
    """Lanes and groups that are none; and one sum more than a step can have."""
    model = Lif(10, Shift(2), reset="soft")
    layer = random_layer(np.random.default_rng(1), 12, 8, model=model, weight_width=4)
    core = home_of(layer, [0, 6, 12], 3)
    illegal = [core.indices - 1, core.partial_index(0) + 3, core.partial_index(0) + 3 * 4, core.axons]
    sums = [(core.partial_index(0), 0, 0, 1)] * (core.most_events + 1)
    events = [(index, 0, 0, 7) for index in illegal] + [*sums, (0, 1, 0, 0)]
    _, _, counters = play(core, layer, events)
    assert counters["rejected"] == len(illegal) + 1
