"""Floating-point simulation of a :class:`.network.Network`, written from the frameworks' equations.

It shares nothing with :mod:`ranvier.golden`: the quantiser is measured against it, and tests hold it
against snnTorch and Norse.
"""

from dataclasses import dataclass

import numpy as np

from .network import Network, NetworkLayer, Neurons


@dataclass(frozen=True)
class FloatTrace:
    """What one layer did: ``spikes`` bool and ``membrane`` float64, ``[samples, steps, neurons]``.

    ``membrane`` is the potential at the end of the step: after the reset where it acts in the same step.
    """

    spikes: np.ndarray
    membrane: np.ndarray


def simulate(network: Network, spikes: np.ndarray) -> list[FloatTrace]:
    """Run ``spikes`` (bool ``[samples, steps, inputs]``) through ``network``; one trace for each layer."""
    traces: list[FloatTrace] = []
    for layer in network.layers:
        traces.append(simulate_layer(layer, spikes))
        spikes = traces[-1].spikes
    return traces


def simulate_layer(layer: NetworkLayer, spikes: np.ndarray) -> FloatTrace:
    """Run one layer; every sample starts from the zero state."""
    drive = spikes.astype(np.float64) @ layer.weights + layer.bias
    pushed = drive if layer.neurons.current_decay is None else _currents(layer.neurons, drive)
    return _membranes(layer.neurons, pushed + layer.neurons.membrane_bias)


def _currents(neurons: Neurons, drive: np.ndarray) -> np.ndarray:
    """What the synaptic currents push into the membrane at each step."""
    currents = np.empty_like(drive)
    current = np.zeros_like(drive[:, 0])
    for step in range(drive.shape[1]):
        current = neurons.current_decay * current + drive[:, step]
        currents[:, step] = current
    if neurons.current_timing == "next_step":
        currents = np.concatenate([np.zeros_like(currents[:, :1]), currents[:, :-1]], axis=1)
    return currents


def _membranes(neurons: Neurons, pushed: np.ndarray) -> FloatTrace:
    reset = "none" if neurons.threshold is None else neurons.reset
    delayed = neurons.reset_timing == "next_step"
    spikes, membrane = np.zeros(pushed.shape, bool), np.empty_like(pushed)
    v, s = np.zeros_like(pushed[:, 0]), np.zeros(pushed[:, 0].shape, bool)
    for step in range(pushed.shape[1]):
        if not delayed or reset == "none":
            v = neurons.membrane_decay * v
        elif reset == "hard":
            v = neurons.membrane_decay * np.where(s, neurons.reset_value, v)
        else:
            v = neurons.membrane_decay * v - s * neurons.threshold
        v = v + pushed[:, step]
        if neurons.threshold is not None:
            s = v > neurons.threshold if neurons.comparison == "greater" else v >= neurons.threshold
            if not delayed and reset == "hard":
                v = np.where(s, neurons.reset_value, v)
            elif not delayed and reset == "soft":
                v = v - s * neurons.threshold
        spikes[:, step], membrane[:, step] = s, v
    return FloatTrace(spikes, membrane)
