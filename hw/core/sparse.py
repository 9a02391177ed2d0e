"""Sparse synapses: of each axon a row of words, in which every lane has an entry for a neuron of its own."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import CoreConfig, index_width
from .fetch import (
    COUNTER_WIDTH,
    clear_pending,
    count_legal,
    count_up,
    delay_port,
    fetched_stream,
    may_take,
    operation_layout,
)
from .lane import last_stage

ENTRY_STAGES = 2  # from a weight word's address until its groups are known and state can be read


def row_layout(config: CoreConfig) -> data.StructLayout:
    """What stands for an axon in the memory of rows: its first word, and how many it has, at least one."""
    return data.StructLayout({"start": index_width(config.weight_words), "words": range(max(config.event_cycles) + 1)})


def entry_layout(config: CoreConfig) -> data.StructLayout:
    """A lane's part of a weight word: a weight, the group of the lane's neuron that it is for (of sparse synapses), and
    the steps until it arrives (where each synapse has its own)."""
    fields = {"weight": config.weight_width}
    if config.rows is not None and config.groups > 1:
        fields["group"] = index_width(config.groups)
    if config.synaptic:
        fields["delay"] = config.delay_width
    return data.StructLayout(fields)


class SparseFetch(wiring.Component):
    """Walks through the row of one event after another, and sequences the updates.

        events → [event whose row is looked up] → operation and weight address, one word a cycle

    ``row_address``, ``row``: the memory of rows, a cycle later. All else is as with :class:`.fetch.Fetch`, but for
    ``operation.group``, which counts in updates only: an event's groups stand in its weight words.

    Latency: an event that is taken in cycle c issues its first word in c + 2. Throughput: an event takes as many
    cycles as its row has words, so that their order does not change when a step ends; an update ``groups`` and, since
    what follows may read any group, :func:`last_stage` more.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        super().__init__(
            {
                "events": In(fetched_stream(config)),
                "may_update": In(1),
                "operation": Out(operation_layout(config)),
                "weight_address": Out(index_width(config.weight_words)),
                "row_address": Out(index_width(config.axons)),
                "row": In(row_layout(config)),
                "rejected": Out(COUNTER_WIDTH),
                "waiting": Out(1),
            }
            | delay_port(config)
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        groups, event, drain = self.config.groups, self.events.payload, last_stage(self.config.model)
        clearing = Signal(init=1)
        looking = Signal()  # an event whose row is looked up
        found = Signal.like(event)
        held = Signal()  # an event whose row is walked through
        is_update = Signal()
        sample_end = Signal()
        left = Signal.like(self.row.words)
        group = Signal.like(self.operation.group)
        negative = Signal()
        pause = Signal(range(drain + 1))
        last = Signal()
        done = Signal()
        move = Signal()
        updates = clearing | is_update
        m.d.comb += [
            last.eq(group == groups - 1),
            self.operation.valid.eq(clearing | (held & (pause == 0) & (self.may_update | ~is_update))),
            self.operation.update.eq(updates),
            self.operation.clear.eq(clearing | sample_end),
            self.operation.emit.eq(is_update & ~clearing),
            self.operation.last.eq(last),
            self.operation.group.eq(group),
            done.eq(self.operation.valid & Mux(updates, last, left == 1)),
            move.eq(looking & ~clearing & may_take(self.config, held, done, is_update & sample_end)),
            self.events.ready.eq(~looking | move),
            self.waiting.eq(~clearing & ~looking & ~held),
        ]
        accepted = self.events.valid & self.events.ready
        legal = count_legal(m, self.events, accepted, event.index < self.config.axons, self.config.most_events)
        m.d.comb += self.row_address.eq(Mux(accepted, event.index, found.index))
        with m.If(self.operation.valid):
            m.d.sync += [group.eq(group + updates), left.eq(left - 1), self.weight_address.eq(self.weight_address + 1)]
        with m.If(done):
            m.d.sync += [group.eq(0), clearing.eq(0), held.eq(0)]
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(done & updates):
            m.d.sync += pause.eq(drain)
        with m.If(move):
            m.d.sync += [
                looking.eq(0),
                held.eq(1),
                is_update.eq(found.step_end),
                sample_end.eq(found.step_end & found.sample_end),
                left.eq(self.row.words),
                self.weight_address.eq(self.row.start),
            ]
            if self.config.axonal:
                m.d.sync += self.delay.eq(found.delay)
            if self.config.negative:
                m.d.sync += negative.eq(found.negative)
        if self.config.negative:
            m.d.comb += self.operation.negative.eq(negative)
        clear_pending(m, self.config, clearing, done, is_update & sample_end)
        with m.If(accepted):
            m.d.sync += [looking.eq(legal), found.eq(event)]
            count_up(m, self.rejected, ~legal)
        return m
