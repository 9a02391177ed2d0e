"""What quantisation cost: the float network and the integer program side by side on the same samples."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from ranvier.golden.decoding.registry import Decoder, decoder_of
from ranvier.golden.inference import LayerTrace, arriving, run_layer, run_program
from ranvier.golden.program import Layer, Program

from .network import Network, NetworkLayer
from .simulate import FloatTrace, simulate
from .stimulus import Samples

_BATCH = 256  # samples run at once: bounds memory, not results


@dataclass(frozen=True)
class LayerDeviation:
    """One layer against its float original.

    Deviations are the worst absolute difference of membrane potentials at the end of any step, in units of the
    neuron's threshold (a readout's: of the largest potential that it reaches). ``alone``: every layer is given
    the float spikes of the layer before; ``chained``: the integer ones. ``agreement``: share of neuron-steps in
    which both spike or both do not, chained. ``rate``: integer spikes per neuron and step. ``typical``: the mean
    of what ``alone`` is the maximum of.
    """

    name: str
    weight_width: int
    state_width: int
    scale: float
    typical: float
    alone: float
    chained: float
    agreement: float
    rate: float
    saturations: int


@dataclass(frozen=True)
class QuantisationReport:
    """``float_accuracy`` and ``integer_accuracy`` are shares of correct decisions, None without labels;
    ``same_decision``: share of samples on which both decide alike."""

    samples: int
    steps: int
    float_accuracy: float | None
    integer_accuracy: float | None
    same_decision: float
    layers: tuple[LayerDeviation, ...]

    def table(self) -> Table:
        """The figures of the layers, for a terminal."""
        table = Table(title=f"Integers against floating point: {self.samples} samples of {self.steps} steps")
        table.add_column("layer", overflow="fold")
        for column in ("bits", "mean off", "worst", "chained", "agree", "rate", "over"):
            table.add_column(column, justify="right", no_wrap=True)
        for layer in self.layers:
            deviations = (f"{layer.typical:.4f}", f"{layer.alone:.3f}", f"{layer.chained:.3f}")
            figures = (f"{layer.agreement:.1%}", f"{layer.rate:.3f}", str(layer.saturations))
            table.add_row(layer.name, f"{layer.weight_width} / {layer.state_width}", *deviations, *figures)
        table.caption = (
            "bits: weight / state; off, worst: membrane deviation in thresholds; chained: with integer spikes from the"
            " layer before; agree: spikes alike; rate: spikes per neuron and step; over: states that saturated"
        )
        return table

    def summary(self) -> str:
        """One line: accuracies, or agreement where there are no labels."""
        if self.float_accuracy is None or self.integer_accuracy is None:
            return f"no labels; the same decision on {self.same_decision:.2%} of the samples"
        accuracies = f"accuracy: float {self.float_accuracy:.2%}, integer {self.integer_accuracy:.2%}"
        return f"{accuracies}; the same decision on {self.same_decision:.2%} of the samples"


def measure(network: Network, program: Program, samples: Samples, decoder: Decoder | None = None) -> QuantisationReport:
    """Run both on ``samples`` and read their answers with ``decoder``, or the one that fits; each layer of ``program``
    is that of ``network`` at the same place."""
    decoder = decoder or decoder_of(program)
    tallies = [_Tally(original, layer) for original, layer in zip(network.layers, program.layers, strict=True)]
    classes: list[tuple[np.ndarray, ...]] = []
    for spikes in _batches(samples.spikes):
        floats, integers = simulate(network, spikes), run_program(program, spikes)
        for place, (tally, trace, chained) in enumerate(zip(tallies, floats, integers, strict=True)):
            tally.add(trace, run_layer(tally.layer, arriving(program, place, spikes, floats)), chained)
        last = floats[-1], integers[-1]
        classes.append(tuple(decoder.decode(trace.spikes, trace.membrane).answers for trace in last))
    float_class, integer_class = (np.concatenate(column) for column in zip(*classes, strict=True))
    right = None if samples.labels is None else (float_class == samples.labels, integer_class == samples.labels)
    return QuantisationReport(
        samples=len(samples.spikes),
        steps=samples.spikes.shape[1],
        float_accuracy=None if right is None else float(right[0].mean()),
        integer_accuracy=None if right is None else float(right[1].mean()),
        same_decision=float((float_class == integer_class).mean()),
        layers=tuple(tally.result() for tally in tallies),
    )


def _batches(spikes: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(spikes), _BATCH):
        yield spikes[first : first + _BATCH]


class _Tally:
    """Figures of one layer, gathered batch by batch."""

    def __init__(self, original: NetworkLayer, layer: Layer) -> None:
        self.layer, self.threshold = layer, original.neurons.threshold
        self.total = self.alone = self.chained = self.reached = 0.0
        self.cells = self.same = self.spikes = self.saturations = 0

    def add(self, trace: FloatTrace, alone: LayerTrace, chained: LayerTrace) -> None:
        unit: float | np.ndarray = 1.0
        if self.threshold is not None and self.threshold.all():
            unit = np.abs(self.threshold)
        off = np.abs(alone.membrane / self.layer.scale - trace.membrane) / unit
        self.total += float(off.sum())
        self.alone = max(self.alone, float(off.max()))
        off = np.abs(chained.membrane / self.layer.scale - trace.membrane) / unit
        self.chained = max(self.chained, float(off.max()))
        self.reached = max(self.reached, float(np.abs(trace.membrane).max()))
        self.cells += trace.spikes.size
        self.same += int((trace.spikes == chained.spikes).sum())
        self.spikes += int(np.count_nonzero(chained.spikes))
        self.saturations += int(chained.saturations.sum())

    def result(self) -> LayerDeviation:
        unit = (self.reached or 1.0) if self.threshold is None else 1.0
        return LayerDeviation(
            name=self.layer.name,
            weight_width=self.layer.weight_width,
            state_width=self.layer.model.state_width,
            scale=float(self.layer.scale.mean()),
            typical=self.total / self.cells / unit,
            alone=self.alone / unit,
            chained=self.chained / unit,
            agreement=self.same / self.cells,
            rate=self.spikes / self.cells,
            saturations=self.saturations,
        )
