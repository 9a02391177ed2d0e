"""Sequences of a model in golden's layers, for oracles that walk through them neuron by neuron."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
import torch

from ranvier.golden.fixed import narrow
from ranvier.golden.inference import LayerTrace, run_program
from ranvier.golden.neurons.fields import filled
from ranvier.golden.neurons.neuron import Formats, Inputs, Neuron, range_of
from ranvier.golden.program import Layer, Program, dense

from .bench import drawn, stepped

SAMPLES, STEPS, NEURONS, AXONS = 3, 12, 5, 4


@dataclass(frozen=True)
class Run:
    """Golden's ``trace`` of a layer; ``drives`` int ``[samples, steps, neurons]``; ``parameters`` of each neuron."""

    parameters: dict[str, np.ndarray]
    drives: np.ndarray
    trace: LayerTrace

    def neurons(self) -> Iterator[tuple[int, int, dict[str, int], list[int]]]:
        """Sample, neuron, its parameters and its drives with the bias, as Python's integers."""
        for sample, neuron in np.ndindex(self.drives.shape[0], self.drives.shape[2]):
            own = {name: int(array[neuron]) for name, array in self.parameters.items()}
            yield sample, neuron, own, [int(x) + own["bias"] for x in self.drives[sample, :, neuron]]


def run(rng: np.random.Generator, model: Neuron, steps: int = STEPS, active: int | None = None) -> Run:
    """Random weights, parameters and spikes, these in the first ``active`` steps."""
    weights = rng.integers(-128, 128, (AXONS, NEURONS))
    parameters = {name: drawn(rng, low, high, NEURONS) for name, (low, high) in model.ranges().items()}
    spikes = rng.random((SAMPLES, steps, AXONS)) < 0.5
    spikes[:, active:] &= active is None
    layer = Layer("layer", dense(weights), 8, model, parameters)
    trace = run_program(Program("run", (layer,), steps), spikes)[0]
    drives = np.array([[[w[row].sum() for w in weights.T] for row in sample] for sample in spikes])
    return Run(parameters, drives, trace)


def check(found: Run, expected: Mapping[tuple[int, int], list[tuple[bool, int, bool]]]) -> int:
    """Compare with what an oracle says of each sample and neuron: of each step spike, potential and whether a state was
    limited; how many spikes there were."""
    limited = np.zeros(len(found.drives), int)
    for (sample, neuron), steps in expected.items():
        spikes, membranes, limits = zip(*steps, strict=True)
        assert found.trace.spikes[sample, :, neuron].tolist() == list(spikes)
        assert found.trace.membrane[sample, :, neuron].tolist() == list(membranes)
        limited[sample] += sum(limits)
    assert found.trace.saturations.tolist() == limited.tolist()
    assert len(expected) == found.drives.shape[0] * found.drives.shape[2] > 0
    return int(found.trace.spikes.sum())


def everywhere(model: Neuron) -> dict[str, np.ndarray]:
    """All sums, states, parameters and numbers of a model of few bits, each case once."""
    formats = {"total": (model.integrator_width, True), **model.states()}
    if model.noise_width:
        formats["noise"] = (model.noise_width, False)
    ranges = {name: range_of(form) for name, form in formats.items()} | model.ranges()
    axes = np.meshgrid(*(np.arange(low, high + 1) for low, high in ranges.values()), indexing="ij")
    return {"noise": np.zeros(axes[0].size, np.int64)} | {
        name: axis.ravel() for name, axis in zip(ranges, axes, strict=True)
    }


def check_everywhere(model: Neuron, oracle: Callable[[dict[str, int]], dict[str, int]]) -> None:
    """Golden's step in all cases against what ``oracle`` says of each, given the sum with the bias as ``x``."""
    values = everywhere(model)
    count = len(values["total"])
    assert 1000 < count < 1 << 20
    results = {name: np.broadcast_to(each, count).tolist() for name, each in stepped(model, values).items()}
    rows = zip(*(array.tolist() for array in values.values()), strict=True)
    for k, row in enumerate(rows):
        case = dict(zip(values, row, strict=True))
        case["x"], limited = clipped(case["total"] + case["bias"], model.integrator_width)
        expected = oracle(case)
        expected["saturated"] |= limited
        assert {name: found[k] for name, found in results.items()} == expected, case
    print(f"all {count} cases: 0 differ")


def clipped(value: int, width: int) -> tuple[int, bool]:
    """``value`` within a signed number of ``width`` bits; and whether it was not."""
    inside = max(-(2 ** (width - 1)), min(2 ** (width - 1) - 1, value))
    return inside, inside != value


def rounded(value: int, bits: int) -> int:
    """``value / 2**bits`` to the nearest, halves upwards."""
    return floor(Fraction(value, 2**bits) + Fraction(1, 2))


def walked(seed: int, count: int) -> list[int]:
    """The first numbers of a sequence, by Marsaglia's three shifts."""
    numbers, state = [], seed
    for _ in range(count):
        numbers.append(state)
        state = (state ^ state << 13) % 2**32
        state ^= state >> 17
        state = (state ^ state << 5) % 2**32
    return numbers


def in_floats(
    model: Neuron, parameters: Mapping[str, np.ndarray], drives: np.ndarray, noise: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and potentials of the model of real numbers, from ``drives`` float ``[steps, …]``."""
    states = {name: np.zeros(drives.shape[1:]) for name in ("integrator", *model.states())}
    spikes, membranes = [], []
    for step, drive in enumerate(drives):
        integrated, _ = narrow(states["integrator"] + drive, model.integrator_width, "integrated")
        drawn_now = 0 if noise is None else noise[step]
        left = model.step(Inputs(integrated, states, {"bias": 0.0, **parameters}, drawn_now))
        states = {"integrator": np.broadcast_to(left.integrator, drive.shape).astype(float), **left.state}
        spikes.append(left.spike)
        membranes.append(left.membrane)
    return np.array(spikes), np.array(membranes)


def of_framework(theirs: torch.nn.Module, drives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of a PSN of SpikingJelly, and how far its h are above the thresholds, for ``drives`` ``[steps, …]``."""
    found, fire = [], theirs.surrogate_function
    for function in (fire, torch.nn.Identity()):
        theirs.surrogate_function = function
        with torch.no_grad():
            found.append(theirs(torch.tensor(drives)).numpy())
    return found[0], found[1]


def fitted(kind: type[Neuron], values: Mapping[str, object], neurons: int = 1, scale: float = 1) -> tuple:
    """The model and its parameters that ``values`` of its fields, and defaults, become."""
    every = filled(kind, {name: np.asarray(value, np.float64) for name, value in values.items()})
    arrays = {
        name: np.atleast_1d(value) if kind.FIELDS[name].whole else np.broadcast_to(value, neurons)
        for name, value in every.items()
    }
    return kind.fitted(arrays, np.full(neurons, float(scale)), Formats(16, 8))
