"""How many events a program sends, from running it on real input."""

from dataclasses import dataclass

import numpy as np

from ranvier.golden.inference import run_program
from ranvier.golden.program import Program


@dataclass(frozen=True)
class Activity:
    """``rates[k]``: mean events a step of each axon of layer k, float ``[axons]``; ``rates[-1]``: of the outputs."""

    rates: tuple[np.ndarray, ...]

    @property
    def events(self) -> list[float]:
        """Events a step into each layer, and out of the last."""
        return [float(rate.sum()) for rate in self.rates]


def sent_rasters(program: Program, spikes: np.ndarray) -> list[np.ndarray]:
    """Which neurons of each layer send an event in each step, a readout's all; bool ``[samples, steps, neurons]``."""
    traces = run_program(program, spikes)
    return [
        trace.spikes if layer.model.spiking else np.ones_like(trace.spikes)
        for layer, trace in zip(program.layers, traces, strict=True)
    ]


def profile(program: Program, spikes: np.ndarray) -> Activity:
    """The activity of ``program`` on ``spikes`` (bool ``[samples, steps, inputs]``)."""
    rasters = [spikes, *sent_rasters(program, spikes)]
    return Activity(tuple(raster.mean(axis=(0, 1)) for raster in rasters))
