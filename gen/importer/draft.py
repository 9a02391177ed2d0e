"""The NIR graph under construction, and the signals that lead from node to node."""

from collections import Counter
from dataclasses import dataclass, field, replace

import nir
import numpy as np

from ..readers.graph import NodeError

Shape = tuple[int, ...]

BATCH, STEPS = 3, 5  # of the tensors that shapes are worked out with; no model depends on them
SINGLE: Shape = (BATCH,)
MULTI: Shape = (STEPS, BATCH)
MERGED: Shape = (STEPS * BATCH,)


@dataclass(frozen=True)
class Signal:
    """What the nodes ``sources`` give, added up; ``shape``: without batch and time, which are ``lead``, and as forward
    sees it, whatever the shape that the nodes give.

    ``spikes``: it is 0 or 1 only.
    """

    sources: tuple[str, ...]
    shape: Shape
    lead: Shape
    spikes: bool = False


@dataclass(frozen=True)
class Potential:
    """A state of the neurons ``node``, as a signal of the same shape would be."""

    node: str
    signal: Signal


@dataclass(frozen=True)
class StateInput:
    """A state that forward takes from the step before."""


@dataclass(eq=False)
class Norm:
    """``scale * x + bias``, arrays ``[channels]``, until :mod:`.norms` makes nodes of NIR of it."""

    scale: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Rule:
    """What neurons ask of the network's one discretisation; None: they work with any."""

    framework: str
    dt_s: float
    comparison: str | None = None
    reset: str | None = None
    reset_timing: str | None = None
    current_timing: str | None = None


@dataclass
class Draft:
    """Nodes, edges and shapes; ``rules`` of neurons; ``notes``: what is approximated, by the module's name."""

    lead: Shape
    nodes: dict[str, nir.NIRNode | Norm] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)  # of norms that differ from step to step

    @classmethod
    def begun(cls, lead: Shape, shape: Shape) -> "Draft":
        """With nothing but an input of ``shape``."""
        return cls(lead, {"input": nir.Input(np.array(shape))}, shapes={"input": shape})

    @property
    def input(self) -> Signal:
        return Signal(("input",), self.shapes["input"], self.lead, spikes=True)

    def end(self, signal: Signal) -> None:
        """Make a signal of one source the output."""
        (source,) = signal.sources
        source = self._in_shape(source, signal.shape)
        self.nodes["output"], self.shapes["output"] = nir.Output(np.array(signal.shape)), signal.shape
        self.edges.append((source, "output"))

    def add(
        self, name: str, node: nir.NIRNode | Norm, *before: Signal, shape: Shape | None = None, spikes: bool = False
    ) -> Signal:
        """Enter ``node`` behind the signals ``before``, under ``name`` or one like it; the signal that it gives."""
        name = self.free(name)
        joined = self.summed(name, *before)
        sources = [self._in_shape(source, joined.shape) for source in joined.sources]
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        self.shapes[name] = joined.shape if shape is None else shape
        return Signal((name,), self.shapes[name], joined.lead, spikes)

    def free(self, name: str) -> str:
        """``name``, or with a number behind it where it is taken."""
        number, wanted = 0, name
        while name in self.nodes or name in ("input", "output"):
            number += 1
            name = f"{wanted}_{number}"
        return name

    def summed(self, name: str, *signals: Signal) -> Signal:
        """The sum of ``signals``; nodes that are in it more than once get a factor. Raises NodeError."""
        first = signals[0]
        for other in signals[1:]:
            if other.shape != first.shape:
                reason = f"signals of shape {list(first.shape)} and {list(other.shape)} meet"
                raise NodeError(reason, "only signals of one shape are added or multiplied")
        counts = Counter(source for signal in signals for source in signal.sources)
        sources = []
        for source, times in counts.items():
            if times > 1:
                single = Signal((source,), first.shape, first.lead)
                (source,) = self.add(f"{name}.twice", nir.Scale(np.full(first.shape, float(times))), single).sources
            sources.append(source)
        return replace(first, sources=tuple(sources), spikes=first.spikes and len(signals) == 1)

    def _in_shape(self, source: str, shape: Shape) -> str:
        """The node that gives what ``source`` gives, in ``shape``. Raises NodeError."""
        given = self.shapes[source]
        if [n for n in given if n != 1] == [n for n in shape if n != 1]:
            return source
        for first in range(len(given)):
            last = first + len(given) - len(shape)
            if last < len(given) and _joined(given, first, last) == shape:
                name = f"{source}.flat_{first}_{last}"
                if name not in self.nodes:
                    self.nodes[name], self.shapes[name] = nir.Flatten({"input": np.array(given)}, first, last), shape
                    self.edges.append((source, name))
                return name
        raise NodeError(f"it makes {list(shape)} of {list(given)}", "only neighbouring axes can be joined")

    def before(self, name: str) -> list[str]:
        return [source for source, target in self.edges if target == name]

    def after(self, name: str) -> list[str]:
        return [target for source, target in self.edges if source == name]


def _joined(shape: Shape, first: int, last: int) -> Shape:
    """``shape`` with the axes from ``first`` to ``last`` as one."""
    return (*shape[:first], int(np.prod(shape[first : last + 1])), *shape[last + 1 :])
