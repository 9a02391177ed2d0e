"""Ports that all encoders have."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.codes.registry import Code

from ..core.fetch import COUNTER_WIDTH
from ..stream import event_stream


def value_layout(code: Code) -> data.StructLayout:
    """Payload of what a host sends, from the low bit: the fields of ``code``."""
    return data.StructLayout(code.fields)


class EncoderSignature(wiring.Signature):
    """``values`` (:func:`value_layout`) in, ``events`` out; ``rejected`` counts what of the values was illegal, and
    sticks at its maximum; ``idle``: nothing is under way."""

    def __init__(self, code: Code) -> None:
        super().__init__(
            {
                "values": In(stream.Signature(value_layout(code))),
                "events": Out(event_stream(code.axons)),
                "rejected": Out(COUNTER_WIDTH),
                "idle": Out(1),
            }
        )
