"""The scoreboard: every spike, membrane potential and output event against the golden model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
from cocotb.triggers import Event
from cocotb_bus.scoreboard import Scoreboard

from ranvier.golden.decoding.decoded import Decoded
from ranvier.golden.inference import LayerTrace
from ranvier.golden.program import Program

from .agents import UNKNOWN, Answer, AnswerMonitor, LayerMonitor, LayerStep, OutputMonitor, OutputStep
from .comparison import Compared, Mismatch


@dataclass(frozen=True)
class Expected:
    """A transaction that must come next, and where it belongs; ``layer`` None for the chip's output and answers."""

    transaction: LayerStep | OutputStep | Answer
    sample: int
    step: int
    layer: int | None = None


@dataclass
class Recording:
    """What one layer did: arrays ``[samples, steps, neurons]``, and the cycles of its first and last
    update of each step, ``[samples, steps, 2]``."""

    spikes: np.ndarray
    membrane: np.ndarray
    cycles: np.ndarray


@dataclass
class Finding:
    """First mismatch, if any, and the event that tells the test of it."""

    mismatch: Mismatch | None = None
    event: Event = field(default_factory=Event)

    def report(self, mismatch: Mismatch) -> None:
        if self.mismatch is None:
            self.mismatch = mismatch
            self.event.set()


class TraceScoreboard(Scoreboard):
    """Compares what the monitors receive with the traces of the golden model, in the order of ``plays``.

    ``plays``: the samples in the order in which they are sent. Stops at the first mismatch: what follows
    from it would only repeat it. ``on_sample`` is called when the end of a sample has come out.
    """

    def __init__(self, dut: Any, program: Program, traces: list[LayerTrace], plays: list[int]) -> None:
        super().__init__(dut, fail_immediately=False)
        self.program, self.traces, self.plays = program, traces, plays
        self.compared, self.finding = Compared(), Finding()
        samples, steps, _ = traces[0].spikes.shape
        self.sample_ends = np.zeros(samples, np.int64)  # cycle in which the chip sent the end of a sample
        self.recordings = [
            Recording(np.zeros_like(t.spikes), np.zeros_like(t.membrane), np.zeros((samples, steps, 2), np.int64))
            for t in traces
        ]
        self.steps_done = [0] * len(traces)
        self._ended: dict[int | None, int] = {}  # cycle in which a layer's last step ended; None: the output's
        self.samples_done = 0
        self.on_sample: Callable[[], None] = lambda: None

    def watch_layer(self, monitor: LayerMonitor, index: int) -> None:
        """Check layer ``index`` by what ``monitor`` receives."""
        trace, name = self.traces[index], self.program.layers[index].name

        def expect(sample: int, step: int) -> Expected:
            transaction = LayerStep(trace.spikes[sample, step].astype(np.int64), trace.membrane[sample, step])
            return Expected(transaction, sample, step, index)

        self.add_interface(monitor, self._next(expect, f"layer {name}"), strict_type=False)

    def watch_output(self, monitor: OutputMonitor) -> None:
        """Check the chip's output events by what ``monitor`` receives."""
        trace, model = self.traces[-1], self.program.layers[-1].model
        steps, neurons = trace.spikes.shape[1:]

        def expect(sample: int, step: int) -> Expected:
            spikes = trace.spikes[sample, step].astype(int) if model.spiking else np.ones(neurons, int)
            index = np.repeat(np.arange(neurons), np.abs(spikes))
            ends = np.zeros(len(index) + 1, np.int64)
            ends[-1] = 1
            fields = {"index": index, "step_end": ends, "sample_end": ends * (step == steps - 1)}
            if not model.spiking:
                fields["value"] = trace.membrane[sample, step]
            if model.signed:
                fields["negative"] = (spikes[index] < 0).astype(int)
            return Expected(OutputStep(fields, ends), sample, step)

        self.add_interface(monitor, self._next(expect, "output"), strict_type=False)

    def watch_answers(self, monitor: AnswerMonitor, decoded: Decoded) -> None:
        """Check the decoder's answers by what ``monitor`` receives."""
        last = decoded.exits.shape[1] - 1

        def expect(sample: int, step: int) -> Expected:
            fields = {"step": step, "exit": int(decoded.exits[sample, step]), "sample_end": int(step == last)}
            if decoded.mean is None:
                fields["class"] = int(decoded.predictions[sample, step])
            else:
                fields["numerator"], fields["denominator"] = decoded.mean[:, sample, step].tolist()
            return Expected(Answer(fields), sample, step)

        self.add_interface(monitor, self._next(expect, "answers"), strict_type=False)

    def _next(self, expect: Callable[[int, int], Expected], where: str) -> Callable[[Any], Expected | None]:
        places: Iterator[tuple[int, int]] = (
            (sample, step) for sample in self.plays for step in range(self.traces[0].spikes.shape[1])
        )

        def following(transaction: LayerStep | OutputStep | Answer) -> Expected | None:
            place = next(places, None)
            if place is None:
                cycle = _cycle(transaction)
                self.finding.report(Mismatch(where, -1, -1, "steps after the last sample", 0, 1, cycle, cycle))
                return None
            return expect(*place)

        return following

    def compare(self, got: Any, exp: Expected | None, log: Any, strict_type: bool = True) -> None:
        """Called by cocotb-bus for each transaction."""
        if exp is None or self.finding.mismatch is not None:
            return
        if isinstance(got, LayerStep):
            self._compare_layer(got, exp)
        elif isinstance(got, OutputStep):
            self._compare_output(got, exp)
        else:
            self._compare_answer(got, exp)

    def _compare_layer(self, got: LayerStep, exp: Expected) -> None:
        wanted = exp.transaction
        assert isinstance(wanted, LayerStep)
        if not got.ordered:
            self._report(exp, "order of the groups of updates", "ascending", "another", got.last_cycle)
            return
        for what in ("spikes", "membrane"):
            golden, seen = getattr(wanted, what), getattr(got, what)
            wrong = np.flatnonzero(golden != seen)
            if len(wrong):
                neuron = int(wrong[0])
                what = f"neuron {neuron} {'spike' if what == 'spikes' else what}"
                self._report(exp, what, golden[neuron], seen[neuron], got.last_cycle, len(wrong))
                return
        self.compared.spikes += wanted.spikes.size
        self.compared.membranes += wanted.membrane.size
        assert exp.layer is not None
        self.steps_done[exp.layer] += 1
        self._ended[exp.layer] = got.last_cycle
        recording = self.recordings[exp.layer]
        recording.spikes[exp.sample, exp.step] = got.spikes
        recording.membrane[exp.sample, exp.step] = got.membrane
        recording.cycles[exp.sample, exp.step] = got.first_cycle, got.last_cycle

    def _compare_output(self, got: OutputStep, exp: Expected) -> None:
        wanted = exp.transaction
        assert isinstance(wanted, OutputStep)
        # The index of the event that ends a step means nothing, nor does its value.
        sent, due = got.fields["index"][:-1].tolist(), wanted.fields["index"].tolist()
        if len(sent) != len(due):
            event, golden, seen = next(
                (event, *pair) for event, pair in enumerate(zip_longest(due, sent)) if pair[0] != pair[1]
            )
            self._report(exp, f"event {event} neuron", golden, seen, int(got.cycles[-1]), abs(len(sent) - len(due)))
            return
        for name, golden in wanted.fields.items():
            seen = got.fields[name][: len(golden)]
            wrong = np.flatnonzero(golden != seen)
            if len(wrong):
                event = int(wrong[0])
                self._report(
                    exp, f"event {event} {name}", golden[event], seen[event], int(got.cycles[event]), len(wrong)
                )
                return
        self._ended[None] = int(got.cycles[-1])
        self.compared.output_events += len(wanted.cycles)
        if wanted.fields["sample_end"][-1]:
            self.sample_ends[exp.sample] = got.cycles[-1]
            self.samples_done += 1
            self.on_sample()

    def _compare_answer(self, got: Answer, exp: Expected) -> None:
        wanted = exp.transaction
        assert isinstance(wanted, Answer)
        for name, golden in wanted.fields.items():
            if got.fields[name] != golden:
                self._report(exp, name, golden, np.int64(got.fields[name]), got.cycle)
                return
        self.compared.answers += 1

    def _report(self, exp: Expected, what: str, golden: Any, got: Any, cycle: int, count: int = 1) -> None:
        golden, got = (("unknown (x)" if isinstance(v, np.int64) and v == UNKNOWN else v) for v in (golden, got))
        where = "answers" if isinstance(exp.transaction, Answer) else "output"
        if exp.layer is not None:
            where = f"layer {self.program.layers[exp.layer].name}"
        since = self._ended.get(exp.layer, 0)
        self.finding.report(
            Mismatch(where, exp.sample, exp.step, what, _plain(golden), _plain(got), cycle, since, count)
        )


def _cycle(transaction: LayerStep | OutputStep | Answer) -> int:
    if isinstance(transaction, OutputStep):
        return int(transaction.cycles[-1])
    return transaction.last_cycle if isinstance(transaction, LayerStep) else transaction.cycle


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
