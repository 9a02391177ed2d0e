"""Of every layer of some networks its organisation of synapses, what it stores and what an event costs.

    python scripts/measure_synapses.py [--output FILE]

Writes docs/synapses_measured.md. scripts/fetch_networks.py gets two of the networks.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track

from ranvier.gen.design import Design, load_design
from ranvier.golden.program import Layer
from ranvier.golden.synapse import counts
from ranvier.hw.config import CoreConfig

MODELS = (
    "digits",
    "digits_pruned",
    "digits_residual",
    "vowels",
    "build/models/braille.toml",
    "build/models/scnn_mnist.toml",
)
HEAD = """\
# Synapses, measured

Made by `python scripts/measure_synapses.py`. `weights`: those that are stored, of sparse synapses those that are not 0;
`memory`: bits of weights and rows, over those of the stored weights and pointers; `event`: cycles of one event at every
axon, over the stored weights that these add divided by lanes; axons that reach nothing are not in it.

| network | layer | synapses | axons | neurons | lanes | weights | memory | event |
|---|---|---|---:|---:|---:|---:|---:|---:|
"""


def organisation(layer: Layer, core: CoreConfig) -> str:
    """In words, with the sources of each connection."""
    if core.convolutions:
        kinds = []
        for shape in core.convolutions:
            y, x = shape.vertical, shape.horizontal
            pool = f", pool {y.pool} x {x.pool}" if y.pool * x.pool > 1 else ""
            step = f", stride {y.stride}" if y.stride > 1 else ""
            kinds.append(f"convolution {y.kernel} x {x.kernel}{step}{pool}")
        kind = " and ".join(kinds)
    else:
        kind = "dense" if core.rows is None else "sparse"
    if any(0 in connection.sources for connection in layer.connections):
        kind += ", recurrent"
    if any(len(connection.sources) > 1 for connection in layer.connections):
        kind += ", of a sum"
    return kind


def fan_out(layer: Layer, sparse: bool) -> np.ndarray:
    """Weights that an event at each axon adds."""
    found = []
    for connection in layer.connections:
        counted = counts(connection.synapses, zeros=not sparse)
        for first in range(0, counted.axons, 256):
            count = min(256, counted.axons - first)
            spikes = np.eye(count, counted.axons, first, dtype=bool)
            found.append(counted.drive(spikes).sum(axis=1))
    return np.concatenate(found)


def rows(design: Design) -> Iterator[str]:
    """A row of the table for each layer."""
    for layer, core in zip(design.program.layers, design.chip.cores, strict=True):
        reached = fan_out(layer, core.rows is not None)
        cycles = np.array(core.event_cycles)[reached > 0].sum() / (reached.sum() / core.lanes)
        bits = {name: words * width for name, words, width in core.memories}
        stored = sum(weights.size if core.rows is None else int((weights != 0).sum()) for weights in layer.weights)
        entry = layer.weight_width + (0 if core.rows is None else (core.groups - 1).bit_length())
        held = bits["weights"] + bits.get("rows", 0)
        ideal = stored * entry + bits.get("rows", 0)
        yield (
            f"| {design.program.name} | {layer.name} | {organisation(layer, core)} | {core.axons:,} |"
            f" {core.neurons:,} | {core.lanes} | {stored:,} | {held / ideal:.3f} | {cycles:.3f} |"
        )


def main() -> None:
    """Write the table aside and rename it."""
    parser = argparse.ArgumentParser(description="What synapses of each organisation store and cost.")
    parser.add_argument("--output", type=Path, default=Path("docs/synapses_measured.md"), help="file to write")
    path: Path = parser.parse_args().output
    table = [row for model in track(MODELS, description="networks") for row in rows(load_design(model))]
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(HEAD + "\n".join(table) + "\n", encoding="utf-8")
    aside.replace(path)
    print("\n".join(table))


if __name__ == "__main__":
    main()
