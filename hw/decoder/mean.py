"""The population vector: sums of preferred values, and of spikes."""

from amaranth.hdl import Array, Const, Module, Signal, Value

from .decoder import Decoder, shape_of


class Mean(Decoder):
    """Adds up the preferred values of the neurons that fire (a table in logic), and counts the spikes; both lie in the
    answer, whose quotient is left to the host.

    Latency: 1 cycle.
    """

    latency = 1

    def decode(self, m: Module) -> Value:
        model, event = self.model, self.events.payload
        numerator = Signal(shape_of(*model.numerator_range))
        denominator = Signal(shape_of(0, model.denominator_max))
        values = shape_of(min(*model.preferred, 0), max(*model.preferred, 0))
        preferred = Array(Const(value, values) for value in model.preferred)[event.index]
        with m.If(self.scored):
            m.d.sync += [numerator.eq(numerator + preferred), denominator.eq(denominator + 1)]
        with m.If(self.ended & event.sample_end):
            m.d.sync += [numerator.eq(0), denominator.eq(0)]
        self.answer(
            m,
            self.ended,
            numerator=numerator,
            denominator=denominator,
            step=self.step,
            exit=self.remaining == 0,
            sample_end=event.sample_end,
        )
        return Const(0)
