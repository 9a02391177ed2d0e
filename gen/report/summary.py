"""The report as data: ``report.json``, with NeuroBench's names where NeuroBench has one."""

from dataclasses import asdict
from typing import Any

from ..synth.performance import performance
from . import neurobench
from .data import Build


def summarise(build: Build) -> dict[str, Any]:
    """Plain JSON values; what has not been measured yet is None.

    Keys: NeuroBench's (see :mod:`.neurobench`), over the ``MetricSamples`` samples that were simulated;
    ``ClassificationAccuracy`` is the RTL's. ``accuracy``: of float, integer and RTL each a list of (share, samples
    that it was measured on). ``cycles``: of one sample, measured. ``metrics``: :class:`..metrics.Metrics`.
    ``targets``: for each synthesis resources, clock, latency and throughput.
    """
    program, simulation = build.program, build.simulation or {}
    quantisation = build.manifest.get("quantisation") or {}
    sparsity = operations = accuracy = None
    if build.stimulus is not None:
        traces = build.golden()
        sparsity = neurobench.activation_sparsity(program, [trace.spikes for trace in traces])
        operations = neurobench.synaptic_operations(program, build.stimulus, traces)
    if build.predictions is not None and build.labels is not None:
        accuracy = neurobench.classification_accuracy(build.predictions, build.labels)
    cycles = simulation.get("cycles")
    return {
        "name": build.manifest["name"],
        "hash": build.manifest["hash"],
        "Footprint": neurobench.footprint(program),
        "ConnectionSparsity": neurobench.connection_sparsity(program),
        "ActivationSparsity": sparsity,
        "SynapticOperations": operations,
        "ClassificationAccuracy": accuracy,
        "MetricSamples": 0 if build.stimulus is None else len(build.stimulus),
        "accuracy": {
            "float": _known((quantisation.get("float_accuracy"), quantisation.get("samples"))),
            "integer": _known(
                (quantisation.get("integer_accuracy"), quantisation.get("samples")),
                (simulation.get("accuracy_golden"), simulation.get("samples")),
            ),
            "rtl": _known((simulation.get("accuracy_rtl"), simulation.get("samples"))),
        },
        "verified": None if not simulation else _verified(simulation),
        "cycles": cycles,
        "event_utilisation": simulation.get("event_utilisation"),
        "metrics": simulation.get("metrics"),
        "targets": {synthesis["target"]: _target(synthesis, cycles, operations) for synthesis in build.syntheses},
    }


def _verified(simulation: dict[str, Any]) -> bool:
    """Whether all was equal, and took as many cycles as predicted."""
    equal = simulation["mismatch"] is None and simulation["hung"] is None
    return equal and bool(simulation["latencies"] == simulation["predicted"])


def _known(*figures: tuple[float | None, int | None]) -> list[tuple[float, int]]:
    """Those (accuracy, samples) that were measured, of equal ones the first."""
    return [(value, samples) for value, samples in dict.fromkeys(figures) if value is not None and samples is not None]


def _target(
    synthesis: dict[str, Any], cycles: dict[str, Any] | None, operations: dict[str, float] | None
) -> dict[str, Any]:
    speed = None
    if cycles:
        effective = operations["Effective_ACs"] if operations else None
        speed = asdict(performance(cycles["mean"], synthesis["fmax_median_mhz"], effective))
    return {
        "device": synthesis["device"],
        "cells": synthesis["cells"],
        "utilisation": synthesis["utilisation"],
        "fmax_mhz": synthesis["fmax_mhz"],
        "fmax_median_mhz": synthesis["fmax_median_mhz"],
        "performance": speed,
    }
