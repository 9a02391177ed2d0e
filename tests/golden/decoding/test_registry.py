"""The decoder that stands behind a program, and what is refused."""

import numpy as np
import pytest

from ranvier.golden.decoding.counts import Counts
from ranvier.golden.decoding.first_spike import FirstSpike
from ranvier.golden.decoding.membrane import Membrane
from ranvier.golden.decoding.population import Population
from ranvier.golden.decoding.registry import DECODERS, decoder_of
from ranvier.golden.neurons.multilevel import MultiThreshold
from ranvier.golden.neurons.ternary import Ternary
from ranvier.golden.program import Layer, Program, dense

from ...programs import random_program


def program(readout: bool):
    return random_program(np.random.default_rng(1), [3, 4], steps=6, readout=readout, weight_width=4)


def of_values(model, **thresholds):
    """A layer whose spikes have values."""
    parameters = {"bias": 0, "decay": 200} | thresholds
    arrays = {name: np.array(value) for name, value in parameters.items()}
    return Program("values", (Layer("layer0", dense(np.ones((3, 4), np.int64)), 4, model, arrays),), 6)


MULTIPLE = of_values(MultiThreshold(8, 8, levels=3, soft=True), threshold0=3, threshold1=6, threshold2=9)
TERNARY = of_values(Ternary(8, 8), threshold=3)


def test_spikes_of_a_value():
    assert decoder_of(MULTIPLE) == Counts(neurons=4, steps=6, levels=3)
    assert decoder_of(MULTIPLE, "population") == Population(neurons=4, steps=6, preferred=(0, 1, 2, 3), levels=3)
    assert decoder_of(TERNARY) == Counts(neurons=4, steps=6, signed=True)
    with pytest.raises(ValueError) as caught:
        decoder_of(TERNARY, "counts")
    assert str(caught.value) == (
        "Decoder counts must stand behind spikes from 0 up, but those of layer layer0 may be negative: leave it out,"
        " and reports add them up"
    )


def test_by_name_and_without():
    spiking, readout = program(False), program(True)
    width = readout.layers[0].model.state_width
    assert decoder_of(spiking) == decoder_of(spiking, "counts") == Counts(neurons=4, steps=6)
    assert decoder_of(readout) == Membrane(neurons=4, steps=6, potential_width=width)
    assert decoder_of(readout, "membrane", 7) == Membrane(neurons=4, steps=6, potential_width=width, margin=7)
    assert decoder_of(spiking, "counts", 2) == Counts(neurons=4, steps=6, margin=2)
    assert decoder_of(spiking, "first_spike") == FirstSpike(neurons=4, steps=6)
    assert decoder_of(spiking, "population") == Population(neurons=4, steps=6, preferred=(0, 1, 2, 3))
    assert decoder_of(spiking, "population", preferred=[5, -1, 0, 2]).preferred == (5, -1, 0, 2)
    assert list(DECODERS) == ["counts", "first_spike", "membrane", "population"]


@pytest.mark.parametrize(
    ("readout", "arguments", "message"),
    [
        (
            False,
            ("membrane",),
            "Decoder membrane must stand behind a readout, but layer layer0 spikes: take one of counts, first_spike,"
            " population",
        ),
        (True, ("counts",), "Decoder counts must stand behind spikes, but layer layer0 is a readout: take membrane"),
        (False, ("population", 3), "Decoder population must have no margin: every spike moves a mean"),
        (
            False,
            ("first_spike", 3),
            "Decoder first_spike must have no margin: its answer is certain with the first spike",
        ),
        (False, ("counts", None, [1]), "Decoder counts must have no preferred values, which are of population"),
        (
            False,
            ("population", None, [1]),
            "Decoder population must have a preferred value for each of 4 neurons, not 1",
        ),
    ],
)
def test_refusals(readout, arguments, message):
    with pytest.raises(ValueError) as caught:
        decoder_of(program(readout), *arguments)
    assert str(caught.value) == message
