"""A model's step against its oracle: exact arithmetic that a test writes from the equations, one neuron at a time."""

from collections.abc import Callable
from itertools import product
from math import floor

import numpy as np

from ranvier.golden.neurons.neuron import Neuron, range_of

from .bench import AXONS, WEIGHT_WIDTH, Draw, cases, field_names, stepped

Oracle = Callable[[Neuron, dict[str, int]], dict[str, int]]  # to the names of bench.stepped from those of bench.cases

DRIVES = (-AXONS << WEIGHT_WIDTH - 1, (AXONS << WEIGHT_WIDTH - 1) - AXONS)


def nearest(value) -> int:
    """Nearest integer of a fraction, halves upwards."""
    return floor(value + value.__class__(1, 2))


def limited(value: int, width: int) -> int:
    """The closest number that ``width`` bits in two's complement hold."""
    half = 2 ** (width - 1)
    return min(max(value, -half), half - 1)


def expected(oracle: Oracle, model: Neuron, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The oracle's results for all neurons."""
    names, columns = list(values), [array.tolist() for array in values.values()]
    found = [oracle(model, dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
    return {name: np.array([int(each[name]) for each in found]) for name in found[0]}


def compared(model: Neuron, results: dict, wanted: dict[str, np.ndarray]) -> int:
    """How many values were found equal."""
    assert results.keys() == wanted.keys()
    for name, array in wanted.items():
        found = np.broadcast_to(results[name], array.shape).astype(np.int64)
        np.testing.assert_array_equal(found, array, f"{name} of {model}")
    return sum(array.size for array in wanted.values())


def check_oracle(draw: Draw, oracle: Oracle, seed: int, *, models: int = 25, count: int = 60, steps: int = 6) -> None:
    """From any state, corners among them, ``steps`` steps with random sums of weights."""
    rng = np.random.default_rng(seed)
    values_compared = fired = saturated = 0
    for _ in range(models):
        model = draw(rng)
        values = cases(rng, model, count)
        for _ in range(steps):
            results = stepped(model, values)
            wanted = expected(oracle, model, values)
            values_compared += compared(model, results, wanted)
            fired, saturated = fired + (wanted["spike"] != 0).sum(), saturated + wanted["saturated"].sum()
            drives = np.where(rng.random(count) < 0.7, rng.integers(-9, 10, count), rng.integers(*DRIVES, count))
            states = {name: wanted[f"next_{name}"] for name in model.states()}
            values |= {"total": wanted["integrator"] + drives} | states
    updates = models * count * steps
    print(f"seed {seed}: {updates} updates, {fired} spikes, {saturated} saturated, {values_compared} values equal")
    assert 0 < saturated < updates and (0 < fired < updates or not model.spiking)


def check_everything(model: Neuron, oracle: Oracle) -> None:
    """Every state and parameter of a small model, and every sum that its integrator holds, and one beyond."""
    low, high = range_of((model.integrator_width, True))
    ranges = {"total": (low - 1, high + 1)} | {n: range_of(form) for n, form in model.states().items()}
    ranges |= model.ranges() | {"bias": (0, 0), "noise": range_of((model.noise_width, False))}
    names = field_names(model)
    rows = np.array(list(product(*(range(ranges[n][0], ranges[n][1] + 1) for n in names))))
    values = dict(zip(names, rows.T, strict=True))
    wanted = expected(oracle, model, values)
    count = compared(model, stepped(model, values), wanted)
    print(f"{len(rows)} states and parameters, {count} values equal")
    assert 1000 < len(rows) <= 1 << 20
    assert 0 < (wanted["spike"] != 0).sum() < len(rows)
