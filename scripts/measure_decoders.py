"""Cells of every decoder, and what ending samples early costs the digits in accuracy.

    python scripts/measure_decoders.py

Prints the tables of docs/decoding.md.
"""

from dataclasses import replace

import numpy as np

from ranvier.gen.design import load_design
from ranvier.gen.emit import emit_part
from ranvier.gen.synth import map_cells
from ranvier.gen.synth.targets import find_target
from ranvier.golden.decoding.counts import Counts
from ranvier.golden.decoding.first_spike import FirstSpike
from ranvier.golden.decoding.membrane import Membrane
from ranvier.golden.decoding.population import Population
from ranvier.golden.decoding.registry import Decoder
from ranvier.golden.inference import run_program
from ranvier.hw.decoder.registry import decoder

CELLS = ("lut4", "ff", "lut_ram", "carry", "dsp")
CLASSES, STEPS = 10, 8
DECODERS: tuple[Decoder, ...] = (
    Counts(neurons=CLASSES, steps=STEPS),
    FirstSpike(neurons=CLASSES, steps=STEPS),
    Membrane(neurons=CLASSES, steps=STEPS, potential_width=16, margin=200),
    Population(neurons=CLASSES, steps=STEPS, preferred=tuple(range(CLASSES))),
    Counts(neurons=256, steps=STEPS),
)
MARGINS = (None, 2000, 1000, 400, 200, 100)


def cells() -> None:
    target = find_target("ecp5")
    print(f"| decoder | classes | latency, cycles | {' | '.join(CELLS)} |")
    for model in DECODERS:
        built = decoder(model)
        counted = target.count(map_cells(emit_part(built, "decoder"), "decoder", target))
        row = [model.name, model.neurons, built.latency, *(counted[kind] for kind in CELLS)]
        print("| " + " | ".join(map(str, row)) + " |")


def early() -> None:
    """Of the test images of the digits, by margin."""
    design = load_design("digits")
    labels, model = design.measured.labels, design.decoder
    assert labels is not None and isinstance(model, Membrane)
    trace = run_program(design.program, design.measured.spikes)[-1]
    print("| margin | steps, mean of 8 | accuracy with early exit |")
    for margin in MARGINS:
        found = replace(model, margin=margin).decode(trace.spikes, trace.membrane)
        accuracy = np.mean(found.exit_answers == labels)
        print(f"| {margin or 'none'} | {(found.exit_steps + 1).mean():.2f} | {accuracy:.2%} |")


if __name__ == "__main__":
    cells()
    early()
