"""The neuron of the greatest score: counts, first spike, membrane."""

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, memory

from ..arith import naming
from ..config import index_width
from .decoder import Decoder, shape_of
from .ranking import Ranking


class Winner(Decoder):
    """Keeps a score of each neuron, and the two greatest.

        event → [score of its neuron, moved on] → [best and second] → [answer]
                      └ memory ┘

    The memory is read in the cycle of the event, so that it is LUT RAM or registers. For spikes a bit for each neuron
    says whether it has a score in this sample; of potentials each neuron sends one in the first step: neither needs
    clearing. Spikes only raise scores, so that who is not among the best two gets there by a spike of its own; by
    potentials they are found anew in each step.

    Latency: 2 cycles.
    """

    latency = 2

    def decode(self, m: Module) -> Value:
        model, event = self.model, self.events.payload
        shape = shape_of(*model.score_range)
        moved = data.StructLayout({"neuron": index_width(model.neurons), "score": shape})
        ending = data.StructLayout({"step": len(self.step), "remaining": len(self.remaining), "sample_end": 1})
        score, end = Signal(moved), Signal(ending)  # in the second stage: a neuron's new score, or the end of a step
        scored, ended = Signal(), Signal()
        with m.If(self.free):
            m.d.sync += [scored.eq(self.scored), ended.eq(self.ended)]
            m.d.sync += [score.neuron.eq(event.index), score.score.eq(self._moved(m, shape))]
            m.d.sync += [end.step.eq(self.step), end.remaining.eq(self.remaining), end.sample_end.eq(event.sample_end)]
        best: Value = Const(0)
        exits: Value = Const(1)
        if model.neurons > 1:
            m.submodules.ranking = ranking = Ranking(neurons=model.neurons, score=shape, anew=model.readout)
            m.d.comb += [
                ranking.insert.eq(scored & self.free),
                ranking.restart.eq(ended & self.free & (1 if model.readout else end.sample_end)),
                ranking.neuron.eq(score.neuron),
                ranking.score.eq(score.score),
            ]
            best, ahead = ranking.best, ranking.best < ranking.second
            with naming(m):
                exits = model.exits(ranking.best_score, ranking.second_score, ahead, end.remaining)
        fields = {"class": best, "step": end.step, "exit": exits, "sample_end": end.sample_end}
        self.answer(m, ended, **fields)
        return scored | ended

    def _moved(self, m: Module, shape: Shape) -> Value:
        """The score of the event's neuron with the event."""
        model, event = self.model, self.events.payload
        m.submodules.scores = scores = memory.Memory(shape=unsigned(shape.width), depth=model.neurons, init=[])
        read, write = scores.read_port(domain="comb"), scores.write_port()
        before, after = Signal(shape), Signal(shape)
        if model.readout:
            known = self.step != 0
        else:
            known = Signal(model.neurons)
            with m.If(self.scored):
                m.d.sync += known.bit_select(event.index, 1).eq(1)
            with m.If(self.ended & event.sample_end):
                m.d.sync += known.eq(0)
            known = known.bit_select(event.index, 1)
        value = event.value if model.readout else Const(0)
        with naming(m):
            m.d.comb += after.eq(model.advance(before, value, self.remaining))
        m.d.comb += [
            read.addr.eq(event.index),
            before.eq(Mux(known, read.data, 0)),
            write.addr.eq(event.index),
            write.data.eq(after),
            write.en.eq(self.scored),
        ]
        return after
