"""Decoders by name, and the one that stands behind a program."""

from collections.abc import Sequence

from ..program import Program
from .counts import Counts
from .first_spike import FirstSpike
from .membrane import Membrane
from .population import Population

Decoder = Counts | FirstSpike | Membrane | Population
DECODERS: dict[str, type[Decoder]] = {kind.name: kind for kind in (Counts, FirstSpike, Membrane, Population)}


def decoder_of(
    program: Program, name: str | None = None, margin: int | None = None, preferred: Sequence[int] | None = None
) -> Decoder:
    """The decoder ``name`` behind ``program``; without a name membrane for a readout, else counts. ``margin``: of those
    that take one; ``preferred``: of a population vector, left out: 0, 1, 2, … Raises ValueError where these do not fit.
    """
    last = program.layers[-1]
    levels, signed = last.model.levels, last.model.signed
    sizes = {"neurons": program.outputs, "steps": program.steps}
    kind = DECODERS[name or ("counts" if last.model.spiking else "membrane")]
    if kind.readout and last.model.spiking:
        others = ", ".join(other.name for other in DECODERS.values() if not other.readout)
        raise ValueError(
            f"Decoder {kind.name} must stand behind a readout, but layer {last.name} spikes: take one of {others}"
        )
    if not kind.readout and not last.model.spiking:
        others = ", ".join(other.name for other in DECODERS.values() if other.readout)
        raise ValueError(
            f"Decoder {kind.name} must stand behind spikes, but layer {last.name} is a readout: take {others}"
        )
    if name and signed:
        raise ValueError(
            f"Decoder {name} must stand behind spikes from 0 up, but those of layer {last.name} may be negative:"
            " leave it out, and reports add them up"
        )
    if kind is Population:
        if margin is not None:
            raise ValueError("Decoder population must have no margin: every spike moves a mean")
        values = range(program.outputs) if preferred is None else preferred
        return Population(**sizes, preferred=tuple(values), levels=levels)
    if preferred is not None:
        raise ValueError(f"Decoder {kind.name} must have no preferred values, which are of population")
    if kind is Membrane:
        return Membrane(**sizes, margin=margin, potential_width=last.model.state_width)
    if kind is FirstSpike:
        return FirstSpike(**sizes, margin=margin)
    return Counts(**sizes, margin=margin, levels=levels, signed=signed)
