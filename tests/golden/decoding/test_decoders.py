"""Decoders against plain Python: every future of a small sample, exact fractions, and values worked out by hand."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from ranvier.golden.decoding.counts import Counts
from ranvier.golden.decoding.first_spike import FirstSpike
from ranvier.golden.decoding.membrane import Membrane
from ranvier.golden.decoding.population import Population

STEPS = 3
SEED = 5


def first_to_fire(history):
    for row in history:
        if 1 in row:
            return row.index(1)
    return 0


def greatest_sum(history):
    sums = [sum(column) for column in zip(*history, strict=True)]
    return sums.index(max(sums))


def decoded(decoder, histories):
    values = np.array(histories)
    return decoder.decode(values, values)


@pytest.mark.parametrize(
    ("decoder", "oracle", "values", "samples"),
    [
        (Counts(neurons=3, steps=STEPS), greatest_sum, (0, 1), 512),
        (Counts(neurons=2, steps=STEPS, levels=2), greatest_sum, (0, 1, 2), 729),
        (Counts(neurons=2, steps=STEPS, levels=1, signed=True), greatest_sum, (-1, 0, 1), 729),
        (FirstSpike(neurons=3, steps=STEPS), first_to_fire, (0, 1), 512),
        (Membrane(neurons=2, steps=STEPS, potential_width=2), greatest_sum, (-2, -1, 0, 1), 4096),
    ],
    ids=["counts", "graded counts", "signed counts", "first spike", "membrane"],
)
def test_every_sample(decoder, oracle, values, samples):
    """The answer after every step, and that a sample may end exactly where no future changes it."""
    rows = list(product(values, repeat=decoder.neurons))
    histories = list(product(rows, repeat=STEPS))
    answers = {history: oracle(history) for history in histories}
    found = decoded(decoder, histories)
    early = 0
    for sample, history in enumerate(histories):
        for step in range(STEPS):
            seen = history[: step + 1]
            assert found.predictions[sample, step] == oracle(seen)
            futures = {answers[seen + rest] for rest in product(rows, repeat=STEPS - 1 - step)}
            assert found.exits[sample, step] == (futures == {oracle(seen)}), (history, step)
            early += found.exits[sample, step] and step < STEPS - 1
    print(f"{len(histories)} samples, {early} early exits")
    assert len(histories) == samples
    assert early > 50


def test_a_margin_ends_samples_where_the_lead_reaches_it():
    rng = np.random.default_rng(SEED)
    values = rng.integers(-8, 8, (60, 7, 4))
    exits = {}
    for margin in (1, 3, 9):
        found = Membrane(neurons=4, steps=7, potential_width=4, margin=margin).decode(values > 0, values)
        for sample, history in enumerate(values.tolist()):
            for step in range(7):
                sums = [sum(column) for column in zip(*history[: step + 1], strict=True)]
                best, second = sorted(range(4), key=lambda neuron: (-sums[neuron], neuron))[:2]
                lead, swing = sums[best] - sums[second], 15 * (6 - step)
                certain = lead > swing or (lead == swing and best < second)
                assert found.exits[sample, step] == (certain or lead >= margin)
        exits[margin] = found.exit_steps.mean()
        np.testing.assert_array_equal(found.answers, values.sum(axis=1).argmax(axis=1))
    print(f"seed {SEED}: mean exit step by margin {exits}")
    assert exits[1] < exits[3] < exits[9] < 6


def test_a_population_vector_is_an_exact_fraction():
    rng = np.random.default_rng(SEED)
    preferred = (-40, 7, 7, 300, -3)
    spikes = (rng.random((50, 6, 5)) < 0.3) * rng.integers(1, 4, (50, 6, 5))
    spikes[0] = 0
    found = Population(neurons=5, steps=6, preferred=preferred, levels=3).decode(spikes, spikes)
    means = 0
    for sample in range(50):
        for step in range(6):
            fired = [neuron for row in spikes[sample, : step + 1] for neuron in np.repeat(range(5), row)]
            numerator, denominator = found.mean[:, sample, step].tolist()
            assert denominator == len(fired)
            prediction = found.predictions[sample, step]
            if not fired:
                assert (numerator, prediction) == (0, 0)
                continue
            mean = sum(Fraction(preferred[neuron]) for neuron in fired) / len(fired)
            assert Fraction(numerator, denominator) == mean
            away = [abs(mean - value) for value in preferred]
            assert prediction == away.index(min(away))
            means += 1
    print(f"seed {SEED}: {means} means")
    assert means > 200
    assert found.exits.tolist() == [[False] * 5 + [True]] * 50


def test_a_shorter_sample_ends_where_it_ends():
    """Of a decoder for eight steps, of which only three come: nothing is certain, as five more could."""
    values = np.array([[[0, 1], [0, 1], [0, 0]]])
    found = Counts(neurons=2, steps=8).decode(values > 0, values)
    assert found.exits.tolist() == [[False] * 3]
    assert (found.exit_steps.tolist(), found.exit_answers.tolist(), found.answers.tolist()) == ([2], [1], [1])


def test_one_neuron_is_certain_at_once():
    values = np.zeros((2, 4, 1), np.int64)
    for decoder in (Counts(neurons=1, steps=4), FirstSpike(neurons=1, steps=4)):
        assert decoder.decode(values > 0, values).exit_steps.tolist() == [0, 0]


def test_potentials_of_a_float_network():
    values = np.array([[[0.25, 0.5], [0.5, -0.125]]])
    found = Membrane(neurons=2, steps=2, potential_width=8).decode(values > 9, values)
    assert found.predictions.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Counts(neurons=0, steps=1), "Neurons of decoder counts must be at least 1, not 0"),
        (lambda: Counts(neurons=1, steps=1, levels=0), "Levels of decoder counts must be at least 1, not 0"),
        (lambda: Counts(neurons=1, steps=0), "Steps of decoder counts must be at least 1, not 0"),
        (lambda: Counts(neurons=1, steps=1, margin=0), "Margin of decoder counts must be at least 1, not 0"),
        (
            lambda: Membrane(neurons=1, steps=1, potential_width=0),
            "Potential width of decoder membrane must be at least 1, not 0",
        ),
        (
            lambda: FirstSpike(neurons=1, steps=1, margin=2),
            "Decoder first_spike must have no margin: its answer is certain with the first spike",
        ),
        (
            lambda: Population(neurons=0, steps=1, preferred=()),
            "Neurons of decoder population must be at least 1, not 0",
        ),
        (
            lambda: Population(neurons=2, steps=1, preferred=(1,)),
            "Decoder population must have a preferred value for each of 2 neurons, not 1",
        ),
        (
            lambda: Population(neurons=2, steps=1, preferred=(1, -32768)),
            "Preferred values of decoder population must be -32767 to 32767, not -32768",
        ),
        (
            lambda: Counts(neurons=2, steps=3).decode(np.zeros((1, 4, 2), bool), np.zeros((1, 4, 2))),
            "Samples must have at most the 3 steps of the decoder, not 4",
        ),
        (
            lambda: Population(neurons=2, steps=3, preferred=(0, 1)).decode(np.zeros((1, 4, 2), bool), np.zeros(1)),
            "Samples must have at most the 3 steps of the decoder, not 4",
        ),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message
