"""Chips joined by links whose lines err, against the one-core golden model: every spike and membrane potential."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import ranvier.hw.link.serial as serial
from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import emit_shared
from ranvier.gen.errors import RanvierError
from ranvier.gen.mapping.config import Mesh
from ranvier.gen.mapping.design import MeshDesign
from ranvier.golden.routing import MESH_PORTS
from ranvier.sim.mesh.device import MeshDevice
from ranvier.sim.mesh.run import simulator_of
from ranvier.sim.mesh.stalls import stalled_mesh
from ranvier.sim.mesh.system import System, noise_rate

from ..hw.link.broken import broken

COUNTERS = ("corrupted", "retransmissions")


@cache
def digits() -> Design:
    return load_design("digits")


@cache
def device_of(*, stalls: int | None = None, **fields: object) -> MeshDevice:
    """Digits over ``Mesh(**fields)``; ``stalls``: every link of the meshes passes in 12 of 16 cycles."""
    design = MeshDesign(digits(), Mesh.model_validate(fields))
    system = System(design.chips) if stalls is None else System(design.chips, stalled_mesh(stalls, 12))
    return MeshDevice.of(design, emit_shared(system, design.name), simulator_of("compiled"))


def two_chips() -> MeshDevice:
    """Two of 2 x 2, the hidden layer on both."""
    return device_of(chips=2, slices=(6, 2))


def told(device: MeshDevice) -> dict[str, int]:
    """Counters of all bridges together; no packet has gone astray."""
    assert device.faults == {}
    return {name: sum(device.told(name).values()) for name in COUNTERS}


def over_bridges(device: MeshDevice) -> int:
    """Packets that left a gateway over a bridge."""
    return sum(
        int(device.flits[x + (0 if side == "west" else chip.width - 1), chip.height // 2][MESH_PORTS.index(side)])
        for chip in device.design.chips
        for x in [chip.first]
        for side in chip.bridge.sides
    )


def check(device: MeshDevice, first: int, images: int, share: float, seed: int) -> dict[str, int]:
    """All of ``images`` are as golden says, while a ``share`` of the frames is spoiled."""
    before, counted, flits = told(device), device.comparison.values, over_bridges(device)
    device.model.write("rate", noise_rate(share, device.design.chip.frame.symbols))
    run = device.run(digits().measured.spikes[first : first + images], np.random.default_rng(seed))
    device.model.write("rate", 0)
    compared = device.comparison
    faults = {name: value - before[name] for name, value in told(device).items()}
    packets = over_bridges(device) - flits
    print(
        f"seed {seed}, {share} of the frames: {run.cycles} cycles, {packets} packets over bridges, {faults}, "
        f"{compared.values - counted} values compared, {compared.different} differ"
    )
    assert not compared.different, compared.first
    assert compared.values - counted == images * 8 * (2 * 138 + 21)
    assert packets > images * 100
    return faults


def test_digits_over_two_chips():
    mapping = two_chips().design.mapping
    hidden = [place for part, place in zip(mapping.parts.slices, mapping.places, strict=True) if part.layer == 0]
    assert {place[0] // 2 for place in hidden} == {0, 1}
    assert check(two_chips(), 0, 5, 0, 1) == {"corrupted": 0, "retransmissions": 0}


def test_nothing_is_lost_with_one_in_10000_frames_spoiled():
    faults = check(two_chips(), 5, 30, 1e-4, 2)
    assert 0 < faults["corrupted"] < 30


def test_nothing_is_lost_with_one_in_100_frames_spoiled():
    """While the host pauses at random."""
    device = two_chips()
    device.model.stall(3, 0.4)
    faults = check(device, 35, 15, 1e-2, 3)
    device.model.stall(None, 0)
    assert faults["corrupted"] > 50 and faults["retransmissions"] > 20


def test_a_line_that_is_cut_for_a_time_costs_time_only(monkeypatch):
    device = two_chips()
    run = device.model.run

    def cut(*, receive, idle, limit):
        device.model.write("rate", (1 << 32) - 1)
        with pytest.raises(RanvierError, match="did not end within 6000 cycles"):
            run(receive=receive, idle=idle, limit=6_000)
        assert device.model.read("down") == 1
        device.model.write("rate", 0)
        return run(receive=receive, idle=idle, limit=limit)

    monkeypatch.setattr(device.model, "run", cut)
    check(device, 50, 1, 0, 4)
    assert device.model.read("down") == 0


def test_three_chips_of_one_core_while_every_link_pauses():
    """Packets from the first to the last pass through the second."""
    device = device_of(stalls=1, chips=3, width=1, height=1, slices=(2, 1))
    faults = check(device, 0, 5, 1e-2, 5)
    assert all(value > 0 for value in faults.values())


def test_a_link_that_does_not_check_is_found(monkeypatch):
    """The control: what a spoiled frame says is believed."""
    trusting = broken(serial.LineReceiver, lambda outer, inner: {"valid": inner.valid | inner.corrupted})
    monkeypatch.setattr(serial, "LineReceiver", trusting)
    device = device_of(chips=2, width=1, height=1, slices=(1, 1))
    with pytest.raises((AssertionError, RanvierError)) as error:
        check(device, 0, 2, 5e-2, 5)
    assert device.model.read("chip_0_east_corrupted") + device.model.read("chip_1_west_corrupted") > 0
    print(f"found: {str(error.value).splitlines()[0]}")


def test_what_several_chips_cannot_do_is_said():
    with pytest.raises(ValueError, match="over 2 chips the pace must be 'credits'"):
        Mesh(chips=2, pace="barrier")
    with pytest.raises(RanvierError, match=r"^Program digits must fill 4 chips, but chip \d has no core: take fewer"):
        assert MeshDesign(digits(), Mesh(chips=4, slices=[1, 1])).chips
    design = MeshDesign(digits(), Mesh(chips=2, slices=[6, 2]))
    with pytest.raises(ValueError, match="must not have both a barrier and bridges: a barrier is of one chip"):
        replace(design.chip, barrier=True)
    with pytest.raises(ValueError, match="Chips of a system must each be one of 1 in a row"):
        System(design.chips[:1])
