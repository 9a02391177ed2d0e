"""Meshes under synthetic traffic: nothing lost, doubled, astray or overtaken, and every packet in the cycle that the
model says."""

import numpy as np
import pytest
from amaranth.hdl import Module, Signal

from ranvier.gen.errors import RanvierError
from ranvier.golden.mesh import MeshModel, Traffic
from ranvier.hw.router.mesh import Mesh
from ranvier.sim.mesh.patterns import PATTERNS, bernoulli
from ranvier.sim.mesh.traffic import MeshDevice

RATES = {"uniform": 0.3, "transpose": 0.2, "bit-complement": 0.25, "hot-spot": 0.05}
CYCLES = {"uniform": 2200, "transpose": 2200, "bit-complement": 1600, "hot-spot": 3000}


@pytest.fixture(scope="module")
def square():
    return MeshDevice(8, 8)


def test_patterns_on_8_by_8_lose_nothing_and_take_the_cycles_of_the_model(square):
    packets = 0
    for seed, pattern in enumerate(PATTERNS, 1):
        traffic = bernoulli(pattern, 8, 8, RATES[pattern], CYCLES[pattern], np.random.default_rng(seed))
        outcome, model = square.run(traffic), MeshModel(8, 8).run(traffic)
        print(f"{pattern}, seed {seed}: {len(traffic.source)} packets in {outcome.cycles} cycles")
        assert outcome.flawless
        np.testing.assert_array_equal(outcome.entered, model.entered)
        np.testing.assert_array_equal(outcome.arrived, model.arrived)
        packets += len(traffic.source)
    assert packets >= 100_000


@pytest.mark.parametrize("seed", range(3))
def test_receivers_that_pause_change_nothing(square, seed):
    rng = np.random.default_rng(seed)
    traffic = bernoulli("uniform", 8, 8, 0.2, 500, rng)
    outcome = square.run(traffic, seed=seed, stalls=float(rng.uniform(0.2, 0.7)))
    print(f"seed {seed}: {len(traffic.source)} packets")
    assert outcome.flawless and len(traffic.source) > 5000


def test_a_lone_packet_takes_a_cycle_for_each_hop(square):
    rng = np.random.default_rng(7)
    source, target = rng.integers(0, 64, 300), rng.integers(0, 64, 300)
    source, target = source[source != target], target[source != target]
    due = 40 * np.arange(len(source))
    outcome = square.run(Traffic(source, target, due))
    hops = abs(source % 8 - target % 8) + abs(source // 8 - target // 8)
    np.testing.assert_array_equal(outcome.entered, due)
    np.testing.assert_array_equal(outcome.arrived - outcome.entered, hops + 1)


def test_saturated_by_uniform_traffic_deep_buffers_carry_four_fifths_of_the_bisection_limit():
    """Of the packets of each half, 32 nodes, 32/63 cross the middle, over 8 links. The model stands for the RTL, which
    it equals."""
    traffic = bernoulli("uniform", 8, 8, 0.44, 3000, np.random.default_rng(1))
    arrived = MeshModel(8, 8, depth=16).run(traffic, limit=20_000).arrived
    accepted = ((arrived >= 1000) & (arrived < 3000)).sum() / 2000 / 64
    limit = 8 / (32 * 32 / 63)
    print(f"{accepted:.3f} of {limit:.3f} packets a node and cycle")
    assert accepted >= 0.8 * limit


@pytest.mark.parametrize(("width", "height", "depth"), [(1, 4, 2), (5, 1, 9), (2, 3, 2), (3, 2, 16)])
def test_other_sizes_and_depths(width, height, depth):
    traffic = bernoulli("uniform", width, height, 0.6, 300, np.random.default_rng(depth))
    outcome, model = (
        MeshDevice(width, height, depth=depth).run(traffic),
        MeshModel(width, height, depth=depth).run(traffic),
    )
    assert outcome.flawless and len(traffic.source) > 500
    np.testing.assert_array_equal(outcome.arrived, model.arrived)


class Lossy(Mesh):
    """A mesh one of whose links loses every 16th flit."""

    def join(self, m: Module, name, source, sink):
        super().join(m, name, source, sink)
        if name == "east_of_0_0":
            count = Signal(4)
            m.d.sync += count.eq(count + source.valid)
            m.d.comb += sink.valid.eq(source.valid & (count != 15))


class Doubling(Mesh):
    """A mesh one of whose links repeats a flit now and then."""

    def join(self, m: Module, name, source, sink):
        super().join(m, name, source, sink)
        if name == "east_of_0_0":
            count = Signal(4)
            m.d.sync += count.eq(count + 1)
            m.d.comb += source.ready.eq(sink.ready & (count != 3))


def test_a_link_that_loses_flits_is_found():
    traffic = bernoulli("uniform", 3, 2, 0.4, 200, np.random.default_rng(3))
    with pytest.raises(RanvierError, match="did not end within 5000 cycles"):
        MeshDevice(3, 2, mesh=Lossy).run(traffic, limit=5_000)


def test_a_link_that_repeats_flits_is_found():
    traffic = bernoulli("uniform", 3, 2, 0.4, 200, np.random.default_rng(3))
    outcome = MeshDevice(3, 2, mesh=Doubling).run(traffic, limit=5_000)
    assert outcome.doubled and not outcome.flawless
