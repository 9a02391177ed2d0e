"""The loss: what the last layer should have done, class by class."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.train.loss import CountError, CrossEntropy

from ..arith import naming
from ..config import index_width
from .config import TrainerConfig
from .memories import Banks, WordMemory
from .wiring import split

LOSS_WIDTH = 32


def error_slot(config: TrainerConfig, step: Value, half: Value) -> Value:
    """Where the errors of ``step`` of the sample whose traces lie in ``half`` are kept."""
    of_half = Mux(half, config.assessments, 0) if config.overlap else 0
    return (step if config.every_step else 0) + of_half


class _Assessment(wiring.Component):
    """Adds up the outputs of a sample and, at ``start``, turns them into a loss, a prediction and errors.

    ``output_valid``: ``outputs`` are those of the lanes of ``group`` of the last layer; ``first``: in the sample's
    first step. ``start`` is given at the sample's end or, with a loss at every step, after each, with ``opening``
    after the first, until ``done``, which falls in the cycle after it and rises with the result. ``slot``
    (:func:`error_slot`) is where the errors are kept: ``errors`` follow ``error_address`` (``slot * groups + group``)
    by 1 cycle.
    """

    def __init__(self, config: TrainerConfig, output_width: int) -> None:
        self.config, self.output_width = config, output_width
        last = config.layers[-1]
        self.groups, self.classes = last.groups, config.setup.classes
        self.slots = config.assessments * config.halves
        super().__init__(
            {
                "output_valid": In(1),
                "first": In(1),
                "group": In(index_width(self.groups)),
                "outputs": In(config.lanes * output_width),
                "start": In(1),
                "opening": In(1),
                "slot": In(index_width(self.slots)),
                "label": In(config.label_width),
                "done": Out(1, init=1),
                "loss": Out(LOSS_WIDTH),
                "prediction": Out(config.label_width),
                "error_address": In(index_width(self.slots * self.groups)),
                "errors": Out(config.lanes * config.error_width),
            }
        )

    def collect(self, m: Module, name: str, width: int, *, add: bool, is_signed: bool) -> Array:
        """Registers of every class that hold the outputs of the last step, or their sum over the steps."""
        shape = signed(width) if is_signed else width
        scores = Array(Signal(shape, name=f"{name}{k}", reset_less=True) for k in range(self.classes))
        outputs = split(self.outputs, self.config.lanes, is_signed=is_signed)
        for group in range(self.groups):
            with m.If(self.output_valid & (self.group == group)):
                for lane, output in enumerate(outputs):
                    k = group * self.config.lanes + lane
                    if k < self.classes:
                        m.d.sync += scores[k].eq(output + (Mux(self.first, 0, scores[k]) if add else 0))
        return scores

    def keep_errors(self, m: Module) -> tuple[Signal, Signal, Signal]:
        """The memory of errors; what is written to it: ``(enable, class, error)``."""
        config = self.config
        m.submodules.errors_memory = memory = Banks(
            lanes=config.lanes, depth=self.slots * self.groups, width=config.error_width
        )
        enable, k = Signal(name="error_write"), Signal(range(self.classes), name="error_class")
        error = Signal(signed(config.error_width), name="error")
        bits = (config.lanes - 1).bit_length()
        lane = k[:bits]
        base = Signal(index_width(self.slots * self.groups))
        slot = Signal.like(self.slot, name="held_slot")
        with m.If(self.start):
            m.d.sync += slot.eq(self.slot)
        m.d.comb += base.eq(slot * self.groups)
        for index in range(config.lanes):
            m.d.comb += [
                memory.write.enable[index].eq(enable & (lane == index)),
                memory.write.address[index].eq(base + k[bits:]),
                memory.write.data[index].eq(error),
                memory.read0.address[index].eq(self.error_address),
            ]
        m.d.comb += [memory.read0.enable.eq(1), self.errors.eq(memory.read0.data.as_value())]
        return enable, k, error


class CountAssessment(_Assessment):
    """:class:`CountError`: a class a cycle. Latency: ``classes + 1`` cycles from ``start`` to ``done``."""

    def __init__(self, config: TrainerConfig) -> None:
        super().__init__(config, 1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        loss = self.config.setup.loss
        assert isinstance(loss, CountError)
        width = index_width(self.config.setup.steps + 1)
        counts = self.collect(m, "count", width, add=True, is_signed=False)
        enable, k, error = self.keep_errors(m)
        position, most = Signal(range(self.classes)), Signal(width)
        count = Signal(width)
        with naming(m):
            difference = loss.difference(Cat(count, 0).as_signed(), position == self.label)
        gap = Signal(signed(self.config.error_width))
        m.d.comb += [
            count.eq(counts[position]),
            gap.eq(difference),
            enable.eq(~self.done),
            k.eq(position),
            error.eq(gap << loss.gain_shift),
        ]
        with m.If(self.start):
            m.d.sync += [self.done.eq(0), position.eq(0), self.loss.eq(0)]
        with m.Elif(~self.done):
            m.d.sync += [position.eq(position + 1), self.loss.eq(self.loss + gap * gap)]
            with m.If((position == 0) | (count > most)):
                m.d.sync += [most.eq(count), self.prediction.eq(position)]
            with m.If(position == self.classes - 1):
                m.d.sync += self.done.eq(1)
        return m


class CrossEntropyAssessment(_Assessment):
    """:class:`CrossEntropy`: the largest score, exponentials and their sum, its reciprocal, the probabilities.

    Latency: ``3 * classes + dividend_bits + 6`` cycles from ``start`` to ``done``.
    """

    def __init__(self, config: TrainerConfig) -> None:
        assert isinstance(config.setup.loss, CrossEntropy)
        super().__init__(config, config.state_width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, loss = self.config, self.config.setup.loss
        assert isinstance(loss, CrossEntropy)
        softmax, classes = loss.softmax, self.classes
        width = config.score_width
        sums = self.collect(m, "sum", width, add=True, is_signed=True)
        scores = self.collect(m, "score", width, add=False, is_signed=True) if config.every_step else sums
        enable, k, error = self.keep_errors(m)

        one = softmax.exponential_bits
        total_width = one + classes.bit_length()
        m.submodules.exponentials = exponentials = WordMemory(depth=classes, width=one + 1)
        position, ended = Signal(range(classes)), Signal()
        m.d.comb += ended.eq(position == classes - 1)
        most, most_sum = Signal(signed(width)), Signal(signed(width))
        below = Signal(width + 1)
        below_valid, below_class = Signal(), Signal(range(classes))
        total = Signal(total_width)
        label_index = Signal(width + 1)
        score, opening = Signal(signed(width)), Signal()
        m.d.comb += score.eq(scores[position])
        with m.If(self.start):
            m.d.sync += opening.eq(self.opening)

        with naming(m):  # of the class in `below`
            index = softmax.index(below)
            exponential = softmax.exponential(index)
        exponent = Signal(one + 1)
        m.d.comb += [
            exponent.eq(exponential),
            exponentials.write_enable.eq(below_valid),
            exponentials.write_address.eq(below_class),
            exponentials.write_data.eq(exponent),
        ]
        with m.If(below_valid):
            m.d.sync += total.eq(total + exponent)
            with m.If(below_class == self.label):
                m.d.sync += label_index.eq(index)

        remainder, reciprocal = Signal(total_width + 1), Signal(softmax.dividend_bits - one + 1)
        bits_left = Signal(range(softmax.dividend_bits + 2))
        doubled, fits = Signal(total_width + 1), Signal()
        m.d.comb += [  # the dividend's only 1 comes first
            doubled.eq(Cat(bits_left == softmax.dividend_bits + 1, remainder)),
            fits.eq(doubled >= total),
        ]

        reading, multiplied = Signal(), Signal()
        read_class, share_class = Signal(range(classes)), Signal(range(classes))
        probability = Signal(softmax.probability_bits + 1)
        with naming(m):
            share = softmax.probability(exponentials.read_data, reciprocal)
        m.d.comb += [
            exponentials.read_enable.eq(1),
            exponentials.read_address.eq(position),
            enable.eq(multiplied),
            k.eq(share_class),
            error.eq(probability - Mux(share_class == self.label, 1 << softmax.probability_bits, 0)),
        ]
        m.d.sync += [read_class.eq(position), share_class.eq(read_class), probability.eq(share), multiplied.eq(reading)]
        m.d.sync += [reading.eq(0), below_valid.eq(0), below_class.eq(position), below.eq(most - score)]
        with naming(m, "loss_"):
            step_loss = softmax.loss(label_index, total)

        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [self.done.eq(0), position.eq(0)]
                m.next = "MAXIMUM"
            with m.State("MAXIMUM"):
                m.d.sync += position.eq(Mux(ended, 0, position + 1))
                with m.If((position == 0) | (score > most)):
                    m.d.sync += most.eq(score)
                with m.If((position == 0) | (sums[position] > most_sum)):
                    m.d.sync += [most_sum.eq(sums[position]), self.prediction.eq(position)]
                with m.If(ended):
                    m.d.sync += total.eq(0)
                    m.next = "EXPONENTIALS"
            with m.State("EXPONENTIALS"):
                m.d.sync += [below_valid.eq(1), position.eq(Mux(ended, 0, position + 1))]
                with m.If(ended):
                    m.next = "SUM"
            with m.State("SUM"):  # the last exponential is on its way
                m.d.sync += [remainder.eq(0), reciprocal.eq(0), bits_left.eq(softmax.dividend_bits + 1)]
                m.next = "DIVIDE"
            with m.State("DIVIDE"):
                m.d.sync += [
                    remainder.eq(Mux(fits, doubled - total, doubled)),
                    reciprocal.eq(Cat(fits, reciprocal)),
                    bits_left.eq(bits_left - 1),
                ]
                with m.If(bits_left == 1):
                    m.next = "SHARES"
            with m.State("SHARES"):
                m.d.sync += [reading.eq(1), position.eq(Mux(ended, 0, position + 1))]
                with m.If(ended):
                    m.next = "LOSS"
            with m.State("LOSS"):
                m.d.sync += self.loss.eq(step_loss + (Mux(opening, 0, self.loss) if config.every_step else 0))
                m.next = "DRAIN"
            with m.State("DRAIN"):
                m.next = "END"
            with m.State("END"):
                m.d.sync += self.done.eq(1)
                m.next = "IDLE"
        return m


def assessment(config: TrainerConfig) -> _Assessment:
    """The unit of the setup's loss."""
    if isinstance(config.setup.loss, CountError):
        return CountAssessment(config)
    return CrossEntropyAssessment(config)
