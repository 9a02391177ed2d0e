"""Spiking self-attention: AND and popcount of queries and keys, accumulated where values spike."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.attention import Tokens

from ..config import CoreConfig, index_width
from ..stream import event_stream
from .fetch import COUNTER_WIDTH, count_legal, count_up, operation_layout
from .lane import last_stage
from .spike_words import SpikeWords


class AttentionFetch(wiring.Component):
    """Notes the spikes of a step, and when it ends works out of each group of neurons the sums that they get.

        events → [spike] → words of query, key and value
        step_end → walk → query, key → [popcount of both] → [sums where value spikes], operation

    ``config.attention``: words of query and key hold the channels of a head of a token, those of value ``lanes`` of
    them, which is a group of neurons. Of each group all tokens come one after the other: where the value of one spikes,
    the number of channels is added in which both the group's query and the token's key do. Words are cleared when they
    are read for the last time; after reset one walk clears all.

    ``sums`` belong to the lanes' first stage of ``operation``. All else is as with :class:`.fetch.Fetch`.

    Latency: after a ``step_end`` that is taken in cycle c the first group's operation is issued in c + tokens + 1.
    Throughput: an event takes a cycle, an update ``groups * tokens``; the next one waits :func:`last_stage` more.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        super().__init__(
            {
                "events": In(event_stream(config.axons)),
                "may_update": In(1),
                "operation": Out(operation_layout(config)),
                "sums": Out(data.ArrayLayout(signed(config.drive_width), config.lanes)),
                "rejected": Out(COUNTER_WIDTH),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, shape, event = self.config, self.config.attention, self.events.payload
        drain = last_stage(config.model)
        clearing, held, sample_end = Signal(init=1), Signal(), Signal()
        pause = Signal(range(drain + 1))
        m.submodules.walk = walk = AttentionWalk(shape, config.lanes)
        done = walk.go & walk.last
        m.d.comb += [
            walk.go.eq(clearing | (held & (pause == 0) & self.may_update)),
            self.events.ready.eq(~clearing & (~held | done)),
            self.waiting.eq(~clearing & ~held),
        ]
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(done):
            m.d.sync += [held.eq(0), clearing.eq(0), pause.eq(drain)]
        accepted = self.events.valid & self.events.ready
        legal = count_legal(m, self.events, accepted, event.index < config.axons, config.most_events)
        spike, spiked = Signal.like(event.index), Signal()
        m.d.sync += spiked.eq(accepted & legal & ~event.step_end)
        with m.If(accepted):
            m.d.sync += [held.eq(event.step_end), sample_end.eq(event.sample_end), spike.eq(event.index)]
            count_up(m, self.rejected, ~legal)

        m.d.sync += [
            self.operation.valid.eq(walk.go & walk.last_token),
            self.operation.update.eq(1),
            self.operation.clear.eq(clearing | sample_end),
            self.operation.emit.eq(~clearing),
            self.operation.last.eq(walk.last),
            self.operation.group.eq(walk.group),
        ]
        self._sum(m, walk, self._words(m, walk, spiked, spike))
        return m

    def _words(self, m: Module, walk: "AttentionWalk", spiked: Value, spike: Value) -> list[Value]:
        """Note a spike, or read the words of the walk: of query, key and value, a cycle later."""
        shape, lanes = self.config.attention, self.config.lanes
        found: list[Value] = []
        for place, (name, width) in enumerate(
            (("query", shape.head_channels), ("key", shape.head_channels), ("value", lanes))
        ):
            m.submodules[name] = words = SpikeWords(words=shape.size // width, width=width)
            first, end = place * shape.size, (place + 1) * shape.size
            m.d.comb += [
                words.set.eq(spiked & (spike >= first) & (spike < end)),
                words.index.eq(spike - first),
                words.address.eq(getattr(walk, name)),
                words.clear.eq(walk.go & getattr(walk, f"clear_{name}")),
            ]
            found.append(words.word)
        return found

    def _sum(self, m: Module, walk: "AttentionWalk", words: list[Value]) -> None:
        query, key, value = words
        both, count = Signal(len(query)), Signal(range(len(query) + 1))
        spikes = Signal(len(value))
        first = [Signal(name=f"first{age}") for age in range(2)]
        m.d.comb += both.eq(query & key)
        m.d.sync += [count.eq(sum(both)), spikes.eq(value), first[0].eq(walk.first_token), first[1].eq(first[0])]
        for k in range(self.config.lanes):
            m.d.sync += self.sums[k].eq(Mux(first[1], 0, self.sums[k]) + Mux(spikes[k], count, 0))


class AttentionWalk(wiring.Component):
    """For each token and each block of ``lanes`` of its channels through all tokens: addresses of words, while ``go``.

    ``query``, ``key`` and ``value`` address words (:class:`AttentionFetch`); ``clear_*``: no later step of the walk
    reads that word. ``first_token`` and ``last_token`` of a group, ``last`` of all.

    Latency: none. Throughput: one step a cycle.
    """

    def __init__(self, shape: Tokens, lanes: int) -> None:
        self.shape, self.lanes = shape, lanes
        self.groups = shape.size // lanes
        rows = index_width(shape.tokens * shape.heads)
        flags = ("clear_query", "clear_key", "clear_value", "first_token", "last_token", "last")
        addresses = {"query": rows, "key": rows, "value": index_width(self.groups), "group": index_width(self.groups)}
        super().__init__(
            {"go": In(1)} | {name: Out(1) for name in flags} | {name: Out(width) for name, width in addresses.items()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tokens, heads, blocks = self.shape.tokens, self.shape.heads, self.shape.head_channels // self.lanes
        other, own = Signal(range(tokens)), Signal(range(tokens))  # tokens of key and value, and of the query
        head, block = Signal(range(heads)), Signal(range(blocks))
        column = Signal(range(heads * blocks))  # of all blocks of a token
        last_block, last_column, last_own = Signal(), Signal(), Signal()
        m.d.comb += [
            self.first_token.eq(other == 0),
            self.last_token.eq(other == tokens - 1),
            last_block.eq(block == blocks - 1),
            last_column.eq(column == heads * blocks - 1),
            last_own.eq(own == tokens - 1),
            self.last.eq(self.last_token & last_column & last_own),
            self.clear_query.eq(self.last_token & last_block),
            self.clear_key.eq(last_own & last_block),
            self.clear_value.eq(last_own),
        ]
        with m.If(self.go):
            m.d.sync += [
                other.eq(other + 1),
                self.key.eq(self.key + heads),
                self.value.eq(self.value + heads * blocks),
            ]
            with m.If(self.last_token):
                following = Mux(last_column, 0, column + 1)
                m.d.sync += [
                    other.eq(0),
                    self.group.eq(self.group + 1),
                    column.eq(following),
                    self.value.eq(following),
                    block.eq(block + 1),
                    self.key.eq(head),
                ]
                with m.If(last_block):
                    after = Mux(last_column, 0, head + 1)
                    m.d.sync += [block.eq(0), head.eq(after), self.key.eq(after), self.query.eq(self.query + 1)]
                with m.If(last_column):
                    m.d.sync += own.eq(own + 1)
            with m.If(self.last):
                m.d.sync += [own.eq(0), self.group.eq(0), self.query.eq(0)]
        return m
