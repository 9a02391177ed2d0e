"""What all decoders share: their ports, and the place in the sample."""

from amaranth.hdl import Module, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.decoding.population import Population
from ranvier.golden.decoding.registry import Decoder as Model
from ranvier.golden.fixed import signed_width

from ..config import index_width
from ..core.fetch import COUNTER_WIDTH, count_up
from ..stream import event_stream


def shape_of(low: int, high: int) -> Shape:
    """The narrowest shape that holds every integer of ``low … high``."""
    return signed(signed_width(low, high)) if low < 0 else unsigned(max(high.bit_length(), 1))


def answer_layout(model: Model) -> data.StructLayout:
    """Payload of an answer, from the low bit: ``class``, or of a population vector ``numerator`` (signed) and
    ``denominator``; ``step`` that it is the answer after, from 0; ``exit``: the sample may end here; ``sample_end``: it
    has ended."""
    if isinstance(model, Population):
        low, high = model.numerator_range
        answer = {"numerator": shape_of(min(low, -1), high), "denominator": shape_of(0, model.denominator_max)}
    else:
        answer = {"class": index_width(model.neurons)}
    return data.StructLayout(answer | {"step": index_width(model.steps), "exit": 1, "sample_end": 1})


class Decoder(wiring.Component):
    """Takes the events of a chip's last layer, and says after every step what the answer is by then.

        events → place in the sample → scores → answers

    ``model``: the golden decoder, which has the sizes. ``events``: of :mod:`..stream`, one neuron's spike or potential
    each; ``answers``: one for each ``step_end``, of :func:`answer_layout`. From the first answer of a sample with
    ``exit`` on, its host may end it: the next event that it sends is one with ``step_end`` and ``sample_end``. That is
    one more step, mostly empty, after which states and scores start again; the answer with ``exit`` is the one to keep.

    Scores are as wide as ``model.steps`` steps can make them. An event of no neuron, and all events of a step beyond
    ``model.steps``, are dropped and counted in ``rejected`` (16 bits, sticking at the maximum); each such step still
    has an answer, that of the last step that counted. ``idle``: no event and no answer is under way.

    Latency: an answer is offered ``latency`` cycles after its ``step_end`` was taken. Throughput: an event a cycle, as
    long as answers are taken; while one waits, no event is taken.
    """

    latency: int

    def __init__(self, model: Model) -> None:
        self.model = model
        super().__init__(
            {
                "events": In(event_stream(model.neurons, model.value_width)),
                "answers": Out(stream.Signature(answer_layout(model))),
                "rejected": Out(COUNTER_WIDTH),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        event, model = self.events.payload, self.model
        self.free = Signal()  # nothing waits for an answer to be taken
        self.scored = Signal()  # the event taken counts for its neuron
        self.ended = Signal()  # the event taken ends a step
        self.step = Signal(index_width(model.steps))
        self.remaining = Signal(index_width(model.steps), init=model.steps - 1)  # steps after this one
        beyond = Signal()  # all steps that count have been
        taken, legal = Signal(), Signal()
        m.d.comb += [
            self.free.eq(~self.answers.valid | self.answers.ready),
            self.events.ready.eq(self.free),
            taken.eq(self.events.valid & self.free),
            legal.eq(~beyond & (event.step_end | (event.index < model.neurons))),
            self.scored.eq(taken & legal & ~event.step_end),
            self.ended.eq(taken & event.step_end),
        ]
        count_up(m, self.rejected, taken & ~legal)
        with m.If(self.ended):
            with m.If(event.sample_end):
                m.d.sync += [self.step.eq(0), self.remaining.eq(model.steps - 1), beyond.eq(0)]
            with m.Elif(self.remaining == 0):
                m.d.sync += beyond.eq(1)
            with m.Else():
                m.d.sync += [self.step.eq(self.step + 1), self.remaining.eq(self.remaining - 1)]
        held = self.decode(m)
        m.d.comb += self.idle.eq(~self.events.valid & ~held & ~self.answers.valid)
        return m

    def decode(self, m: Module) -> Value:
        """Let ``answers`` follow from what is ``scored`` and ``ended``, all of it only while ``free``; whether an event
        is under way."""
        raise NotImplementedError

    def answer(self, m: Module, when: Value, **fields: Value) -> None:
        """Offer an answer of ``fields`` from the next cycle on."""
        with m.If(self.free):
            m.d.sync += self.answers.valid.eq(when)
            with m.If(when):
                m.d.sync += [self.answers.payload[name].eq(value) for name, value in fields.items()]
