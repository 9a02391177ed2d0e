"""Pending currents: what spikes on their way will add to each neuron in one of the next steps."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import CoreConfig, index_width
from .banked import BankedState
from .fetch import operation_layout
from .lane import last_stage, weight_value


class Ring(wiring.Component):
    """Sums of weights for each of ``config.slots`` steps and each neuron, in one bank, or where lanes work on different
    groups or steps in one for each of them. With every update it turns by a step.

        start, groups, delays → slots → banks → sums; weights are added, and what an update has read is cleared

    ``start`` is the operation in stage 0, with the delay of its axon; ``groups``, and the delays of synapses, of each
    bank belong to stage ``entry``, two before the lanes' first stage; ``sums`` (what lies there), ``adds`` and
    ``weights`` to that stage; ``end`` is the operation in the lanes' last one. What is cleared must not be read before
    it is. An event may follow another at once, whatever their delays.
    """

    def __init__(self, config: CoreConfig, *, entry: int) -> None:
        self.config, self.entry = config, entry
        self.banks = config.lanes if config.synaptic or config.rows is not None else 1
        delays = {"delay": In(config.delay_width)}
        if config.synaptic:
            delays = {"delays": In(data.ArrayLayout(config.delay_width, self.banks))}
        super().__init__(
            {
                "start": In(operation_layout(config)),
                "groups": In(data.ArrayLayout(index_width(config.groups), self.banks)),
                "sums": Out(data.ArrayLayout(signed(config.drive_width), config.lanes)),
                "adds": In(1),
                "weights": In(data.ArrayLayout(config.weight_width, config.lanes)),
                "end": In(operation_layout(config)),
            }
            | delays
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, width = self.config, self.config.drive_width
        m.submodules.pending = pending = BankedState(
            groups=config.groups * config.slots, lanes=self.banks, width=width * config.lanes // self.banks
        )
        now = Signal(config.delay_width)
        with m.If(self.start.valid & self.start.update & self.start.last):
            m.d.sync += now.eq(now + 1)
        slots = [now + Mux(self.start.update, 0, self.delay) if config.axonal else now]
        updates = [self.start.update]
        for stage in range(1, self.entry + last_stage(config.model) + 1):
            slots.append(Signal(config.delay_width, name=f"slot{stage}", reset_less=True))
            m.d.sync += slots[stage].eq(slots[stage - 1])
            if stage <= self.entry:
                updates.append(Signal(name=f"updates{stage}"))
                m.d.sync += updates[stage].eq(updates[stage - 1])
        for bank in range(self.banks):
            slot = Signal(config.delay_width, name=f"slot_of_{bank}")
            own = Mux(updates[self.entry], 0, self.delays[bank]) if config.synaptic else 0
            m.d.comb += [
                slot.eq(slots[self.entry] + own),
                pending.read_groups[bank].eq(Cat(slot, self.groups[bank])),
            ]
        added = [Signal(signed(width), name=f"total{k}") for k in range(config.lanes)]
        for k, total in enumerate(added):
            m.d.comb += [
                self.sums[k].eq(pending.read_data.word_select(k, width).as_signed()),
                total.eq(self.sums[k] + weight_value(self.weights[k], config.weight_width)),
            ]
        m.d.comb += [
            pending.accumulate.eq(self.adds),
            pending.accumulated.eq(Cat(added)),
            pending.write.eq(self.end.valid & self.end.update),
            pending.update.eq(1),
            pending.result_group.eq(Cat(slots[-1], self.end.group)),
        ]
        return m
