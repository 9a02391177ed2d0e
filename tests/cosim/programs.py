"""Random programs that together cover the options of layers and cores."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ranvier.golden.fixed import signed_max, signed_min, signed_width, weight_range
from ranvier.golden.inference import run_program
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.program import Layer, Program, dense

from .cover import cover_pairs

SEED = 20261121
DECAYS = {"keep": Keep(), "clear": Shift(0), "shift": Shift(3), "multiply": Multiply(8), "coarse": Multiply(3)}
SPIKING = {
    "lanes": (1, 3, 4, 8, 16),
    "weight_width": (1, 2, 4, 7, 16),
    "decay": tuple(DECAYS),
    "current": (None, "keep", "shift", "multiply"),
    "comparison": ("greater", "greater_equal"),
    "reset": ("hard", "soft", "none"),
    "reset_timing": ("same_step", "next_step"),
    "current_timing": ("same_step", "next_step"),
    "parameters": ("uniform", "each", "mixed"),
    "narrow": (False, True),
}
READOUT = {
    "lanes": (1, 3, 16),
    "weight_width": (1, 8),
    "decay": ("keep", "shift", "multiply"),
    "current": (None, "multiply"),
    "parameters": ("uniform", "each"),
    "narrow": (False, True),
}


@dataclass(frozen=True)
class Case:
    """A program, the lanes of its layers and a stimulus; ``narrow``: which layers must saturate."""

    name: str
    program: Program
    lanes: list[int]
    spikes: np.ndarray
    narrow: list[bool]


def cases() -> list[Case]:
    """Chips of one to three spiking layers, most with a readout behind them, until all rows have been used."""
    rng = np.random.default_rng(SEED)
    rows, readouts = cover_pairs(SPIKING, SEED), cover_pairs(READOUT, SEED)
    chips: list[Case] = []
    while rows or readouts:
        depth = 3 - len(chips) % 3
        chosen = [rows.pop() for _ in range(min(depth, len(rows)))]
        if readouts and len(chips) % 4:
            chosen.append(readouts.pop())
        chips.append(_case(f"chip{len(chips)}", chosen, rng))
    return chips


def _case(name: str, rows: list[dict[str, Any]], rng: np.random.Generator) -> Case:
    sizes = [int(size) for size in rng.integers(16, 40, len(rows) + 1)]
    spikes = rng.random((4, 6, sizes[0])) < 0.3
    layers: list[Layer] = []
    signal = spikes
    for index, row in enumerate(rows):
        layer = _lively(f"layer{index}", row, signal, sizes[index + 1], rng)
        layers.append(layer)
        signal = run_program(Program(name, (layer,), 6), signal)[0].spikes
    return Case(
        name, Program(name, tuple(layers), 6), [row["lanes"] for row in rows], spikes, [row["narrow"] for row in rows]
    )


def _lively(name: str, row: dict[str, Any], spikes: np.ndarray, neurons: int, rng: np.random.Generator) -> Layer:
    """A layer of these options in which something happens: spikes, silence and, if narrow, saturation."""
    for _ in range(200):
        layer = _layer(name, row, spikes, neurons, rng)
        trace = run_program(Program("trial", (layer,), 6), spikes)[0]
        alive = 0.03 < trace.spikes.mean() < 0.7 if layer.model.spiking else np.ptp(trace.membrane) > 3
        if alive and (not row["narrow"] or trace.saturations.any()):
            return layer
    raise AssertionError(f"no lively layer for {row}")


def _layer(name: str, row: dict[str, Any], spikes: np.ndarray, neurons: int, rng: np.random.Generator) -> Layer:
    axons = spikes.shape[2]
    low, high = weight_range(row["weight_width"])
    weights = rng.integers(low, high + 1, (axons, neurons))
    if row["weight_width"] == 1:
        weights = np.where(weights >= 0, 1, -1)
    drive = spikes.astype(np.int64) @ weights
    enough = signed_width(int(drive.min()) * 6, int(drive.max()) * 6) + 2
    width = max(signed_width(int(drive.min()), int(drive.max())) - 1, 2) if row["narrow"] else enough
    current = None
    if row["current"] is not None:
        current = Current(max(width - 1, 2), DECAYS[row["current"]], row.get("current_timing", "same_step"))
    options = {key: row[key] for key in ("comparison", "reset", "reset_timing") if key in row}
    model = Lif(
        state_width=width,
        membrane_decay=DECAYS[row["decay"]],
        current=current,
        spiking="reset" in row,
        bias_width=int(rng.integers(1, 7)),
        **options,
    )
    return Layer(
        name,
        dense(weights.astype(np.int64)),
        row["weight_width"],
        model,
        _parameters(model, row["parameters"], neurons, int(np.abs(drive).max()), rng),
    )


def _parameters(model: Lif, kind: str, neurons: int, scale: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    parameters = {}
    for index, (name, (width, signed)) in enumerate(model.parameter_shapes().items()):
        low, high = (signed_min(width), signed_max(width)) if signed else (0, (1 << width) - 1)
        if name.endswith("factor"):
            high = 1 << (width - 1)
        elif name == "threshold":
            low, high = 0, min(high, scale)
        elif name == "reset_value":
            low, high = max(low, -scale), min(high, scale // 4)
        shape = neurons if kind == "each" or (kind == "mixed" and index % 2) else ()
        parameters[name] = np.asarray(rng.integers(low, high + 1, shape), np.int64)
    return parameters


def corrupted(program: Program, layer: int, axon: int, neuron: int) -> Program:
    """The program with one weight changed in its lowest bit."""
    layers = list(program.layers)
    weights = layers[layer].matrix.copy()
    weights[axon, neuron] ^= 1
    layers[layer] = replace(layers[layer], connections=dense(weights))
    return replace(program, layers=tuple(layers))
