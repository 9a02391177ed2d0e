"""The surveys' metrics as rows of a report."""

from collections.abc import Callable
from typing import Any

from ..metrics import SPIKE_PJ


def metric_rows(metrics: dict[str, Any] | None) -> list[dict[str, str]]:
    """Name, value and meaning of each of :class:`..metrics.Metrics` that was measured."""
    if metrics is None:
        return []

    def share(value: float) -> str:
        return f"{100 * value:.2f} %"

    shown: list[tuple[str, str, Callable[[Any], str], str]] = [
        ("accuracy", "Accuracy", share, f"of the answers by {metrics['decoder']}"),
        (
            "latency_steps",
            "Latency, steps",
            "{:.2f}".format,
            "the first with the right prediction, from 1",
        ),
        ("never_right", "Samples never right", str, "they have no latency"),
        ("exit_steps", "Early exit, steps", "{:.2f}".format, "after which a sample may end"),
        ("exit_accuracy", "Accuracy with early exit", share, "of the answers by then"),
        ("firing_rate", "Firing rate", "{:.4f}".format, "spikes a neuron and step, of the layers that spike"),
        ("sparsity", "Sparsity", share, "1 - firing rate"),
        ("spikes", "Spikes a sample", "{:,.1f}".format, "of all neurons"),
        ("input_spikes", "Input spikes a sample", "{:,.1f}".format, "not among these"),
        ("energy_pj", "Energy a sample, pJ", "{:,.0f}".format, f"spikes times {SPIKE_PJ:g} pJ, a spike on Loihi"),
        ("duty_cycle", "Duty cycle", share, "of the chip's cycles those in which a core is active, mean over cores"),
    ]
    return [
        {"name": name, "value": form(metrics[key]), "meaning": meaning}
        for key, name, form, meaning in shown
        if metrics[key] is not None
    ]
