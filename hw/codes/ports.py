"""Ports that all encoders have."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.codes.address import AddressEvents
from ranvier.golden.codes.registry import Code

from ..core.fetch import COUNTER_WIDTH
from ..stream import event_stream


def value_layout(code: Code) -> data.StructLayout:
    """Payload of what a host sends, from the low bit: the fields of ``code``."""
    return data.StructLayout(code.fields)


def counters(code: Code) -> dict[str, wiring.Member]:
    """What of the values was illegal (``rejected``), and of address events what one axon had too often in a step
    (``merged``); they stick at their maximum."""
    names = ("rejected", "merged") if isinstance(code, AddressEvents) else ("rejected",)
    return {name: Out(COUNTER_WIDTH) for name in names}


class EncoderSignature(wiring.Signature):
    """``values`` (:func:`value_layout`) in, ``events`` out, and :func:`counters`; ``idle``: nothing is under way."""

    def __init__(self, code: Code) -> None:
        super().__init__(
            {
                "values": In(stream.Signature(value_layout(code))),
                "events": Out(event_stream(code.axons)),
                "idle": Out(1),
            }
            | counters(code)
        )
