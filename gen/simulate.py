"""Floating-point simulation of a :class:`.network.Network`, written from the frameworks' equations.

For the neurons that NIR has it shares no arithmetic with :mod:`ranvier.golden`: the quantiser is measured against it,
and tests hold it against snnTorch and Norse. Those of other models (:mod:`ranvier.golden.neurons`) take their own step,
on real numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ranvier.golden import generator
from ranvier.golden.attention import Attention
from ranvier.golden.neurons.neuron import Formats, Inputs
from ranvier.golden.program import Connection
from ranvier.golden.synapse import Dense, Synapses

from .network import ModelNeurons, Network, Neurons

_FRACTION = 16  # bits of factors, as many as there may be; floats undo the scale exactly


@dataclass(frozen=True)
class FloatTrace:
    """What one layer did, ``[samples, steps, neurons]``: ``spikes`` bool (int16 with values) and ``membrane`` float64.

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
    populations = [_population(layer.neurons, samples) for layer in network.layers]
    traces = [
        FloatTrace(np.zeros(shape, population.kind), np.zeros(shape))
        for population, layer in zip(populations, network.layers, strict=True)
        for shape in [(samples, steps, layer.bias.size)]
    ]
    pending: list[dict[int, np.ndarray]] = [{} for _ in network.layers]  # what is yet to arrive, by its step
    for step in range(steps):
        for place, layer in enumerate(network.layers):
            for connection in layer.connections:
                signal = _sent(connection, place, step, spikes, traces)
                for delay, drive in _delayed(connection, signal):
                    pending[place][step + delay] = pending[place].get(step + delay, 0) + drive
            traces[place].record(step, populations[place].step(layer.bias + pending[place].pop(step, 0)))
    return traces


def _sent(connection: Connection, place: int, step: int, spikes: np.ndarray, traces: list[FloatTrace]) -> np.ndarray:
    """What its sources send to ``connection``, those of no earlier layer in the step before: ``[samples, axons]``."""
    signals = []
    for source in connection.sources:
        signal = spikes if place + source < 0 else traces[place + source].spikes
        now = step - (source >= 0)
        signals.append(signal[:, now].astype(np.float64) if now >= 0 else np.zeros(signal[:, 0].shape))
    return np.concatenate(signals, axis=1) if isinstance(connection.synapses, Attention) else np.sum(signals, axis=0)


def _delayed(connection: Connection, signal: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """What ``signal`` does to the neurons, and so many steps later."""
    delays, synapses = connection.delays, connection.synapses
    if delays is None:
        yield 0, driven(synapses, signal)
        return
    for delay in np.unique(delays).tolist():
        if delays.ndim == 1:
            yield delay, driven(synapses, np.where(delays == delay, signal, 0))
        else:
            yield delay, signal @ np.where(delays == delay, synapses.weights, 0)


def driven(synapses: Synapses, signal: np.ndarray) -> np.ndarray:
    """``signal`` ``[n, axons]`` times float weights: ``[n, neurons]``; each weight of a kernel adds a shifted image."""
    if isinstance(synapses, Dense):
        return np.asarray(signal @ synapses.weights)
    if isinstance(synapses, Attention):
        shape = synapses.shape
        query, key, value = signal.reshape(len(signal), 3, shape.tokens, shape.heads, -1).transpose(1, 0, 3, 2, 4)
        attended = synapses.weights * (query @ key.swapaxes(2, 3)) @ value
        return np.asarray(attended.swapaxes(1, 2).reshape(len(signal), -1))
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


def _population(neurons: Neurons | ModelNeurons, samples: int) -> "_IntegrateAndFire | _Model":
    return _Model(neurons, samples) if isinstance(neurons, ModelNeurons) else _IntegrateAndFire(neurons, samples)


class _Model:
    """Neurons of so many samples, by the step of their model on real numbers, which rounds and limits nothing."""

    def __init__(self, neurons: ModelNeurons, samples: int) -> None:
        formats = Formats(32, _FRACTION)
        self.model, parameters = neurons.model.fitted(neurons.values, np.ones(neurons.size), formats)
        self.parameters = parameters | {"bias": np.zeros(neurons.size)}  # which the drive has in it
        self.kind = np.int16 if self.model.spike_width > 1 else np.bool_
        self.shape, initial = (samples, neurons.size), self.model.initial_real()
        names = ("integrator", *self.model.states())
        self.states = {name: np.full(self.shape, initial.get(name, 0.0), float) for name in names}
        self.generator = np.array([self.model.seed])

    def step(self, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spikes and membrane potentials of one more step."""
        noise, width = np.zeros(()), self.model.noise_width
        if width:
            draws, self.generator = generator.stream(self.generator, self.shape[1])
            noise = (draws[:, 0] & ((1 << width) - 1)).astype(float)
        left = self.model.step(Inputs(self.states["integrator"] + drive, self.states, self.parameters, noise))
        self.states = {"integrator": left.integrator, **left.state}
        return np.broadcast_to(left.spike, self.shape), np.broadcast_to(left.membrane, self.shape)


class _IntegrateAndFire:
    """Neurons of so many samples, from the zero state on."""

    kind = np.bool_

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
