"""Spike streams: events in address-event form, with the ends of steps and samples in band."""

from amaranth.hdl import signed
from amaranth.lib import data, stream

from .config import index_width


def event_layout(
    indices: int, value_width: int | None = None, delay_width: int = 0, negative: bool = False
) -> data.StructLayout:
    """Payload of an event, from the low bit: ``index``, ``step_end``, ``sample_end``, ``value``, ``delay``,
    ``negative``.

    A step is its events, each index once for each unit of its spike's value and in any order, then one event with
    ``step_end``, whose index means nothing. The last step of a sample also has ``sample_end``. ``value_width``: a
    readout's events carry the membrane potential, signed, of that many bits. ``delay_width``: within a core events
    carry the number of steps until they arrive. ``negative``: events may be those of spikes below 0.
    """
    fields = {"index": index_width(indices), "step_end": 1, "sample_end": 1}
    if value_width is not None:
        fields["value"] = signed(value_width)
    if delay_width:
        fields["delay"] = delay_width
    if negative:
        fields["negative"] = 1
    return data.StructLayout(fields)


def event_stream(
    indices: int, value_width: int | None = None, delay_width: int = 0, negative: bool = False
) -> stream.Signature:
    """Ready/valid stream of :func:`event_layout`; a payload stays until it is taken."""
    return stream.Signature(event_layout(indices, value_width, delay_width, negative))
