"""Chips of many cores against the one-core golden model: every spike and every membrane potential of every step."""

from functools import cache

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, ResetInserter, Signal

import ranvier.hw.manycore.tile as tile_text
from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import emit_shared
from ranvier.gen.errors import RanvierError
from ranvier.gen.mapping.config import Mesh
from ranvier.gen.mapping.design import MeshDesign
from ranvier.hw.core import Core
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


def forget(device: MeshDevice) -> None:
    """What probes and outputs have recorded."""
    for name in (*(tile.name for tile in device.design.chip.tiles), *(f"router_{x}_{y}" for x, y in device.flits)):
        device.model.recorded(name)
    device.model.received("events_out")


@pytest.mark.parametrize("pace", ["credits", "barrier"])
def test_digits_over_2_by_2_while_every_link_pauses(pace):
    device = device_of(Mesh(pace=pace), stalls=1)
    device.model.stall(5, 0.4)
    check(device, IMAGES, 1)


def test_digits_over_all_of_4_by_4_while_every_link_pauses():
    """With a barrier: scripts/measure_mesh.py --only networks."""
    check(device_of(Mesh(width=4, height=4, slices=[13, 3]), stalls=2), IMAGES, 2)


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
    forget(device)
    check(device, 5, 4)


def refuse_to_end(device: MeshDevice, cycles: int) -> None:
    """Send an image; the chip must not get through it."""
    device.model.send("events_in", event_words(digits().measured.spikes[:1], np.random.default_rng(1)))
    with pytest.raises(RanvierError, match="did not end within"):
        device.model.run(receive={"events_out": 88}, limit=cycles)


def start_again(device: MeshDevice) -> None:
    """The documented recovery: reset, load all memories, go on."""
    device.model.reset()
    forget(device)
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
    assert device.model.read("misrouted") > 0 and device.model.read("fault") == 1
    start_again(device)
    assert device.model.read("misrouted") == 0
    check(device, 5, 6)


def test_a_host_that_takes_nothing_for_long_loses_nothing():
    """The chip fills up, and says that the host is stuck; it goes on where it was."""
    device = device_of(Mesh(width=2, height=2, slices=[2, 1]))
    spikes = digits().measured.spikes[:1]
    device.model.stall(1, 1.0)
    device.model.send("events_in", event_words(spikes, np.random.default_rng(1)))
    with pytest.raises(RanvierError, match="events_out has sent 0 of 88 words"):
        device.model.run(receive={"events_out": 88}, limit=3_000)
    assert device.model.read("gate_stuck") == 0  # the stream of events in pauses, too
    device.model.stall(None, 0)
    device.model.run(receive={"events_out": 88}, idle="idle", limit=10_000)
    forget(device)
    device.model.stall(1, 0.9)
    check(device, 3, 7)


class Dead(Core):
    """A core that dies of its first event, if it is the one for neurons from 64 on: it is ready for none any more."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        if self.config.name != "hidden_64":
            return m
        around, died, seen = Module(), Signal(), Signal()
        around.d.sync += died.eq(died | self.events.valid)
        around.d.comb += seen.eq(Cat(self.probe_valid, self.probe_membrane, self.probe_spikes).xor())  # by benches
        around.submodules.inner = ResetInserter(died)(m)
        return around


def test_a_core_that_never_becomes_ready_is_told_and_the_others_go_on(monkeypatch):
    """Two or three steps come to all cores; the next waits for the credits of the dead one."""
    monkeypatch.setattr(tile_text, "Core", Dead)
    device = device_of(Mesh(width=2, height=2, slices=[2, 1]))
    dead, alive, _ = device.design.tiles
    device.model.send("events_in", event_words(digits().measured.spikes[:1], np.random.default_rng(1)))
    with pytest.raises(RanvierError, match="did not end within 60000 cycles"):
        device.model.run(receive={"events_out": 88}, limit=60_000)
    if dead.core.name != "hidden_64":
        dead, alive = alive, dead
    assert device.model.read(f"{dead.name}_stuck") == 0
    with pytest.raises(RanvierError, match="did not end within 10000 cycles"):
        device.model.run(receive={"events_out": 88}, limit=10_000)
    flags = {tile.name: device.model.read(f"{tile.name}_stuck") for tile in device.design.tiles}
    assert flags == {tile.name: int(tile is dead) for tile in device.design.tiles}
    assert device.model.read("idle") == 0 and device.model.read("fault") == 0
    membranes, _ = device.model.recorded(alive.name)
    assert 2 * alive.core.groups <= len(membranes) < 8 * alive.core.groups  # of the 8 steps of the image
    assert not len(device.model.recorded(dead.name)[0])


def test_a_list_without_an_end_is_cut_and_counted():
    """The last entry of the gate's list loses its mark: every event goes round the list once more, and no further."""
    device = device_of(Mesh(width=2, height=2, slices=[2, 1]))
    chip = device.design.chip
    region = next(part for part in chip.memory_map if (part.core, part.memory) == ("gate", "lists"))
    entry = chip.format.entry(chip.outside.targets)
    (word,) = [
        word >> chip.load_address_width
        for word in device.design.load_words()
        if word & ((1 << chip.load_address_width) - 1) == region.base + chip.outside.entries - 1
    ]
    mark = 1 << entry["last"].offset
    assert word & mark
    device.model.send("load", [region.base + chip.outside.entries - 1 | (word ^ mark) << chip.load_address_width])
    run = device.run(digits().measured.spikes[:1], np.random.default_rng(1))
    assert run.cycles < 5_000 and not device.comparison.different  # the list was whole but for its mark
    assert device.model.read("gate_strays") == digits().measured.spikes[0].sum()
    assert device.model.read("fault") == 1
    start_again(device)
    assert device.model.read("fault") == 0
    device.comparison.membranes = device.comparison.spikes = device.comparison.outputs = 0
    check(device, 5, 6)
