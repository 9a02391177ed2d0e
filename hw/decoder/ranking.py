"""The two greatest scores."""

from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width


class Ranking(wiring.Component):
    """Keeps the best and the second best of ``neurons``, two or more, as one after another changes its score; of equal
    scores the lower index goes first.

    ``insert``: ``neuron`` has ``score`` now. ``restart`` follows the last change of a round: without ``anew`` all
    scores are 0 again; with it nothing changes until the next score, before which none counts.

    Exact where without ``anew`` scores never fall within a round, and with it every neuron comes once in each. Latency:
    1 cycle. Throughput: a score a cycle.
    """

    def __init__(self, *, neurons: int, score: Shape, anew: bool) -> None:
        self.neurons, self.anew = neurons, anew
        index = index_width(neurons)
        super().__init__(
            {
                "insert": In(1),
                "restart": In(1),
                "neuron": In(index),
                "score": In(score),
                "best": Out(index, init=0),
                "second": Out(index, init=1),
                "best_score": Out(score),
                "second_score": Out(score),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        first = Signal()
        with m.If(self.insert):
            with m.If(first):  # the last neuron with the least of scores goes before no other
                m.d.sync += [self.best.eq(self.neuron), self.best_score.eq(self.score)]
                m.d.sync += [self.second.eq(self.neurons - 1), self.second_score.eq(-1 << len(self.score) - 1)]
            with m.Elif(self.neuron == self.best):
                m.d.sync += self.best_score.eq(self.score)
            with m.Elif(self._before(self.best, self.best_score)):
                m.d.sync += [self.second.eq(self.best), self.second_score.eq(self.best_score)]
                m.d.sync += [self.best.eq(self.neuron), self.best_score.eq(self.score)]
            with m.Elif(self._before(self.second, self.second_score)):  # or the second itself, whose score rises
                m.d.sync += [self.second.eq(self.neuron), self.second_score.eq(self.score)]
        if self.anew:
            ended = Signal(init=1)
            m.d.comb += first.eq(ended)
            with m.If(self.restart | self.insert):
                m.d.sync += ended.eq(self.restart)
        else:
            with m.If(self.restart):
                m.d.sync += [self.best.eq(0), self.best_score.eq(0), self.second.eq(1), self.second_score.eq(0)]
        return m

    def _before(self, neuron: Value, score: Value) -> Value:
        return (self.score > score) | ((self.score == score) & (self.neuron < neuron))
