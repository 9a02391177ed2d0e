"""Samples that end early, on a chip: spikes, potentials and answers equal golden's for what was sent, and the answer
that let them end is the one that golden gives there."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden.decoding.registry import decoder_of
from ranvier.golden.inference import run_program
from ranvier.hw.config import chip_config

from ...programs import random_program
from ..bench import expected_events
from .bench import expected
from .host import run

SAMPLES, STEPS, INPUTS = 4, 12, 7
CASES = [  # the last: whether the host waits for each answer
    ("counts", None, True),
    ("counts", 1, False),
    ("first_spike", None, True),
    ("membrane", 9, False),
    ("population", None, False),
]


def lively_program(rng, readout):
    """One whose last layer fires, though not in every first step."""
    while True:
        program = random_program(rng, [INPUTS, 6, 4], steps=STEPS, readout=readout, weight_width=4)
        trace = run_program(program, rng.random((4, STEPS, INPUTS)) < 0.5)[-1]
        if readout or 0.1 < trace.spikes.mean() < 0.7:
            return program


@pytest.mark.parametrize(("name", "margin", "patient"), CASES)
def test_samples_that_end_early(name, margin, patient):
    rng = np.random.default_rng(11)
    program = lively_program(rng, readout=name == "membrane")
    model = decoder_of(program, name, margin)
    config = replace(chip_config(program, [3, 2]), decoder=model)
    spikes = rng.random((SAMPLES, STEPS, INPUTS)) < 0.5
    session = run(program, config, spikes, patient=patient, stalls=None if patient else rng)

    whole = run_program(program, spikes)[-1]
    decoded = model.decode(whole.spikes, whole.membrane)
    short = 0
    events, answers = [], []
    for number, sent in enumerate(session.sent):
        events += expected_events(program, sent[None])[0]
        trace = run_program(program, sent[None])[-1]
        own = expected(model, trace.membrane[0] if model.readout else trace.spikes[0].astype(int))
        assert session.exits[number] == decoded.exit_steps[number]
        if "class" in own[0]:
            assert own[session.exits[number]]["class"] == decoded.exit_answers[number]
        if len(sent) < STEPS:
            short += 1
            if patient:  # the step of the answer, and an empty one
                np.testing.assert_array_equal(sent[:-1], spikes[number, : session.exits[number] + 1])
                assert not sent[-1].any()
        answers += own
    assert session.events == events
    assert session.answers == answers
    print(f"{name}: lengths {[len(sent) for sent in session.sent]}, {len(events)} events, {len(answers)} answers")
    assert len(session.sent) == SAMPLES
    assert short == 0 if name == "population" else short >= 2
