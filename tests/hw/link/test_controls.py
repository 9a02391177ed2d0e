"""Controls: a link with one rule of its protocol broken fails where the sound one passes."""

import pytest
from amaranth.hdl import Module, Mux
from amaranth.lib import wiring

import ranvier.hw.link.serial as serial

from .pair import exchange

SMALL = {"width": 8, "wires": 4}


def broken(part, rule):
    """``part`` with those of its ports wired otherwise that ``rule(outer, inner)`` names."""

    class Broken(wiring.Component):
        def __init__(self, *arguments, **options):
            self.inner = part(*arguments, **options)
            super().__init__(self.inner.signature)

        def elaborate(self, platform):
            m = Module()
            m.submodules.inner = inner = self.inner
            changed = rule(self, inner)
            for name, member in self.inner.signature.members.items():
                outside, inside = getattr(self, name), getattr(inner, name)
                if not member.is_port:
                    wiring.connect(m, wiring.flipped(outside), inside)
                elif member.flow is wiring.In:
                    m.d.comb += inside.eq(changed.get(name, outside))
                else:
                    m.d.comb += outside.eq(changed.get(name, inside))
            return m

    return Broken


RULES = {
    "none": ("Session", lambda outer, inner: {}, None),
    "checks no CRC and no stop symbol": (
        "LineReceiver",
        lambda outer, inner: {"valid": inner.valid | inner.corrupted},
        "came changed, lost or twice|no end",
    ),
    "takes a flit of any number": (
        "ReceiverWindow",
        lambda outer, inner: {"sequence": Mux(outer.arrive, inner.acknowledge, outer.sequence)},
        "came changed, lost or twice|no end",
    ),
    "sends without credit": (
        "SenderWindow",
        lambda outer, inner: {"credit": outer.acknowledge + 4},
        "came changed, lost or twice|no end",
    ),
    "never goes back": ("Session", lambda outer, inner: {"back": 0}, "no end"),
    "acknowledges more than came": (
        "ReceiverWindow",
        lambda outer, inner: {"acknowledge": inner.acknowledge + 1},
        "came changed, lost or twice|no end",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_seen(rule, monkeypatch):
    part, change, fault = RULES[rule]
    monkeypatch.setattr(serial, part, broken(getattr(serial, part), change))
    options = SMALL | {"stalls": (0.0, 0.98), "rate": 4e-3, "limit": 12_000}
    if fault is None:
        outcome = exchange(21, (120, 120), **options)
        assert all(corrupted > 0 for corrupted in outcome.corrupted.values())
        assert all(again > 0 for again in outcome.retransmissions.values())
    else:
        with pytest.raises(AssertionError, match=fault) as error:
            exchange(21, (120, 120), **options)
        print(f"{rule}: {str(error.value).splitlines()[0]}")
