"""From a program to a mesh: slices, places, tables."""

from itertools import product

import numpy as np
import pytest

from ranvier.gen.design import load_design
from ranvier.gen.errors import RanvierError
from ranvier.gen.mapping.activity import Activity, profile
from ranvier.gen.mapping.config import Mesh, sized
from ranvier.gen.mapping.design import MeshDesign
from ranvier.gen.mapping.partition import Slice, cut, split
from ranvier.gen.mapping.parts import parts_of
from ranvier.gen.mapping.placement import place_parts
from ranvier.golden.inference import run_layer, synaptic_drive

from ..programs import random_program


@pytest.fixture(scope="module")
def digits():
    return load_design("digits")


@pytest.mark.parametrize("seed", range(8))
def test_slices_together_do_what_the_layer_does(seed):
    rng = np.random.default_rng(seed)
    program = random_program(rng, [9, 14, 6], steps=5, readout=bool(seed % 2), weight_width=4)
    counts = [int(rng.integers(1, 8)), int(rng.integers(1, 7))]
    slices = cut(program, counts)
    assert [sum(part.layer == number for part in slices) for number in range(2)] == counts
    spikes = rng.random((3, 5, 9)) < 0.4
    for number, layer in enumerate(program.layers):
        whole = run_layer(layer, [spikes])
        parts = [
            run_layer(part.of(program, list(range(part.neurons))), [spikes]) for part in slices if part.layer == number
        ]
        for name in ("spikes", "membrane"):
            np.testing.assert_array_equal(
                np.concatenate([getattr(part, name) for part in parts], 2), getattr(whole, name)
            )
        np.testing.assert_array_equal(sum(part.saturations for part in parts), whole.saturations)
        spikes = whole.spikes


@pytest.mark.parametrize("seed", range(12))
def test_partial_sums_and_the_home_together_are_the_drive_of_the_layer(seed):
    """Through the tables: what each sum is added to is found from its packet, as the home's core finds it."""
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(4, 30, 3)]
    program = random_program(rng, sizes, steps=5, readout=bool(seed % 2), weight_width=int(rng.integers(1, 5)))
    counts, groups = [int(rng.integers(1, 4)), int(rng.integers(1, 4))], [int(rng.integers(2, 5)), 2]
    lanes = [int(rng.integers(1, 6)), int(rng.integers(1, 6))]
    parts = parts_of(program, cut(program, counts, groups), lanes)
    assert len(parts.slices) == counts[0] * groups[0] + counts[1] * groups[1]
    spikes = rng.random((1, 5, sizes[0])) < 0.4
    summed = 0
    for number, layer in enumerate(program.layers):
        drive = np.zeros((5, layer.neurons), np.int64)
        for sender, (part, own) in enumerate(zip(parts.slices, parts.layers, strict=True)):
            if part.layer != number:
                continue
            inputs = spikes[..., part.first_axon : part.first_axon + part.axons]
            if not part.partial:
                drive[:, part.first : part.first + part.neurons] += synaptic_drive(own, [inputs])[0]
                continue
            sums = run_layer(own, [inputs])
            assert not sums.saturations.any()
            fan_out = parts.fan_outs[sender]
            (home,) = fan_out.targets
            core = parts.cores[home]
            for index, start in enumerate(fan_out.starts):
                ((_, offset),) = fan_out.lists[start]
                code = index + offset - core.indices // 2
                neuron = (code >> core.lane_bits) * core.lanes + code % (1 << core.lane_bits)
                drive[:, parts.slices[home].first + neuron] += sums.membrane[0, :, index]
                summed += 1
        np.testing.assert_array_equal(drive, synaptic_drive(layer, [spikes])[0])
        spikes = run_layer(layer, [spikes]).spikes
    assert summed == sum(part.neurons for part in parts.slices if part.partial) > 0


def test_activity_is_that_of_the_program(digits):
    spikes = digits.measured.spikes[:20]
    activity = profile(digits.program, spikes)
    assert activity.events[0] == pytest.approx(spikes.sum() / 160)
    assert activity.events[2] == 10  # a readout sends every potential
    hidden = sum(
        len(np.flatnonzero(step)) for step in run_layer(digits.program.layers[0], [spikes]).spikes.reshape(160, -1)
    )
    assert activity.events[1] == pytest.approx(hidden / 160)


def test_more_tiles_go_where_they_help(digits):
    program = digits.program
    activity = Activity((np.full(64, 0.3), np.full(128, 0.5), np.ones(10)))
    slices = split(program, 6, activity, [8, 2], None, axons=False)
    # Cycles of a step with 1, 2 and 3 cores: readout 65 * 5, 65 * 3, 65 * 2; hidden 20.2 * 16, 20.2 * 8, 20.2 * 6.
    assert slices[0] == Slice(0, 0, 42, 0, 64) and sum(part.neurons for part in slices) == 138
    assert [sum(part.layer == number for part in slices) for number in range(2)] == [3, 3]
    # With its axons in 3 groups the readout takes (64 / 3 + 1) * 5 + 2 * 10 = 131.7.
    shared = split(program, 6, activity, [8, 2], None)
    assert shared[:3] == slices[:3]
    assert shared[3:] == tuple(Slice(1, 0, 10, first, axons) for first, axons in ((0, 42), (42, 43), (85, 43)))


def test_axons_are_shared_where_that_saves_tiles(digits):
    """Tiles of 125 weights hold a column of 64, or four of 22 and one half of the readout's."""
    activity = profile(digits.program, digits.measured.spikes[:10])
    for axons, tiles in ((False, 128 + 10), (True, None)):
        bits = 8 * (128 if not axons else 125)
        slices = split(digits.program, 200, activity, [8, 2], bits, axons=axons)
        assert all(8 * part.neurons * part.axons <= bits for part in slices)
        assert {part.partial for part in slices} == {False, True} if axons else {False}
        for number, layer in enumerate(digits.program.layers):
            weights = np.zeros((layer.axons, layer.neurons), int)
            for part in slices:
                if part.layer == number:
                    rows = slice(part.first_axon, part.first_axon + part.axons)
                    weights[rows, part.first : part.first + part.neurons] += 1
            assert (weights == 1).all()
        assert tiles is None or len(slices) <= tiles


def test_layers_that_do_not_fit_say_by_how_much(digits):
    activity = profile(digits.program, digits.measured.spikes[:10])
    with pytest.raises(
        RanvierError, match=r"^Program digits must fit 1 tiles, but needs 2 \(hidden 1, readout 1\): take a"
    ):
        split(digits.program, 1, activity, [8, 2], None)
    with pytest.raises(RanvierError, match=r"must fit 4 tiles, but needs 8 \(hidden 7, readout 1\)"):
        split(digits.program, 4, activity, [8, 2], 1024 * 10)
    with pytest.raises(
        RanvierError, match="Layer hidden must fit tiles of 500 bits, but the weights of one neuron take 512: take more"
    ):
        split(digits.program, 4, activity, [8, 2], 500, axons=False)
    with pytest.raises(RanvierError, match="Layer hidden must fit tiles of 7 bits, but one weight takes 8"):
        split(digits.program, 4, activity, [8, 2], 7)
    with pytest.raises(RanvierError, match=r"^Groups of axons of layer hidden must be 1..64, not 65$"):
        cut(digits.program, [1, 1], [65, 1])
    with pytest.raises(RanvierError, match="Groups of axons must be given for each of the 2 layers, not for 1"):
        cut(digits.program, [1, 1], [2])
    with pytest.raises(RanvierError, match=r"^Slices of layer readout must be 1..10, not 11$"):
        cut(digits.program, [1, 11])
    with pytest.raises(RanvierError, match="Slices must be given for each of the 2 layers, not for 3"):
        cut(digits.program, [1, 1, 1])


def test_places_are_the_best_of_all_where_all_can_be_tried(digits):
    """All 24 placements of four slices on 2 x 2, their packets counted link by link, by hand."""
    activity = profile(digits.program, digits.measured.spikes[:50])
    slices = cut(digits.program, [2, 2])
    found = place_parts(parts_of(digits.program, slices, [8, 2]), activity, 2, 2, seed=1)

    def hops(places):
        def far(a, b):
            return abs(a[0] - b[0]) + abs(a[1] - b[1])

        total = 0.0
        for part, place in zip(slices, places, strict=True):
            sent = activity.rates[part.layer + 1][part.first : part.first + part.neurons].sum() + 1
            if part.layer == 0:
                total += far(place, (1, 2)) * (activity.events[0] + 2)
                total += sum((sent + 1) * far(place, places[other]) for other in (2, 3))
            else:
                total += far(place, (1, 2)) * (sent + 1)
        return total

    corners = list(product((0, 1), (0, 1)))
    every = [hops([a, b, c, d]) for a, b, c, d in product(corners, repeat=4) if len({a, b, c, d}) == 4]
    assert len(every) == 24
    assert found.hops == pytest.approx(hops(found.places))
    assert found.hops == pytest.approx(min(every))


def test_the_same_seed_gives_the_same_places(digits):
    activity = profile(digits.program, digits.measured.spikes[:50])
    parts = parts_of(digits.program, cut(digits.program, [13, 3]), [8, 2])
    first, second = (place_parts(parts, activity, 4, 4, seed=3) for _ in range(2))
    assert first == second
    assert len(set(first.places)) == 16 and first.hops < first.hops_in_order


def test_a_mesh_of_another_size_keeps_the_rest():
    assert sized(Mesh(depth=8, seed=5), "3x5") == Mesh(width=3, height=5, depth=8, seed=5)
    assert sized(Mesh(seed=5), "2x3x5") == Mesh(chips=2, width=3, height=5, seed=5)
    assert sized(Mesh(chips=3), "2x2").chips == 3 and sized(Mesh(chips=3), "1x2x2").chips == 1
    for size in ("0x4", "17x1", "4", "4x", "axb", "5x4x4", "0x4x4", "2x2x2x2"):
        with pytest.raises(
            RanvierError, match=rf"^Mesh must be columns x rows, each of 1 to 16, such .*, not '{size}'"
        ):
            sized(None, size)
    with pytest.raises(RanvierError, match=r"^Mesh 2x2x2: a barrier is of one chip: over 2 chips the pace must be"):
        sized(Mesh(pace="barrier"), "2x2x2")


def test_the_chip_has_a_tile_for_each_slice_where_it_was_placed(digits):
    design = MeshDesign(digits, Mesh(width=3, height=2, slices=[3, 2]))
    assert [tile.place for tile in design.chip.tiles] == list(design.mapping.places)
    assert [tile.core.neurons for tile in design.chip.tiles] == [42, 43, 43, 5, 5]
    assert design.chip.outside.senders == 2 and design.chip.outside.targets == 3
    regions = design.chip.memory_map
    ends = [(region.base, region.base + region.words) for region in regions]
    assert all(end <= start for (_, end), (start, _) in zip(sorted(ends), sorted(ends)[1:], strict=False))


def test_slices_that_do_not_fit_say_by_how_much(digits):
    with pytest.raises(RanvierError, match=r"^Program digits must fit 4 tiles, but needs 7 \(hidden 6, readout 1\)"):
        assert MeshDesign(digits, Mesh(slices=[3, 1], axon_groups=[2, 1])).mapping
    message = (
        r"^Slices of layer hidden must fit tiles of 8,192 bits, but the weights of 64 neurons and 64 axons take 32"
    )
    with pytest.raises(RanvierError, match=message):
        assert MeshDesign(digits, Mesh(slices=[2, 1], tile_kib=1)).mapping
    with pytest.raises(ValueError, match="finite number"):
        Mesh(tile_kib=float("inf"))


def test_of_a_large_mesh_the_places_near_the_gate_are_searched(digits):
    activity = profile(digits.program, digits.measured.spikes[:10])
    parts = parts_of(digits.program, cut(digits.program, [3, 1]), [8, 2])
    found = place_parts(parts, activity, 16, 16, seed=1)
    assert all(abs(x - 8) + abs(y - 16) <= 3 for x, y in found.places) and found.hops < found.hops_in_order
    many = place_parts(parts_of(digits.program, cut(digits.program, [128, 10]), [8, 2]), activity, 16, 16, seed=1)
    assert len(set(many.places)) == 138 and many.hops < many.hops_in_order
