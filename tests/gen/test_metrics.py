"""Metrics of runs: worked out by hand, and counted again as plain loops do."""

import numpy as np
import pytest

from ranvier.gen.metrics import SPIKE_PJ, Metrics, metrics_of
from ranvier.golden.decoding.decoded import Decoded
from ranvier.golden.decoding.registry import decoder_of
from ranvier.golden.inference import run_program

from ..programs import random_program

SEED = 52


def test_by_hand() -> None:
    """Three samples of four steps; the labels are 1, 2 and 0."""
    program = random_program(np.random.default_rng(SEED), [3, 2, 3], steps=4, readout=True, weight_width=4)
    predictions = np.array([[0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 1, 1]])
    exits = np.array([[False, False, True, True], [False] * 4, [True, False, False, True]])
    hidden = np.zeros((3, 4, 2), bool)
    hidden[0, 0] = True
    hidden[1, 2:, 1] = True
    inputs = np.zeros((3, 4, 3), np.uint8)
    inputs[1, 1] = 0, 1, 3  # one of them graded
    decoded, labels = Decoded(predictions, exits), np.array([1, 2, 0])
    found = metrics_of(program, inputs, [hidden, np.zeros((3, 4, 3), bool)], "membrane", decoded, labels, 0.25)
    assert found == Metrics(
        decoder="membrane",
        accuracy=1 / 3,  # of 1, 1, 1
        latency_steps=(2 + 1) / 2,  # right in step 2; never; in step 1, though not in the end
        never_right=1,
        exit_steps=(3 + 4 + 1) / 3,
        exit_accuracy=1 / 3,  # of 0, 1, 0
        firing_rate=4 / 24,
        sparsity=20 / 24,
        spikes=4 / 3,
        input_spikes=4 / 3,
        energy_pj=20 * 4 / 3,
        duty_cycle=0.25,
    )


def test_without_labels_and_without_spikes() -> None:
    program = random_program(np.random.default_rng(SEED), [3, 2], steps=4, readout=True, weight_width=4)
    silent = np.zeros((1, 4, 2), bool)
    decoded = Decoded(np.zeros((1, 4), np.int64), np.zeros((1, 4), bool))
    found = metrics_of(program, np.ones((1, 4, 3), bool), [silent], "membrane", decoded, None, None)
    assert (found.accuracy, found.latency_steps, found.never_right, found.exit_accuracy) == (None,) * 4
    assert (found.firing_rate, found.sparsity, found.spikes, found.energy_pj) == (None, None, 0, 0)
    never = metrics_of(program, np.ones((1, 4, 3), bool), [silent], "membrane", decoded, np.array([1]), None)
    assert (never.accuracy, never.latency_steps, never.never_right, never.exit_accuracy) == (0, None, 1, 0)


def test_as_plain_loops_count() -> None:
    """Of a random network, every quantity from its definition: activation sparsity as NeuroBench has it (spikes that
    are 0 over all of them), predictions anew after every step."""
    rng = np.random.default_rng(SEED)
    program = random_program(rng, [6, 9, 4], steps=5, readout=False, weight_width=4)
    spikes, labels = rng.random((12, 5, 6)) < 0.4, rng.integers(0, 4, 12)
    traces = run_program(program, spikes)
    decoder, last = decoder_of(program), traces[-1]
    outputs = [trace.spikes for trace in traces]
    decoded = decoder.decode(last.spikes, last.membrane)
    found = metrics_of(program, spikes, outputs, decoder.name, decoded, labels, None)
    fired = silent = right = never = 0
    soonest = []
    for trace in traces:
        for value in trace.spikes.ravel().tolist():
            fired, silent = fired + value, silent + (not value)
    for sample, label in zip(last.spikes.tolist(), labels.tolist(), strict=True):
        counts, first = [0] * 4, None
        for step, row in enumerate(sample, 1):
            counts = [count + spike for count, spike in zip(counts, row, strict=True)]
            prediction = counts.index(max(counts))
            if first is None and prediction == label:
                first = step
        right += prediction == label
        never += first is None
        soonest += [] if first is None else [first]
    print(f"seed {SEED}: {fired} spikes, {silent} none; {right} right, {never} never, latencies {soonest}")
    assert 0 < right < len(soonest) < 12
    assert len(set(soonest)) > 1
    assert found.firing_rate == pytest.approx(fired / (fired + silent))
    assert found.sparsity == pytest.approx(silent / (fired + silent))
    assert found.spikes == pytest.approx(fired / 12)
    assert found.energy_pj == pytest.approx(fired / 12 * SPIKE_PJ)
    assert found.accuracy == pytest.approx(right / 12)
    assert (found.latency_steps, found.never_right) == (pytest.approx(sum(soonest) / len(soonest)), never)
