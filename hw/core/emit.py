"""Turns the results of updates, a group at a time, into the output event stream."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, fifo, wiring
from amaranth.lib.wiring import In, Out

from ..config import CoreConfig, index_width
from ..stream import event_stream


def group_layout(config: CoreConfig) -> data.StructLayout:
    """What one group of an update hands over: for each lane a spike, its value, or a readout's membrane potential."""
    model, shape = config.model, signed(config.model.state_width)
    if model.spiking and not config.graded:
        return data.StructLayout({"spikes": config.lanes})
    if config.graded:
        shape = signed(model.spike_width) if model.signed else unsigned(model.spike_width)
    return data.StructLayout({"values": data.ArrayLayout(shape, config.lanes)})


class Emit(wiring.Component):
    """Buffers one step's results and sends them as events, in the order of the neurons, then ``step_end``. A spike of a
    value is so many events.

        groups → [buffer of a step] → [group being sent] → [event] → events

    ``start`` announces an update and its ``sample_end``; from the next cycle on ``drained`` is low until the
    ``step_end`` of that update is in the last register. A next update must not start before.

    Latency: a group that is written in cycle c sends its first event in c + 4, if none waits before it.
    Throughput: an event a cycle; a group without spikes takes one cycle.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "sample_end": In(1),
                "write": In(1),
                "group": In(group_layout(config)),
                "events": Out(event_stream(config.neurons, config.value_width, negative=config.model.signed)),
                "drained": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes, groups, neurons = self.config.lanes, self.config.groups, self.config.neurons
        width = group_layout(self.config).size
        m.submodules.buffer = buffer = fifo.SyncFIFOBuffered(width=width, depth=groups + 1)
        group = data.View(group_layout(self.config), buffer.r_data)
        busy = Signal()
        sample_end = Signal()
        with m.If(self.start):
            m.d.sync += [busy.eq(1), sample_end.eq(self.sample_end)]
        m.d.comb += [self.drained.eq(~busy), buffer.w_data.eq(self.group.as_value()), buffer.w_en.eq(self.write)]

        out = self.events
        free = Signal()  # the event register can take an event
        m.d.comb += free.eq(~out.valid | out.ready)
        pending = Signal(lanes)  # lanes of the group being sent that have yet to send
        rest = Signal(lanes)
        base = Signal(range(groups * lanes))  # first neuron of that group
        loaded = Signal(range(groups + 1))  # groups taken from the buffer in this step
        lane = Signal(index_width(lanes))
        others = pending & (pending - 1)
        m.d.comb += rest.eq(others)
        for k in reversed(range(lanes)):
            with m.If(pending[k]):
                m.d.comb += lane.eq(k)

        sending = Signal()
        m.d.comb += sending.eq(pending.any() & free)
        with m.If(free):
            m.d.sync += [out.valid.eq(0), out.payload.step_end.eq(0), out.payload.sample_end.eq(0)]
        with m.If(sending):
            m.d.sync += [out.valid.eq(1), out.payload.index.eq(base + lane), pending.eq(rest)]

        with m.If(~pending.any() | (sending & ~rest.any())):  # the next group moves up
            m.d.comb += buffer.r_en.eq(1)
            with m.If(buffer.r_rdy):
                m.d.sync += [loaded.eq(loaded + 1), base.eq(Mux(loaded == 0, 0, base + lanes))]
                everyone = (1 << lanes) - 1
                mine = Mux(loaded == groups - 1, (1 << (neurons - (groups - 1) * lanes)) - 1, everyone)
                m.d.sync += pending.eq(mine & self._sends(group))
        if self.config.graded or not self.config.model.spiking:
            values = Signal.like(group.values.as_value())
            with m.If(buffer.r_en & buffer.r_rdy):
                m.d.sync += values.eq(group.values.as_value())
            value = data.View(group_layout(self.config), values).values[lane]
            if self.config.graded:
                m.d.comb += rest.eq(Mux(self._repeated(m, value, sending), others, pending))
            else:
                with m.If(sending):
                    m.d.sync += out.payload.value.eq(value)
        with m.If(busy & (loaded == groups) & ~pending.any() & free):
            m.d.sync += [
                out.valid.eq(1),
                out.payload.step_end.eq(1),
                out.payload.sample_end.eq(sample_end),
                loaded.eq(0),
                busy.eq(0),
            ]
        return m

    def _sends(self, group: data.View) -> Value:
        """Which lanes of ``group`` send anything."""
        lanes = self.config.lanes
        if not self.config.model.spiking:
            return Const((1 << lanes) - 1)
        return Cat(group.values[k] != 0 for k in range(lanes)) if self.config.graded else group.spikes

    def _repeated(self, m: Module, value: Value, sending: Value) -> Value:
        """Send the event of a spike of ``value`` so many times; whether this is the last time."""
        model = self.config.model
        copy, size, last = Signal(range(model.levels)), Signal(range(model.levels + 1)), Signal()
        m.d.comb += [size.eq(abs(value) if model.signed else value), last.eq(copy + 1 == size)]
        with m.If(sending):
            m.d.sync += copy.eq(Mux(last, 0, copy + 1))
            if model.signed:
                m.d.sync += self.events.payload.negative.eq(value < 0)
        return last
