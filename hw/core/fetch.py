"""Turns the event stream into memory addresses: one group of neurons a cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import CoreConfig, PartialSums, index_width
from ..stream import event_stream
from .state import RegisterState, in_flight, state_for

COUNTER_WIDTH = 16


def operation_layout(config: CoreConfig) -> data.StructLayout:
    """One group's pass through the lanes.

    ``update`` ends its step, else weights are added; ``clear`` makes the state zero afterwards; ``emit``:
    the update is a step's, not the clearing after reset; ``last``: the group is the last of its pass; ``negative``:
    the weights are taken away.
    """
    flags = {"valid": 1, "update": 1, "clear": 1, "emit": 1, "last": 1, "group": index_width(config.groups)}
    return data.StructLayout(flags | ({"negative": 1} if config.negative else {}))


def addition_layout(config: CoreConfig, partial: PartialSums) -> data.StructLayout:
    """Beside an operation: that of ``valid`` adds ``sum`` to the neuron in ``lane`` of its group, and no weights."""
    return data.StructLayout({"valid": 1, "lane": max(config.lane_bits, 1), "sum": signed(partial.width)})


def fetched_stream(config: CoreConfig) -> stream.Signature:
    """The events that a fetch takes, each with its axon's delay where there are such."""
    width = config.partial and config.partial.width
    return event_stream(config.indices, width, config.delay_width if config.axonal else 0, config.negative)


def delay_port(config: CoreConfig) -> dict[str, wiring.Member]:
    """Beside an operation: the steps until its event arrives."""
    return {"delay": Out(config.delay_width)} if config.axonal else {}


def clear_pending(m: Module, config: CoreConfig, clearing: Signal, done: Value, ends: Value) -> None:
    """Let the pass that clears all groups after reset be one for each slot of the ring of pending currents, and let it
    follow, for the other slots, the update that ``ends`` a sample, too; what comes next waits (:func:`may_take`)."""
    if config.slots == 1:
        return
    left = Signal(range(config.slots), init=config.slots - 1)
    with m.If(done & clearing & (left != 0)):
        m.d.sync += [clearing.eq(1), left.eq(left - 1)]
    with m.If(done & ~clearing & ends):
        m.d.sync += [clearing.eq(1), left.eq(config.slots - 2)]


def may_take(config: CoreConfig, held: Value, done: Value, ends: Value) -> Value:
    """Whether the next event may take the place of the one that is ``held``."""
    return ~held | done if config.slots == 1 else ~held | (done & ~ends)


def scaled(value: Value, factor: int) -> Value:
    """``value * factor`` by shifts and adds."""
    return sum((value << bit for bit in range(1, factor.bit_length()) if factor >> bit & 1), value if factor & 1 else 0)


def count_up(m: Module, counter: Value, when: Value) -> None:
    """Let ``counter`` count ``when``; it sticks at its maximum."""
    with m.If(when & ~counter.all()):
        m.d.sync += counter.eq(counter + 1)


def count_legal(m: Module, events: wiring.PureInterface, accepted: Value, exists: Value, most: int) -> Value:
    """Whether the offered event can be executed: it ``exists``, and the accumulators hold ``most`` in a step."""
    count = Signal(range(most + 1))
    legal = Signal()
    m.d.comb += legal.eq(events.payload.step_end | (exists & (count != most)))
    with m.If(accepted & legal):
        m.d.sync += count.eq(count + 1)
        with m.If(events.payload.step_end):
            m.d.sync += count.eq(0)
    return legal


class Fetch(wiring.Component):
    """Fetches the weights of one event after another, and sequences the updates.

        events → [held event] → operation and weight address, one group a cycle

    After reset it passes over all groups once to clear the state. An event whose index is out of range,
    or that is one more than a step can have, is dropped and counted in ``rejected``, which sticks at its
    maximum. An update waits for ``may_update``. ``spacing``: cycles that must lie between the starts of an
    update and of the pass after it.

    Latency: an event that is taken in cycle c issues its first group in c + 1. Throughput: an event takes
    ``groups`` cycles, an update ``max(groups, spacing)``, without a gap between them. A partial sum is one group's
    operation, with ``addition`` beside it, and takes a cycle; but each operation waits while a result of its group is
    under way, for ``in_flight`` cycles.
    """

    def __init__(self, config: CoreConfig, *, spacing: int) -> None:
        self.config, self.spacing = config, spacing
        partial = config.partial
        super().__init__(
            {
                "events": In(fetched_stream(config)),
                "may_update": In(1),
                "operation": Out(operation_layout(config)),
                "weight_address": Out(index_width(config.weight_words)),
                "rejected": Out(COUNTER_WIDTH),
                "waiting": Out(1),
            }
            | ({} if partial is None else {"addition": Out(addition_layout(config, partial))})
            | delay_port(config)
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        groups, event = self.config.groups, self.events.payload
        clearing = Signal(init=1)
        held = Signal()
        is_update = Signal()
        sample_end = Signal()
        group = Signal.like(self.operation.group)
        negative = Signal()
        ready = Signal()
        last = Signal()
        done = Signal()
        m.d.comb += [
            last.eq(group == groups - 1),
            self.operation.valid.eq(clearing | (held & ready & (self.may_update | ~is_update))),
            self.operation.update.eq(clearing | is_update),
            self.operation.clear.eq(clearing | sample_end),
            self.operation.emit.eq(is_update & ~clearing),
            self.operation.last.eq(last),
            self.operation.group.eq(group),
            done.eq(self.operation.valid & (last if self.config.partial is None else last | self.addition.valid)),
            self.events.ready.eq(~clearing & may_take(self.config, held, done, is_update & sample_end)),
            self.waiting.eq(~clearing & ~held),
        ]
        with m.If(self.operation.valid):
            m.d.sync += group.eq(group + 1)
        with m.If(done):
            m.d.sync += [group.eq(0), clearing.eq(0), held.eq(0)]

        accepted = self.events.valid & self.events.ready
        legal = self._legal(m, accepted)
        with m.If(accepted):
            m.d.sync += [held.eq(legal), is_update.eq(event.step_end), sample_end.eq(event.step_end & event.sample_end)]
            count_up(m, self.rejected, ~legal)
            if self.config.axonal:
                m.d.sync += self.delay.eq(event.delay)
            if self.config.negative:
                m.d.sync += negative.eq(event.negative)
        if self.config.negative:
            m.d.comb += self.operation.negative.eq(negative)
        clear_pending(m, self.config, clearing, done, is_update & sample_end)
        self._address(m, accepted, group)
        self._space(m, ready, done)
        if self.config.partial is not None:
            self._add(m, accepted & legal, group)
        return m

    @property
    def _target(self) -> tuple[Value, Value, Value]:
        """Of the offered event, whether it is a partial sum, and for which lane of which group."""
        lanes, index = self.config.lane_bits, self.events.payload.index
        return index[-1] & ~self.events.payload.step_end, index[:lanes], index[lanes:-1]

    def _add(self, m: Module, accepted: Value, group: Value) -> None:
        adds, to_lane, to_group = self._target
        with m.If(accepted):
            m.d.sync += [self.addition.valid.eq(adds), self.addition.lane.eq(to_lane)]
            m.d.sync += self.addition.sum.eq(self.events.payload.value)
            with m.If(adds):
                m.d.sync += group.eq(to_group)

    def _legal(self, m: Module, accepted: Value) -> Value:
        event, config = self.events.payload, self.config
        exists = event.index < config.axons
        if config.partial is not None:
            adds, to_lane, to_group = self._target
            exists = Mux(adds, (to_lane < config.lanes) & (to_group < config.groups), exists)
        return count_legal(m, self.events, accepted, exists, config.most_events)

    def _address(self, m: Module, accepted: Value, group: Value) -> None:
        groups = self.config.groups
        index = self.events.payload.index
        if groups & (groups - 1) == 0:
            axon = Signal.like(index)
            with m.If(accepted):
                m.d.sync += axon.eq(index)
            m.d.comb += self.weight_address.eq(Cat(group[: groups.bit_length() - 1], axon))
        else:
            with m.If(accepted):
                m.d.sync += self.weight_address.eq(scaled(index, groups))
            with m.Elif(self.operation.valid):
                m.d.sync += self.weight_address.eq(self.weight_address + 1)

    def _space(self, m: Module, ready: Value, done: Value) -> None:
        """Hold the next pass back until the results of an update can be read."""
        now: Value = Const(1)
        gap = self.spacing - self.config.groups
        if gap > 0:
            pause = Signal(range(gap + 1))
            with m.If(done & self.operation.update):
                m.d.sync += pause.eq(gap)
            with m.Elif(~ready):
                m.d.sync += pause.eq(pause - 1)
            now = pause == 0
        if self.config.partial is not None:
            now = now & ~self._flies(m)
        m.d.comb += ready.eq(now)

    def _flies(self, m: Module) -> Value:
        """Whether a result of the group that is next is under way; only partial sums break the order of groups."""
        start, stages, of = self.operation, in_flight(self.config), self.operation.valid
        if state_for(self.config) is RegisterState:
            of = of & start.update
        valid, groups = Signal(stages), data.ArrayLayout(start.group.shape(), stages)
        flying = Signal(groups)
        m.d.sync += [valid.eq(Cat(of, valid)), flying.as_value().eq(Cat(start.group, flying.as_value()))]
        return Cat(valid[stage] & (flying[stage] == start.group) for stage in range(stages)).any()
