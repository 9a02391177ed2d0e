"""Of every organisation of synapses, and of every layer of some networks, what it stores and what an event costs.

    python scripts/measure_synapses.py [--output FILE]

Writes docs/synapses_measured.md. scripts/fetch_networks.py gets two of the networks.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track

from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import emit_part
from ranvier.gen.synth import map_cells
from ranvier.gen.synth.targets import find_target
from ranvier.golden.attention import Attention, Tokens
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Connection, Layer
from ranvier.golden.synapse import Axis, Convolution, Dense, Geometry, counts
from ranvier.hw.config import CoreConfig, core_config
from ranvier.hw.core import Core
from ranvier.hw.core.timing import core_cycles

MODELS = (
    "digits",
    "digits_pruned",
    "digits_residual",
    "digits_transformer",
    "vowels",
    "build/models/braille.toml",
    "build/models/scnn_mnist.toml",
)
LANES, WIDTH = 8, 8
MODEL = Lif(state_width=16, membrane_decay=Shift(4))
PARAMETERS = {"bias": np.array(0), "threshold": np.array(256), "reset_value": np.array(0)}
ORGANISATIONS_HEAD = """\
# Synapses, measured

Made by `python scripts/measure_synapses.py`.

## Every organisation

One core of 8 lanes and weights of 8 bits each, LIF neurons of 16 bits, weights at random. `event`: cycles of one, on
the average over the axons; `update`: those of a step's end; `memory`: `bits` of weights, pointers and delays, over
those of the weights that there are (of sparse synapses those that are not 0), their pointers and delays. Sparse rows
are as long as their fullest lane: networks are pruned so that lanes have alike (scripts/train_digits_pruned.py). Cells
as Yosys maps them for ECP5.

| synapses | axons | neurons | event | update | bits | memory | LUT4 | FF | LUT RAM | block RAM | DSP |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
HEAD = """\

## Networks

`weights`: those that are stored, of sparse synapses those that are not 0;
`memory`: bits of weights and rows, over those of the stored weights and pointers; `event`: cycles of one event at every
axon, over the stored weights that these add divided by lanes; axons that reach nothing are not in it.

| network | layer | synapses | axons | neurons | lanes | weights | memory | event |
|---|---|---|---:|---:|---:|---:|---:|---:|
"""


def organisation(layer: Layer, core: CoreConfig) -> str:
    """In words, with the sources of each connection."""
    if core.attention is not None:
        kind = f"attention, {core.attention.tokens} tokens, {core.attention.heads} heads"
    elif core.convolutions:
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
    if any(connection.repeats > 1 for connection in layer.connections):
        kind += ", of a sum"
    return kind + (f", delays up to {layer.longest_delay}" if core.delays else "")


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
        if core.attention is not None:  # which has no weights
            yield (
                f"| {design.program.name} | {layer.name} | {organisation(layer, core)} | {core.axons:,} |"
                f" {core.neurons:,} | {core.lanes} | – | – | – |"
            )
            continue
        reached = fan_out(layer, core.rows is not None)
        cycles = np.array(core.event_cycles)[reached > 0].sum() / (reached.sum() / core.lanes)
        bits = {name: words * width for name, words, width in core.memories}
        stored = sum(weights.size if core.rows is None else int((weights != 0).sum()) for weights in layer.weights)
        entry = layer.weight_width + (0 if core.rows is None else (core.groups - 1).bit_length())
        entry += core.delay_width if core.synaptic else 0
        beside = bits.get("rows", 0) + bits.get("delays", 0)
        held, ideal = bits["weights"] + beside, stored * entry + beside
        yield (
            f"| {design.program.name} | {layer.name} | {organisation(layer, core)} | {core.axons:,} |"
            f" {core.neurons:,} | {core.lanes} | {stored:,} | {held / ideal:.3f} | {cycles:.3f} |"
        )


def examples() -> Iterator[tuple[str, Layer, bool]]:
    """A layer of each organisation, by what it is called; whether it is sparse."""
    rng = np.random.default_rng(1)

    def layer(*connections: Connection, width: int = WIDTH) -> Layer:
        return Layer("core", connections, width, MODEL, PARAMETERS)

    def weights(*shape: int) -> np.ndarray:
        drawn = rng.integers(1, 128, shape)
        return np.where(rng.random(shape) < 0.5, -drawn, drawn)

    def convolution(filters: int, y: Axis, x: Axis, groups: int = 1) -> Convolution:
        geometry = Geometry(8, filters, y, x, groups)
        return Convolution(weights(*geometry.weight_shape), geometry)

    matrix = Dense(weights(128, 64))
    pruned = Dense(np.where(rng.random((128, 64)) < 0.1, matrix.weights, 0))
    chosen = rng.random((128, 8, LANES)).argsort(axis=1) < rng.integers(0, 3, (128, 1, 1))  # of each lane as many
    even = Dense(np.where(chosen.reshape(128, 64), matrix.weights, 0))
    axonal, synaptic = rng.integers(0, 64, 128), rng.integers(0, 64, (128, 64))
    same, wide, one = Axis(8, 3, 1, 1, 1), Axis(8, 3, 1, 2, 2, dilation=2), Axis(1, 1)
    image = convolution(8, same, same)
    pooled, repeated = Axis(8, 1, pool=2), Axis(4, 2, before=1, after=1, up=2)
    yield "dense", layer(Connection(matrix)), False
    yield "sparse, an eighth of the weights, lanes alike", layer(Connection(even)), True
    yield "sparse, a tenth of the weights, at random", layer(Connection(pruned)), True
    halves = Dense(matrix.weights[:64]), Dense(matrix.weights[64:])
    yield "recurrent", layer(Connection(halves[0]), Connection(halves[1], (0,))), False
    yield "convolution 1-D, kernel 3", layer(Connection(convolution(8, one, Axis(64, 3, 1, 1, 1)))), False
    yield "convolution 3 x 3", layer(Connection(image)), False
    yield "stride 2", layer(Connection(convolution(8, *[Axis(8, 3, 2, 1, 1)] * 2))), False
    yield "dilation 2", layer(Connection(convolution(8, wide, wide))), False
    yield "2 groups", layer(Connection(convolution(16, same, same, 2))), False
    yield "depthwise", layer(Connection(convolution(8, same, same, 8))), False
    yield "sum pooling 2 x 2", layer(Connection(convolution(8, pooled, pooled, 8))), False
    yield "pooling before a convolution", layer(Connection(convolution(8, *[Axis(8, 3, 1, 1, 1, pool=2)] * 2))), False
    yield "upsampling by 2", layer(Connection(convolution(8, repeated, repeated, 8))), False
    yield "dense, delays of axons", layer(Connection(matrix, delays=axonal)), False
    yield "dense, delays of synapses", layer(Connection(matrix, delays=synaptic)), False
    yield "sparse, delays of synapses", layer(Connection(even, delays=synaptic)), True
    yield "convolution, delays of axons", layer(Connection(image, delays=rng.integers(0, 64, 512))), False
    tokens = Attention(np.ones(1, np.int64), Tokens(16, 16, 2))
    yield "attention, 16 tokens, 2 heads", layer(Connection(tokens, (-1, -1, -1)), width=1), False


def example_row(name: str, layer: Layer, sparse: bool) -> str:
    """A row of the first table."""
    core = core_config(layer, LANES, sparse)
    cycles = core_cycles(core)
    bits = {memory: words * width for memory, words, width in core.memories}
    held = sum(bits.values())
    stored = sum(weights.size if core.rows is None else int((weights != 0).sum()) for weights in layer.weights)
    entry = core.weight_word_width // core.lanes
    ideal = stored * entry + held - bits.get("weights", 0)
    memory = "–" if core.attention is not None else f"{held / ideal:.3f}"
    target = find_target("ecp5")
    counted = target.count(map_cells(emit_part(Core(core), "core"), "core", target))
    cells = [f"{counted[kind]:,}" for kind in ("lut4", "ff", "lut_ram", "block_ram", "dsp")]
    event = f"{np.mean(core.event_cycles):.2f}"
    numbers = [f"{core.axons:,}", f"{core.neurons:,}", event, f"{cycles['update']:,}", f"{held:,}", memory, *cells]
    return f"| {name} | {' | '.join(numbers)} |"


def main() -> None:
    """Write the table aside and rename it."""
    parser = argparse.ArgumentParser(description="What synapses of each organisation store and cost.")
    parser.add_argument("--output", type=Path, default=Path("docs/synapses_measured.md"), help="file to write")
    path: Path = parser.parse_args().output
    cores = [example_row(*example) for example in track(list(examples()), description="organisations")]
    table = [row for model in track(MODELS, description="networks") for row in rows(load_design(model))]
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(ORGANISATIONS_HEAD + "\n".join(cores) + "\n" + HEAD + "\n".join(table) + "\n", encoding="utf-8")
    aside.replace(path)
    print("\n".join([*cores, *table]))


if __name__ == "__main__":
    main()
