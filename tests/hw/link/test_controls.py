"""Controls: a link with one rule of its protocol broken fails where the sound one passes."""

import pytest
from amaranth.hdl import Mux

import ranvier.hw.link.serial as serial

from .broken import broken
from .pair import exchange

SMALL = {"width": 8, "wires": 4}
WRONG = "came changed, lost or twice|no end"
RULES = {  # part, what is wired otherwise, what the test says, share of cycles in which sinks take nothing
    "none": ("Session", lambda outer, inner: {}, None, 0.98),
    "checks no CRC and no stop symbol": (
        "LineReceiver",
        lambda outer, inner: {"valid": inner.valid | inner.corrupted},
        "came changed, lost or twice",
        0.5,
    ),
    "takes a flit of any number": (
        "ReceiverWindow",
        lambda outer, inner: {"sequence": Mux(outer.arrive, inner.acknowledge, outer.sequence)},
        "came changed, lost or twice",
        0.5,
    ),
    "sends without credit": ("SenderWindow", lambda outer, inner: {"credit": outer.acknowledge + 4}, WRONG, 0.98),
    "never goes back": ("Session", lambda outer, inner: {"back": 0}, "no end", 0.5),
    "acknowledges more than came": (
        "ReceiverWindow",
        lambda outer, inner: {"acknowledge": inner.acknowledge + 1},
        "no end",
        0.5,
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_seen(rule, monkeypatch):
    part, change, fault, stalls = RULES[rule]
    monkeypatch.setattr(serial, part, broken(getattr(serial, part), change))
    options = SMALL | {"stalls": (0.0, stalls), "rate": 6e-3, "limit": 7_000}
    if fault is None:
        outcome = exchange(21, (60, 60), **options)
        assert all(corrupted > 0 for corrupted in outcome.corrupted.values())
        assert all(again > 0 for again in outcome.retransmissions.values())
    else:
        with pytest.raises(AssertionError, match=fault) as error:
            exchange(21, (60, 60), **options)
        print(f"{rule}: {str(error.value).splitlines()[0]}")
