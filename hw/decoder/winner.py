"""The neuron of the greatest score: counts, first spike, membrane."""

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, memory

from ..arith import naming
from ..config import index_width
from .decoder import Decoder, shape_of
from .ranking import Ranking


class Winner(Decoder):
    """Keeps a score of each neuron, and the two greatest.

        event → [score of its neuron] → [moved on] → [best and second] → [answer]
                      └────── memory ───────┘

    The memory is read in the cycle of the event, so that it is LUT RAM or registers, and written in the next; a spike
    of a value comes as several events, one after the other, of which each takes the score from the one before. For
    spikes a bit for each neuron says whether it has a score in this sample; of potentials each neuron sends one in the
    first step: neither needs clearing. Spikes only raise scores, so that who is not among the best two gets there by a
    spike of its own; by potentials they are found anew in each step.

    Latency: 3 cycles.
    """

    latency = 3

    def decode(self, m: Module) -> Value:
        model, event = self.model, self.events.payload
        shape = shape_of(*model.score_range)
        fields = {"scored": 1, "ended": 1, "neuron": index_width(model.neurons), "score": shape}
        fields |= {"step": len(self.step), "remaining": len(self.remaining), "sample_end": 1}
        before, after = Signal(data.StructLayout(fields)), Signal(data.StructLayout(fields))
        m.submodules.scores = scores = memory.Memory(shape=unsigned(shape.width), depth=model.neurons, init=[])
        read, write = scores.read_port(domain="comb"), scores.write_port()
        value: Value = Const(1)
        stored: Value = read.data
        if model.readout:
            value = Signal(event.value.shape())
            with m.If(self.free):
                m.d.sync += value.eq(event.value)
        known, moved = self._known(m), Signal(shape)
        if not model.readout:
            stored = Mux(before.scored & (before.neuron == event.index), moved, stored)
        with naming(m):
            m.d.comb += moved.eq(model.advance(before.score, value, before.remaining))
        m.d.comb += [
            read.addr.eq(event.index),
            write.addr.eq(before.neuron),
            write.data.eq(moved),
            write.en.eq(before.scored),
        ]
        with m.If(self.free):
            m.d.sync += [
                before.scored.eq(self.scored),
                before.ended.eq(self.ended),
                before.neuron.eq(event.index),
                before.score.eq(Mux(known, stored, 0)),
                before.step.eq(self.step),
                before.remaining.eq(self.remaining),
                before.sample_end.eq(event.sample_end),
                after.eq(before),
                after.score.eq(moved),
            ]
        best, exits = self._rank(m, after, shape)
        answer = {"class": best, "step": after.step, "exit": exits, "sample_end": after.sample_end}
        self.answer(m, after.ended, **answer)
        return before.scored | before.ended | after.scored | after.ended

    def _known(self, m: Module) -> Value:
        """Whether the event's neuron has a score in this sample."""
        if self.model.readout:
            return self.step != 0
        event, known = self.events.payload, Signal(self.model.neurons)
        with m.If(self.scored):
            m.d.sync += known.bit_select(event.index, 1).eq(1)
        with m.If(self.ended & event.sample_end):
            m.d.sync += known.eq(0)
        return known.bit_select(event.index, 1)

    def _rank(self, m: Module, event: data.View, shape: Shape) -> tuple[Value, Value]:
        """The best neuron, and whether the sample may end, before ``event``."""
        model = self.model
        if model.neurons == 1:
            return Const(0), Const(1)
        m.submodules.ranking = ranking = Ranking(neurons=model.neurons, score=shape, anew=model.readout)
        m.d.comb += [
            ranking.insert.eq(event.scored & self.free),
            ranking.restart.eq(event.ended & self.free & (1 if model.readout else event.sample_end)),
            ranking.neuron.eq(event.neuron),
            ranking.score.eq(event.score),
        ]
        with naming(m):
            ahead = ranking.best < ranking.second
            exits = model.exits(ranking.best_score, ranking.second_score, ahead, event.remaining)
        return ranking.best, exits
