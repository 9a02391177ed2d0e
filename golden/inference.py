"""Integer inference in NumPy, batched: the reference that every other model and the RTL must equal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import generator
from .fixed import narrow
from .neurons.neuron import Inputs, range_of
from .program import Layer, Program, spread


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did: ``spikes`` bool (int16 where they have a value) and ``membrane`` int64, ``[samples, steps,
    neurons]``; ``saturations`` counts neuron-steps of each sample in which a state was limited, ``[samples]``."""

    spikes: np.ndarray
    membrane: np.ndarray
    saturations: np.ndarray


def run_program(program: Program, spikes: np.ndarray) -> list[LayerTrace]:
    """Run ``spikes`` (bool ``[samples, steps, inputs]``, or integers up to ``program.levels``) through ``program``; one
    trace for each layer.

    Every sample starts from the zero state. Raises ValueError if the stimulus has another shape.
    """
    if spikes.ndim != 3 or spikes.shape[2] != program.inputs:
        raise ValueError(f"Stimulus must have shape [samples, steps, {program.inputs}], not {list(spikes.shape)}")
    samples, steps, _ = spikes.shape
    traces = [_blank(layer, samples, steps) for layer in program.layers]
    first = 0
    for last in _ends_of_loops(program):
        looped = range(first, last + 1)
        first = last + 1
        if len(looped) == 1 and not any(connection.back for connection in program.layers[last].connections):
            traces[last] = run_layer(program.layers[last], arriving(program, last, spikes, traces))
            continue
        states = [_State(program.layers[place], samples) for place in looped]
        for step in range(steps):
            for place, state in zip(looped, states, strict=True):
                layer = program.layers[place]
                before = min(step, layer.longest_delay + 1)  # steps that this one still depends on
                given = arriving(program, place, spikes, traces, slice(step - before, step + 1))
                state.advance(_drive_at(layer, given, before), traces[place], step)
    return traces


def run_layer(layer: Layer, arriving: Sequence[np.ndarray]) -> LayerTrace:
    """Run one layer over all samples and steps, with the ``arriving`` sums of spikes ``[samples, steps, axons]`` of
    each of its connections."""
    samples, steps, _ = arriving[0].shape
    state, trace = _State(layer, samples), _blank(layer, samples, steps)
    if not layer.convolutions:  # whose patches of all steps would fill the memory
        drive = synaptic_drive(layer, arriving)
        for step in range(steps):
            state.advance(drive[:, step], trace, step)
        return trace
    for step in range(steps):
        state.advance(_drive_at(layer, arriving, step), trace, step)
    return trace


def arriving(
    program: Program, place: int, spikes: np.ndarray, traces: Sequence[Any], steps: slice = slice(None)
) -> list[np.ndarray]:
    """What is sent to each connection of the layer at ``place``: of each axon the number of spikes, ``[samples, steps,
    axons]``; ``traces`` (anything with ``spikes``) of the layers."""
    sums: list[np.ndarray] = []
    for connection in program.layers[place].connections:
        signals = []
        for source in connection.sources:
            signal = (spikes if place + source < 0 else traces[place + source].spikes)[:, steps]
            signals.append(_later(signal, 1) if source >= 0 else signal)
        if len(signals) == 1:
            sums.append(signals[0])
            continue
        total = np.zeros((*signals[0].shape[:2], connection.synapses.axons), np.int64)
        for (first, count), signal in zip(connection.heard, signals, strict=True):
            total[:, :, first : first + count] += signal
        sums.append(total)
    return sums


def _later(signal: np.ndarray, delay: int) -> np.ndarray:
    """By so many steps; no spikes before the first."""
    if not delay:
        return signal
    return np.concatenate([np.zeros_like(signal[:, :delay]), signal[:, :-delay]], axis=1)


def synaptic_drive(layer: Layer, arriving: Sequence[np.ndarray]) -> np.ndarray:
    """In every step the sum of the weights of the inputs whose spikes arrive: int64 ``[samples, steps, neurons]``."""
    total = np.zeros((*arriving[0].shape[:2], layer.neurons), np.int64)
    for connection, given in zip(layer.connections, arriving, strict=True):
        for part in connection.parts:
            total += part.drive(_later(given, part.delay))
    return total


def _drive_at(layer: Layer, arriving: Sequence[np.ndarray], step: int) -> np.ndarray:
    """That of one step: ``[samples, neurons]``."""
    total = np.zeros((len(arriving[0]), layer.neurons), np.int64)
    for connection, given in zip(layer.connections, arriving, strict=True):
        for part in connection.parts:
            if part.delay <= step:
                total += part.drive(given[:, step - part.delay])
    return total


def _ends_of_loops(program: Program) -> Iterator[int]:
    """Last places of the parts of ``program``, within which spikes go back, but not beyond."""
    end = 0
    for place, layer in enumerate(program.layers):
        end = max(end, *(place + source for connection in layer.connections for source in connection.sources), place)
        if end == place:
            yield place


def _blank(layer: Layer, samples: int, steps: int) -> LayerTrace:
    shape, kind = (samples, steps, layer.neurons), np.int16 if layer.model.spike_width > 1 else np.bool_
    return LayerTrace(np.zeros(shape, kind), np.zeros(shape, np.int64), np.zeros(samples, np.int64))


class _State:
    """Of the neurons of one layer in so many samples, from zero on."""

    def __init__(self, layer: Layer, samples: int) -> None:
        self.layer = layer
        self.parameters = {name: spread(array, layer.neurons) for name, array in layer.parameters.items()}
        names = ["integrator", *layer.model.states()]
        initial = layer.model.initial()
        self.states = {name: np.full((samples, layer.neurons), initial.get(name, 0), np.int64) for name in names}
        self.generator = np.array([layer.model.seed])

    def advance(self, drive: np.ndarray, trace: LayerTrace, step: int) -> None:
        """Take ``drive`` ``[samples, neurons]`` for one step, and write into ``trace`` what it does."""
        model = self.layer.model
        total = self.states["integrator"] + drive + self.parameters["bias"]
        integrated, overflow = narrow(total, model.integrator_width, "integrated")
        left = model.step(Inputs(integrated, self.states, self.parameters, self._noise()))
        self.states = {"integrator": np.broadcast_to(left.integrator, total.shape), **left.state}
        formats = {"integrator": (model.integrator_width, True), **model.states()}
        for name, form in formats.items():
            low, high = range_of(form)
            assert low <= self.states[name].min() and self.states[name].max() <= high, name
        trace.spikes[:, step], trace.membrane[:, step] = left.spike, left.membrane
        trace.saturations[:] += (overflow | left.saturated).sum(axis=1)

    def _noise(self) -> np.ndarray | int:
        """The next numbers of the one sequence that a sample's neurons draw from, in their order."""
        width = self.layer.model.noise_width
        if not width:
            return 0
        draws, self.generator = generator.stream(self.generator, self.layer.neurons)
        return draws[:, 0] & ((1 << width) - 1)
