"""Chips of many cores against the one-core golden model: every spike and every membrane potential of every step."""

from functools import cache

import numpy as np
import pytest

from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import emit_shared
from ranvier.gen.errors import RanvierError
from ranvier.gen.mapping.config import Mesh
from ranvier.gen.mapping.design import MeshDesign
from ranvier.hw.manycore import MeshChip
from ranvier.sim.mesh.device import MeshDevice
from ranvier.sim.mesh.events import event_words
from ranvier.sim.mesh.run import simulator_of
from ranvier.sim.mesh.stalls import stalled_mesh

IMAGES = 50


@cache
def digits() -> Design:
    return load_design("digits")


def device_of(mesh: Mesh, *, simulator: str = "compiled", stalls: int | None = None) -> MeshDevice:
    """Digits over ``mesh``; ``stalls``: every link passes in 6 of 16 cycles, at random by this seed."""
    design = MeshDesign(digits(), mesh)
    chip = MeshChip(design.chip) if stalls is None else MeshChip(design.chip, stalled_mesh(stalls, 6))
    return MeshDevice.of(design, emit_shared(chip, design.name), simulator_of(simulator))


def check(device: MeshDevice, images: int, seed: int, sums: int = 0) -> None:
    """All images are as golden says, so many partial ``sums``, too, and no tile got a packet that it should not
    get."""
    spikes = digits().measured.spikes[:images]
    run = device.run(spikes, np.random.default_rng(seed))
    compared = device.comparison
    print(f"seed {seed}: {run.cycles} cycles, {compared}")
    assert not compared.different, compared.first
    assert compared.spikes == images * 8 * 138
    assert compared.membranes == images * 8 * 138 + sums
    assert compared.outputs == images * 8 * 21
    assert device.faults == {}
    assert sum(int(flits.sum()) for flits in device.flits.values()) > 0


@pytest.mark.parametrize("pace", ["credits", "barrier"])
def test_digits_over_2_by_2_while_every_link_pauses(pace):
    device = device_of(Mesh(pace=pace), stalls=1)
    device.model.stall(5, 0.4)
    check(device, IMAGES, 1)


@pytest.mark.parametrize("pace", ["credits", "barrier"])
def test_digits_over_all_of_4_by_4_while_every_link_pauses(pace):
    check(device_of(Mesh(width=4, height=4, slices=[13, 3], pace=pace), stalls=2), IMAGES, 2)


def test_partial_sums_of_shared_axons_while_every_link_pauses():
    """Ten cores: two homes of the hidden layer with two more for each, and the readout's with three."""
    device = device_of(Mesh(width=4, height=3, slices=[2, 1], axon_groups=[3, 4]), stalls=4)
    device.model.stall(6, 0.4)
    check(device, 20, 3, sums=20 * 8 * (2 * 128 + 3 * 10))


def test_the_verilog_does_what_the_compiled_chip_does():
    """In Icarus, in the same cycles, from the Verilog that a user gets."""
    mesh = Mesh(slices=[2, 1])
    compiled, verilog = device_of(mesh), device_of(mesh, simulator="icarus")
    spikes = digits().measured.spikes[:2]
    cycles = [device.run(spikes, np.random.default_rng(3)).cycles for device in (compiled, verilog)]
    assert cycles[0] == cycles[1]
    assert verilog.comparison.values == compiled.comparison.values > 4_000
    assert not verilog.comparison.different, verilog.comparison.first


def test_a_wrong_weight_is_found():
    """One bit of one weight of an axon in the middle of the image."""
    device = device_of(Mesh())
    tile, chip = device.design.chip.tiles[1], device.design.chip
    region = next(part for part in chip.memory_map if (part.core, part.memory) == (tile.name, "weights"))
    address = region.base + 28 * tile.core.groups
    (word,) = [word for word in device.design.load_words() if word & ((1 << chip.load_address_width) - 1) == address]
    device.model.send("load", [word ^ 1 << chip.load_address_width + 6])
    device.run(digits().measured.spikes[:4], np.random.default_rng(1))
    assert device.comparison.different
    assert device.comparison.first.startswith(f"{tile.name}, membranes")


def test_a_reset_in_the_middle_of_a_sample_starts_afresh():
    device = device_of(Mesh())
    words = digits().measured.spikes[:1]
    device.model.send("events_in", event_words(words, np.random.default_rng(1))[:40])
    with pytest.raises(RanvierError):
        device.model.run(receive={"events_out": 10_000}, limit=200)
    device.model.reset()
    device.model.received("events_out")
    for name in (*(tile.name for tile in device.design.chip.tiles), *(f"router_{x}_{y}" for x, y in device.flits)):
        device.model.recorded(name)
    check(device, 5, 4)


def refuse_to_end(device: MeshDevice, cycles: int) -> None:
    """Send an image; the chip must not get through it."""
    device.model.send("events_in", event_words(digits().measured.spikes[:1], np.random.default_rng(1)))
    with pytest.raises(RanvierError, match="did not end within"):
        device.model.run(receive={"events_out": 88}, limit=cycles)


def start_again(device: MeshDevice) -> None:
    """The documented recovery: reset, load all memories, go on."""
    device.model.reset()
    for name in (*(tile.name for tile in device.design.chip.tiles), *(f"router_{x}_{y}" for x, y in device.flits)):
        device.model.recorded(name)
    device.model.received("events_out")
    device.model.send("load", device.design.load_words())
    device.model.run(idle="idle", limit=10_000)


@pytest.mark.parametrize("wrong", ["outside", "empty", "itself"])
def test_tables_that_send_astray_are_counted_and_a_reset_with_right_ones_recovers(wrong):
    """A tile's first target becomes a place outside the mesh, one without a core, or the tile's own."""
    device = device_of(Mesh(width=2, height=2, slices=[2, 1]))
    chip = device.design.chip
    tile = next(tile for tile in chip.tiles if tile.interface.targets == 1 and tile.core.model.spiking)
    place = {"outside": (1 - chip.gate, chip.height), "empty": chip.empty[0], "itself": tile.place}[wrong]
    region = next(part for part in chip.memory_map if (part.core, part.memory) == (tile.name, "targets"))
    word = chip.format.place.const({"x": place[0], "y": place[1]}).as_value().value
    device.model.send("load", [region.base | word << chip.load_address_width])
    refuse_to_end(device, 5_000)
    assert device.model.read("misrouted") > 0
    start_again(device)
    assert device.model.read("misrouted") == 0
    check(device, 5, 6)


def test_a_host_that_takes_nothing_for_long_loses_nothing():
    device = device_of(Mesh(width=2, height=2, slices=[2, 1]))
    device.model.stall(1, 1.0)
    with pytest.raises(RanvierError, match="did not end within 3000 cycles"):
        device.model.run(receive={"events_out": 1}, limit=3_000)
    device.model.stall(1, 0.9)
    check(device, 3, 7)
