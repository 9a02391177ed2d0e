"""A simulation's outcome for a terminal."""

import numpy as np
from rich.table import Table

from ranvier.golden.program import Program

from .result import Cycles, SimResult

RASTER_NEURONS = 16


def table(result: SimResult) -> Table:
    """The figures of ``sim.json`` that a person looks at."""
    title = f"{result.name}: Verilog on {result.simulator} {result.version} against the golden model"
    caption = "half alone, half under back-pressure; of an odd number, the middle one both"
    rows_of = Table(title=title, caption=caption, show_header=False)
    cycles = result.cycles
    rows = {
        "samples × steps": f"{result.samples} × {result.steps}",
        "spikes compared": f"{result.compared.spikes:,}",
        "membrane potentials compared": f"{result.compared.membranes:,}",
        "output events compared": f"{result.compared.output_events:,}",
        "mismatches": f"[red]{result.mismatches}[/]" if result.mismatches else "[green]0[/]",
        "accuracy, golden | RTL": _percent(result.accuracy_golden) + " | " + _percent(result.accuracy_rtl),
        "cycles a sample, min | mean | max": "–" if cycles is None else _span(cycles),
        "cycles equal the formula": _mark(result.latencies == result.predicted) if result.latencies else "–",
        "useful lane-cycles of events, first layer": _percent(result.event_utilisation),
        "simulation speed": f"{result.cycles_per_second:,.0f} cycles/s ({result.clock_cycles:,} cycles)",
        "seed": str(result.seed),
    }
    for name, value in rows.items():
        rows_of.add_row(name, value)
    return rows_of


def raster(result: SimResult, program: Program) -> str:
    """Spikes of the first sample in the last layer that spikes: a row a neuron, a column a step."""
    spiking = [layer.name for layer in program.layers if layer.model.spiking]
    if not spiking:
        return ""
    spikes = result.observed[f"{spiking[-1]}.spikes"][0]
    busiest = np.sort(np.argsort(-np.count_nonzero(spikes, axis=0), kind="stable")[:RASTER_NEURONS])
    lines = [f"{neuron:6d} {''.join(map(_symbol, spikes[:, neuron].tolist()))}" for neuron in busiest]
    shown = "" if len(busiest) == spikes.shape[1] else f", the {len(busiest)} busiest neurons of {spikes.shape[1]}"
    return "\n".join([f"spikes of sample 0, layer {spiking[-1]}{shown}:", *lines, ""])


def _span(cycles: Cycles) -> str:
    return f"{cycles.minimum:,} | {cycles.mean:,.0f} | {cycles.maximum:,}"


def _mark(right: bool) -> str:
    return "[green]yes[/]" if right else "[red]no[/]"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def _symbol(spike: int) -> str:
    """Of one step: no spike, one, one of a greater value, or one below 0."""
    return "·" if not spike else "│" if spike == 1 else "-" if spike < 0 else str(spike) if spike < 10 else "+"
