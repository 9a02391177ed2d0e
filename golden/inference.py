"""Integer inference in NumPy, batched: the reference that every other model and the RTL must equal."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .fixed import signed_max, signed_min
from .neuron import after_reset, fire, integrate, observe, renew
from .program import Layer, Program

_EXACT = 1 << 53  # float64 holds every integer below, so that a BLAS product of integers is exact


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did: ``spikes`` bool and ``membrane`` int64, ``[samples, steps, neurons]``;
    ``saturations`` counts neuron-steps of each sample in which a state was limited, ``[samples]``."""

    spikes: np.ndarray
    membrane: np.ndarray
    saturations: np.ndarray


def run_program(program: Program, spikes: np.ndarray) -> list[LayerTrace]:
    """Run ``spikes`` (bool ``[samples, steps, inputs]``) through ``program``; one trace for each layer.

    Every sample starts from the zero state. Raises ValueError if the stimulus has another shape.
    """
    if spikes.ndim != 3 or spikes.shape[2] != program.inputs:
        raise ValueError(f"Stimulus must have shape [samples, steps, {program.inputs}], not {list(spikes.shape)}")
    traces: list[LayerTrace] = []
    for layer in program.layers:
        traces.append(run_layer(layer, spikes))
        spikes = traces[-1].spikes
    return traces


def run_layer(layer: Layer, spikes: np.ndarray) -> LayerTrace:
    """Run one layer over all samples and steps."""
    samples, steps, _ = spikes.shape
    shape = (samples, steps, layer.neurons)
    fired, membrane, saturations = np.zeros(shape, bool), np.zeros(shape, np.int64), np.zeros(samples, np.int64)
    drive = synaptic_drive(layer, spikes)
    for step, (spike, observed, overflow) in enumerate(_steps(layer, drive)):
        fired[:, step], membrane[:, step] = spike, observed
        saturations += overflow.sum(axis=1)
    return LayerTrace(fired, membrane, saturations)


def synaptic_drive(layer: Layer, spikes: np.ndarray) -> np.ndarray:
    """Sum of the weights of the inputs that spiked: int64 ``[samples, steps, neurons]``."""
    assert layer.axons * int(np.abs(layer.weights).max()) < _EXACT
    drive: np.ndarray = (spikes.astype(np.float64) @ layer.weights.astype(np.float64)).astype(np.int64)
    return drive


def _steps(layer: Layer, drive: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    model, width = layer.model, layer.model.state_width
    parameter = layer.parameters.get
    threshold, reset_value = parameter("threshold", 0), parameter("reset_value", 0)
    bias, current = layer.parameters["bias"], model.current
    stored = np.zeros((drive.shape[0], layer.neurons), np.int64)
    stored_current = stored
    for step in range(drive.shape[1]):
        if current is None:
            v, overflow = integrate(stored + drive[:, step] + bias, width)
        else:
            i, overflow = integrate(stored_current + drive[:, step] + bias, current.width)
            push = i if current.timing == "same_step" else 0
            v, limited = integrate(stored + push + parameter("membrane_bias", 0), width)
            overflow = overflow | limited
            stored_current = current.decay.apply(i, parameter("current_factor", 0))
        spike = fire(model, v, threshold) if model.spiking else np.zeros(v.shape, bool)
        settled = after_reset(model, v, spike, threshold, reset_value)
        stored = renew(model, v, settled, spike, threshold, parameter("membrane_factor", 0))
        if current is not None and current.timing == "next_step":
            stored, limited = integrate(stored + i, width)
            overflow = overflow | limited
        assert stored.min() >= signed_min(width) and stored.max() <= signed_max(width)
        yield spike, observe(model, v, settled), overflow
