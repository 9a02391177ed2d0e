"""The rules of streams."""

from amaranth.hdl import Value


def payload(stream):
    return Value.cast(stream.payload)


def stays(p, stream, name):
    """Whether what was offered and not taken in the cycle before is offered still."""
    held = p.past(stream.valid & ~stream.ready, f"{name}_held")
    before = p.past(payload(stream), f"{name}_payload")
    return ~held | (stream.valid & (payload(stream) == before))


def moves(stream):
    return stream.valid & stream.ready
