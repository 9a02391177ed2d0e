"""A simulation's outcome for a terminal."""

import numpy as np
from rich.table import Table

from ranvier.gen.metrics import SPIKE_PJ, Metrics
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
        **({"answers compared": f"{result.compared.answers:,}"} if result.compared.answers else {}),
        "mismatches": f"[red]{result.mismatches}[/]" if result.mismatches else "[green]0[/]",
        "accuracy, golden | RTL": _percent(result.accuracy_golden) + " | " + _percent(result.accuracy_rtl),
        **({} if result.metrics is None else measured(result.metrics)),
        "cycles a sample, min | mean | max": "–" if cycles is None else _span(cycles),
        "cycles equal the formula": _mark(result.latencies == result.predicted) if result.latencies else "–",
        "useful lane-cycles of events, first layer": _percent(result.event_utilisation),
        "simulation speed": f"{result.cycles_per_second:,.0f} cycles/s ({result.clock_cycles:,} cycles)",
        "seed": str(result.seed),
    }
    for name, value in rows.items():
        rows_of.add_row(name, value)
    return rows_of


def measured(metrics: Metrics) -> dict[str, str]:
    """Rows of a table: the answers of the decoder, and the activity behind them."""
    rows = {}
    if metrics.never_right is not None:
        latency = "–" if metrics.latency_steps is None else f"{metrics.latency_steps:.2f} steps"
        rows[f"latency by {metrics.decoder} | samples never right"] = f"{latency} | {metrics.never_right}"
    early = "" if metrics.exit_accuracy is None else f" | {metrics.exit_accuracy:.2%}"
    rows[f"early exit after{' | accuracy then' if early else ''}"] = f"{metrics.exit_steps:.2f} steps{early}"
    if metrics.firing_rate is not None:
        rows["spikes a neuron and step | sparsity"] = f"{metrics.firing_rate:.4f} | {metrics.sparsity:.2%}"
    rows["spikes a sample | of the input"] = f"{metrics.spikes:,.1f} | {metrics.input_spikes:,.1f}"
    rows[f"energy a sample, at {SPIKE_PJ:g} pJ a spike"] = f"{metrics.energy_pj / 1000:,.3f} nJ"
    if metrics.duty_cycle is not None:
        rows["duty cycle of a core, mean"] = _percent(metrics.duty_cycle)
    return rows


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
