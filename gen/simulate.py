"""Floating-point simulation of a :class:`.network.Network`, written from the frameworks' equations.

It shares no arithmetic with :mod:`ranvier.golden`: the quantiser is measured against it, and tests hold it
against snnTorch and Norse.
"""

from dataclasses import dataclass

import numpy as np

from ranvier.golden.synapse import Dense, Synapses

from .network import Network, NetworkLayer, Neurons


@dataclass(frozen=True)
class FloatTrace:
    """What one layer did: ``spikes`` bool and ``membrane`` float64, ``[samples, steps, neurons]``.

    ``membrane`` is the potential at the end of the step: after the reset where it acts in the same step.
    """

    spikes: np.ndarray
    membrane: np.ndarray

    def record(self, step: int, now: tuple[np.ndarray, np.ndarray]) -> None:
        """Write spikes and membrane potentials of ``step``."""
        self.spikes[:, step], self.membrane[:, step] = now


def simulate(network: Network, spikes: np.ndarray) -> list[FloatTrace]:
    """Run ``spikes`` (bool ``[samples, steps, inputs]``) through ``network``; one trace for each layer."""
    samples, steps, _ = spikes.shape
    populations = [_Population(layer.neurons, samples) for layer in network.layers]
    traces = [
        FloatTrace(np.zeros(shape, bool), np.zeros(shape))
        for shape in ((samples, steps, layer.bias.size) for layer in network.layers)
    ]
    for step in range(steps):
        for place, layer in enumerate(network.layers):
            signals = [_arriving(c.sources, place, step, spikes, traces) for c in layer.connections]
            traces[place].record(step, populations[place].step(_drive(layer, signals)))
    return traces


def _arriving(
    sources: tuple[int, ...], place: int, step: int, spikes: np.ndarray, traces: list[FloatTrace]
) -> np.ndarray:
    """Spikes of ``sources`` added up, those of no earlier layer from the step before: ``[samples, axons]``."""
    total = np.zeros(())
    for source in sources:
        signal = spikes if place + source < 0 else traces[place + source].spikes
        if source < 0:
            total = total + signal[:, step]
        elif step:
            total = total + signal[:, step - 1]
        else:
            total = total + np.zeros(signal[:, 0].shape)
    return np.asarray(total)


def _drive(layer: NetworkLayer, signals: list[np.ndarray]) -> np.ndarray:
    drive = layer.bias
    for connection, signal in zip(layer.connections, signals, strict=True):
        drive = drive + driven(connection.synapses, signal)
    return drive


def driven(synapses: Synapses, signal: np.ndarray) -> np.ndarray:
    """``signal`` ``[n, axons]`` times float weights: ``[n, neurons]``; each weight of a kernel adds a shifted image."""
    if isinstance(synapses, Dense):
        return np.asarray(signal @ synapses.weights)
    geometry, weights = synapses.geometry, synapses.weights
    y, x = geometry.vertical, geometry.horizontal
    image = signal.reshape(-1, *geometry.in_shape)
    wide = np.zeros((len(image), y.padded + y.stride, x.padded + x.stride, geometry.channels))
    for i in range(y.windows * y.pool):
        for j in range(x.pool):
            place = y.before + y.up * (i // y.pool)
            wide[:, place, x.before : x.padded - x.after : x.up] += image[:, i, j : x.windows * x.pool : x.pool]
    sums = np.zeros((len(image), *geometry.out_shape))
    inputs, filters = (count // geometry.groups for count in (geometry.channels, geometry.filters))
    for group in range(geometry.groups):
        of, to = (slice(group * size, (group + 1) * size) for size in (inputs, filters))
        for i in range(y.kernel):
            rows = wide[:, i * y.dilation :: y.stride][:, : y.outputs]
            for j in range(x.kernel):
                taken = rows[:, :, j * x.dilation :: x.stride, of][:, :, : x.outputs]
                sums[..., to] += taken @ weights[to, :, i, j].T
    return np.asarray(sums.reshape(len(signal), -1))


class _Population:
    """Neurons of so many samples, from the zero state on."""

    def __init__(self, neurons: Neurons, samples: int) -> None:
        self.neurons = neurons
        shape = (samples, neurons.membrane_bias.size)
        self.v, self.s, self.current = np.zeros(shape), np.zeros(shape, bool), np.zeros(shape)

    def step(self, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spikes and membrane potentials of one more step."""
        neurons, v, s = self.neurons, self.v, self.s
        reset = "none" if neurons.threshold is None else neurons.reset
        delayed = neurons.reset_timing == "next_step"
        pushed = drive
        if neurons.current_decay is not None:
            before, self.current = self.current, neurons.current_decay * self.current + drive
            pushed = before if neurons.current_timing == "next_step" else self.current
        if not delayed or reset == "none":
            v = neurons.membrane_decay * v
        elif reset == "hard":
            v = neurons.membrane_decay * np.where(s, neurons.reset_value, v)
        else:
            v = neurons.membrane_decay * v - s * neurons.threshold
        v = v + pushed + neurons.membrane_bias
        if neurons.threshold is not None:
            s = v > neurons.threshold if neurons.comparison == "greater" else v >= neurons.threshold
            if not delayed and reset == "hard":
                v = np.where(s, neurons.reset_value, v)
            elif not delayed and reset == "soft":
                v = v - s * neurons.threshold
        self.v, self.s = v, s
        return s, v
