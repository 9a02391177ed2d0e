"""The configuration's table of the decoder."""

from typing import Literal

from pydantic import Field

from ranvier.golden.decoding.registry import Decoder, decoder_of
from ranvier.golden.program import Program

from .section import Section


class Decoding(Section):
    """How answers are read from the last layer, on the chip and in reports. Without it, reports take counts of spikes
    or sums of a readout's potentials, and the chip sends events only."""

    name: Literal["counts", "first_spike", "membrane", "population"]
    """counts: who fires most; first_spike: who fires first; membrane: the readout of the greatest sum of potentials;
    population: the mean of preferred values, weighted by spikes."""
    margin: int | None = Field(default=None, ge=1)
    """Of counts and membrane: a sample may also end early when the best leads by so many spikes, or units of potential;
    left out: only when no other can win any more."""
    preferred: list[int] | None = None
    """Of population: the value that each neuron stands for; left out: 0, 1, 2, and so on."""


def decoder_for(program: Program, decoding: Decoding | None) -> Decoder:
    """What reads the answers of ``program``. Raises ValueError where ``decoding`` does not fit it."""
    return decoder_of(program) if decoding is None else decoder_of(program, **decoding.model_dump())
