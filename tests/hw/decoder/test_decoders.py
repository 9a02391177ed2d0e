"""Every answer of every decoder against golden, under random sizes, lengths of samples and pauses."""

import itertools

import numpy as np
import pytest

from ranvier.golden.decoding.counts import Counts
from ranvier.golden.decoding.first_spike import FirstSpike
from ranvier.golden.decoding.membrane import Membrane
from ranvier.golden.decoding.population import Population
from ranvier.hw.decoder.decoder import answer_layout
from ranvier.hw.decoder.mean import Mean
from ranvier.hw.decoder.winner import Winner

from .bench import events_of, expected, play

KINDS = ["counts", "first_spike", "membrane", "population"]


def random_model(rng, kind):
    neurons, steps = int(rng.integers(1, 10)), int(rng.integers(1, 8))
    margin, levels = None if rng.random() < 0.5 else int(rng.integers(1, 8)), int(rng.choice([1, 1, 3]))
    if kind == "counts":
        return Counts(neurons=neurons, steps=steps, margin=margin, levels=levels)
    if kind == "first_spike":
        return FirstSpike(neurons=neurons, steps=steps)
    if kind == "membrane":
        return Membrane(neurons=neurons, steps=steps, margin=margin, potential_width=int(rng.integers(1, 7)))
    reach = int(rng.choice([2, 200, 32768]))
    preferred = tuple(rng.integers(1 - reach, reach, neurons).tolist())
    return Population(neurons=neurons, steps=steps, preferred=preferred, levels=levels)


def random_values(rng, model, steps):
    """Potentials at their corners or anywhere; or spikes, sparse or not."""
    if not model.readout:
        levels = getattr(model, "levels", 1)
        spikes = rng.random((steps, model.neurons)) < rng.choice([0.1, 0.5, 1.0])
        return spikes * rng.integers(1, levels + 1, spikes.shape)
    high = 1 << (model.value_width - 1)
    corners = rng.choice([-high, high - 1], (steps, model.neurons))
    return corners if rng.random() < 0.3 else rng.integers(-high, high, (steps, model.neurons))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", KINDS)
def test_random_decoders_equal_golden(kind, seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng, kind)
    lengths = [model.steps, *rng.integers(1, model.steps + 1, 9)]
    samples = [random_values(rng, model, int(length)) for length in lengths]
    events = list(itertools.chain.from_iterable(events_of(model, sample) for sample in samples))
    record = play(model, events, rng if seed % 3 else None)
    wanted = list(itertools.chain.from_iterable(expected(model, sample) for sample in samples))
    print(f"seed {seed}: {model}, {len(events)} events, {len(wanted)} answers")
    assert record.answers == wanted
    assert len(record.answers) == sum(map(len, samples)) >= 10
    assert record.rejected == 0


@pytest.mark.parametrize("kind", KINDS)
def test_cycles(kind):
    """An event a cycle; the answer so many cycles after its step's end as the docstring says."""
    model = random_model(np.random.default_rng(3), kind)
    values = random_values(np.random.default_rng(4), model, model.steps)
    events = events_of(model, values) * 3
    record = play(model, events)
    assert record.taken == list(range(len(events)))
    ends = [cycle for cycle, event in zip(record.taken, events, strict=True) if event.get("step_end")]
    kind, latency = (Mean, 1) if kind == "population" else (Winner, 3)
    assert kind.latency == latency
    assert record.offered == [end + latency for end in ends]
    assert len(ends) == 3 * model.steps >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_sample_has_is_dropped_and_counted(kind):
    """Neurons that are not there, and steps beyond the last; what comes after is as it was."""
    rng = np.random.default_rng(7)
    model = random_model(rng, kind)
    while model.neurons in (1, 2, 4, 8) or model.steps < 2:
        model = random_model(rng, kind)
    values = random_values(rng, model, model.steps)
    good, wanted = events_of(model, values), expected(model, values)
    stray = {"index": model.neurons}
    long = [*good[:-1], {"step_end": 1}, *good, *good]  # the second one ends the sample, far too late
    events = [stray, *long[:1], stray, *long[1:], stray, stray]
    record = play(model, events)
    steps = model.steps
    beyond = len(good)  # events of the second one
    answers = [*wanted[:-1], wanted[-1] | {"sample_end": 0}]
    answers += [wanted[-1] | {"sample_end": int(step == steps - 1)} for step in range(steps)]
    assert record.answers == answers + wanted
    assert record.rejected == 4 + beyond


@pytest.mark.parametrize(
    ("model", "widths"),
    [
        (Counts(neurons=10, steps=8), {"class": 4, "step": 3}),
        (FirstSpike(neurons=1, steps=1), {"class": 1, "step": 1}),
        (Membrane(neurons=17, steps=9, potential_width=12), {"class": 5, "step": 4}),
        (Population(neurons=3, steps=8, preferred=(-4, 0, 5)), {"numerator": 7, "denominator": 5, "step": 3}),
        (Population(neurons=2, steps=8, preferred=(0, 0)), {"numerator": 1, "denominator": 5, "step": 3}),
    ],
    ids=str,
)
def test_widths(model, widths):
    assert {name: field.width for name, field in answer_layout(model)} == widths | {"exit": 1, "sample_end": 1}
