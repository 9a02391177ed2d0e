"""The report as one HTML page that needs nothing else: no script, no font, no request."""

from collections.abc import Iterator
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ranvier.golden.program import spread

from ..config import PRESETS
from .data import Build, Traces
from .figures import Population, Span, activity, bar, confusion, waterfall
from .metrics import metric_rows

_STEPS_SHOWN = 320  # more would be finer than a pixel
_SITES = {
    "TRELLIS_COMB": "logic cells",
    "TRELLIS_FF": "flip-flops",
    "TRELLIS_RAMW": "LUT RAM write ports",
    "DP16KD": "block RAM",
    "MULT18X18D": "multipliers",
    "TRELLIS_IO": "pins",
    "ICESTORM_LC": "logic cells",
    "ICESTORM_RAM": "block RAM",
    "SB_IO": "pins",
}
_CELLS = {
    "lut4": "LUT4",
    "carry": "carry cells",
    "wide_mux": "wide multiplexers",
    "lut_ram": "LUT RAMs",
    "ff": "flip-flops",
    "block_ram": "block RAMs",
    "dsp": "multipliers",
}


def render(build: Build, summary: dict[str, Any]) -> str:
    """The page for ``build``; ``summary`` as :func:`.summary.summarise` made it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ranvier.gen.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"number": number, "percent": percent, "si": si, "figures": figures}
    manifest, simulation = build.manifest, build.simulation
    style = environment.get_template("style.css").render()
    return environment.get_template("page.html.jinja").render(
        name=manifest["name"],
        model=manifest["name"] if (PRESETS / f"{manifest['name']}.toml").exists() else "MODEL",
        hash=manifest["hash"],
        tools=list(manifest["tools"].items()),
        shape=_shape(build),
        style=Markup(style),
        layers=[layer | {"hears": _hears(build, place)} for place, layer in enumerate(manifest["layers"])],
        spiking={layer.name: layer.model.spiking for layer in build.program.layers},
        memory_map=manifest["memory_map"],
        configuration=list(flat(manifest["configuration"])),
        quantisation=manifest.get("quantisation"),
        simulation=simulation,
        problem=_problem(simulation),
        summary=summary,
        traced=0 if build.traces is None else len(build.traces.numbers),
        activity=None if build.traces is None else _activity(build, build.traces),
        accuracy=_accuracy(summary),
        confusion=_confusion(build),
        targets=[_target(synthesis, summary) for synthesis in build.syntheses],
        metrics=_metrics(summary),
        answers=metric_rows(summary["metrics"]),
    )


def number(value: float) -> str:
    """Digits in groups of three, no decimals beyond one."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.1f}"


def percent(value: float) -> str:
    """A share as a percentage, exact where it is."""
    return f"{100 * value:.3g} %" if 0 < value < 0.01 else f"{100 * value:.2f}".rstrip("0").rstrip(".") + " %"


def si(value: float) -> str:
    """Three significant digits with an SI prefix."""
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{figures(value / size)} {prefix}"
    return figures(value) + " "


def figures(value: float) -> str:
    """At least three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _shape(build: Build) -> str:
    counts = [layer.neurons for layer in build.program.layers]
    chain = " → ".join(str(count) for count in (build.program.inputs, *counts))
    if not build.program.is_chain:
        chain = f"{build.program.inputs:,} inputs, {len(counts)} layers of {sum(counts):,}"
    weights = sum(weights.size for layer in build.program.layers for weights in layer.weights)
    widths = " and ".join(str(width) for width in sorted({layer.weight_width for layer in build.program.layers}))
    return f"{chain} neurons, {weights:,} weights of {widths} bits, {build.program.steps} steps a sample"


def _hears(build: Build, place: int) -> str:
    """Whose spikes the layer at ``place`` gets: added up where joined by +, those of the step before in ( )."""

    def name(source: int) -> str:
        of = "input" if place + source < 0 else build.program.layers[place + source].name
        return of if source < 0 else f"({of})"

    connections = build.program.layers[place].connections
    return ", ".join((" + " if c.repeats > 1 else ", ").join(map(name, c.sources)) for c in connections)


def _activity(build: Build, traces: Traces) -> Markup:
    samples, steps, _ = traces.inputs.shape
    shown = max(min(samples, _STEPS_SHOWN // steps), 1)
    steps = min(steps, _STEPS_SHOWN)

    def flat(array: np.ndarray) -> np.ndarray:
        return array[:shown, :steps].reshape(shown * steps, -1)

    populations = [Population("input", flat(traces.inputs))]
    for layer, spikes, membrane in zip(build.program.layers, traces.spikes, traces.membrane, strict=True):
        threshold = (
            np.broadcast_to(spread(layer.parameters["threshold"], layer.neurons), layer.neurons)
            if "threshold" in layer.parameters
            else None
        )
        populations.append(Population(layer.name, flat(spikes), flat(membrane), threshold))
    titles = [_title(build, int(sample)) for sample in traces.numbers[:shown]]
    return activity(populations, [Span(steps, title) for title in titles])


def _title(build: Build, sample: int) -> str:
    labels, predictions = build.labels, build.predictions
    title = f"sample {sample}"
    if labels is not None:
        title += f" · label {labels[sample]}"
    if predictions is not None:
        title += f" · class {predictions[sample]}"
    return title


def _accuracy(summary: dict[str, Any]) -> list[dict[str, Any]]:
    names = {"float": "float network", "integer": "integer golden model", "rtl": "RTL"}
    rows = []
    for key, name in names.items():
        for value, samples in summary["accuracy"][key]:
            rows.append({"name": name, "samples": samples, "value": value, "bar": bar(value)})
    return rows


def _confusion(build: Build) -> Markup | None:
    labels, predictions = build.labels, build.predictions
    if labels is None or predictions is None or build.program.outputs > 40:
        return None
    matrix = np.zeros((build.program.outputs,) * 2, np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return confusion(matrix)


def _problem(simulation: dict[str, Any] | None) -> str:
    if not simulation:
        return ""
    if simulation["hung"] is not None:
        return f"The chip stopped: {simulation['hung']}."
    found = simulation["mismatch"]
    if found is None:
        late = simulation["latencies"] != simulation["predicted"]
        return f"It takes {simulation['latencies']} cycles, not {simulation['predicted']}." if late else ""
    return (
        f"Sample {found['sample']}, step {found['step']}, {found['where']}: {found['what']} expected "
        f"{found['expected']}, got {found['got']}."
    )


def _target(synthesis: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
    sites = [
        {
            "name": name,
            "label": _SITES[name],
            "share": site["used"] / site["available"],
            "bar": bar(site["used"] / site["available"]),
            **site,
        }
        for name, site in synthesis["utilisation"].items()
        if name in _SITES and site["available"]
    ]
    total = sum(hop["logic_ns"] + hop["routing_ns"] for hop in synthesis["critical_path"])
    start, path = 0.0, []
    for hop in synthesis["critical_path"]:
        cells = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in hop["cells"].items())
        strip = waterfall(start, hop["logic_ns"], hop["routing_ns"], total)
        path.append(hop | {"cells": cells, "bar": strip})
        start += hop["logic_ns"] + hop["routing_ns"]
    return {
        "name": synthesis["target"],
        "device": synthesis["device"],
        "fmax": synthesis["fmax_median_mhz"],
        "seeds": list(synthesis["fmax_mhz"].values()),
        "sites": sorted(sites, key=lambda site: list(_SITES).index(site["name"])),
        "cells": [
            {"label": _CELLS.get(kind, kind), "number": count} for kind, count in synthesis["cells"].items() if count
        ],
        "notes": synthesis["notes"],
        "path": path,
        "path_ns": total,
        "performance": summary["targets"][synthesis["target"]]["performance"],
    }


def _metrics(summary: dict[str, Any]) -> list[dict[str, str]]:
    operations = summary["SynapticOperations"]
    rows = [
        ("Footprint", f"{summary['Footprint']:,} B", "weights, parameters and states at their width in hardware"),
        ("ConnectionSparsity", percent(summary["ConnectionSparsity"]), "weights that are zero"),
    ]
    if summary["ActivationSparsity"] is not None:
        rows.append(("ActivationSparsity", percent(summary["ActivationSparsity"]), "neuron-steps without a spike"))
    if operations is not None:
        rows += [
            ("SynapticOperations, Effective_ACs", number(operations["Effective_ACs"]), "non-zero weights added"),
            ("SynapticOperations, Effective_MACs", number(operations["Effective_MACs"]), "0: spikes are added"),
            (
                "SynapticOperations, Dense",
                number(operations["Dense"]),
                "if every input spiked in every step; all three a sample",
            ),
        ]
    if summary["ClassificationAccuracy"] is not None:
        rows.append(("ClassificationAccuracy", percent(summary["ClassificationAccuracy"]), "of the RTL"))
    return [{"name": name, "value": value, "meaning": meaning} for name, value, meaning in rows]


def flat(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested fields as dotted names; of a path only its last part, as reports travel."""
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, str) and key in ("model", "file"):
            yield prefix + key, value.replace("\\", "/").rpartition("/")[2]
        else:
            yield prefix + key, value
