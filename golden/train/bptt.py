"""Training in NumPy, batched: the reference that the torch twin and the RTL must equal bit for bit."""

from dataclasses import dataclass

import numpy as np

from .. import generator
from ..fixed import round_shift
from ..neurons.lif import after_reset, fire, integrate, renew
from ..product import exact_product
from .gradient import membrane_gradient, readout_gradient, reset_path, spike_gradient, through_leak, traced_gradient
from .loss import Assessment
from .optimiser import accumulate, descend
from .setup import TrainedLayer, TrainingSetup


@dataclass(frozen=True)
class ForwardTrace:
    """What one layer did: ``axons`` bool ``[samples, steps, axons]`` (what came in), ``spikes`` bool, ``membrane``
    (before the reset) and ``derivative`` (of the surrogate) int64 ``[samples, steps, neurons]``; ``saturations``
    int64 ``[samples]``: neuron-steps whose potential was limited."""

    axons: np.ndarray
    spikes: np.ndarray
    membrane: np.ndarray
    derivative: np.ndarray
    saturations: np.ndarray


@dataclass(frozen=True)
class BackwardTrace:
    """Gradients of one layer: of its spikes (0 for a readout), of its potentials, and what weights multiply
    their axons' spikes by (that of the potentials, but for OTTT), int64 ``[samples, steps, neurons]``; ``saturations``
    int64 ``[samples]``: how many of them were limited."""

    spike: np.ndarray
    membrane: np.ndarray
    weight: np.ndarray
    saturations: np.ndarray


@dataclass
class TrainingState:
    """All that training changes: ``weights``, ``momentum`` and ``gradient`` (of the batch so far) int64 of each layer's
    ``weight_shape``; ``generators`` int64 ``[lanes]``; ``pending``: samples of the batch so far."""

    weights: list[np.ndarray]
    momentum: list[np.ndarray]
    gradient: list[np.ndarray]
    generators: np.ndarray
    pending: int = 0

    @classmethod
    def fresh(cls, setup: TrainingSetup, seed: int) -> "TrainingState":
        """Random weights, uniform in ``±sqrt(3 / rows)`` of the threshold's unit (Kaiming's for a gain of 1)."""
        rng = np.random.default_rng(seed)
        weights = []
        for layer in setup.layers:
            bound = min((3 / layer.weight_shape[0]) ** 0.5 * (1 << setup.weight_fraction), setup.optimiser.clip)
            weights.append(rng.uniform(-bound, bound, layer.weight_shape).round().astype(np.int64))
        momentum, gradient = ([np.zeros_like(matrix) for matrix in weights] for _ in range(2))
        return cls(weights, momentum, gradient, generator.seeded(seed % 0xFFFF + 1, setup.lanes))


@dataclass(frozen=True)
class BatchTrace:
    """One batch: forward and backward of each layer, the loss, and the weights' gradient of each layer."""

    forward: list[ForwardTrace]
    assessment: Assessment
    backward: list[BackwardTrace]
    gradient: list[np.ndarray]


def forward(setup: TrainingSetup, weights: list[np.ndarray], spikes: np.ndarray) -> list[ForwardTrace]:
    """Run ``spikes`` (bool ``[samples, steps, inputs]``) through all layers. Raises ValueError for another shape."""
    if spikes.ndim != 3 or spikes.shape[1:] != (setup.steps, setup.inputs):
        raise ValueError(f"Stimulus must have shape [samples, {setup.steps}, {setup.inputs}], not {list(spikes.shape)}")
    traces: list[ForwardTrace] = []
    for layer, matrix in zip(setup.layers, weights, strict=True):
        traces.append(_forward_layer(layer, matrix, spikes))
        spikes = traces[-1].spikes
    return traces


def _forward_layer(layer: TrainedLayer, weights: np.ndarray, spikes: np.ndarray) -> ForwardTrace:
    samples, steps, inputs = spikes.shape
    model, parameter = layer.model, layer.parameters.get
    threshold = parameter("threshold", 0)
    incoming, own = layer.split(weights)
    drive = layer.synapse.drive(incoming, spikes.reshape(-1, inputs)).reshape(samples, steps, layer.neurons)
    fired = np.zeros((samples, steps + 1, layer.neurons), bool)  # with the step before the first
    membrane, derivative = np.zeros_like(drive), np.zeros_like(drive)
    saturations = np.zeros(samples, np.int64)
    stored = np.zeros((samples, layer.neurons), np.int64)
    for t in range(steps):
        total = stored + drive[:, t]
        if layer.recurrent:
            total = total + exact_product(fired[:, t], own)
        v, overflow = integrate(total, model.state_width)
        saturations += overflow.sum(axis=1)
        spike = fire(model, v, threshold) if model.spiking else np.zeros(v.shape, bool)
        settled = after_reset(model, v, spike, threshold, parameter("reset_value", 0))
        stored = renew(model, v, settled, spike, threshold, parameter("membrane_factor", 0))
        membrane[:, t], fired[:, t + 1] = v, spike
        if layer.surrogate is not None:
            derivative[:, t] = layer.surrogate.apply(v - threshold)
    axons = np.concatenate([spikes, fired[:, :-1]], axis=2) if layer.recurrent else spikes
    return ForwardTrace(axons, fired[:, 1:], membrane, derivative, saturations)


def assess(setup: TrainingSetup, traces: list[ForwardTrace], labels: np.ndarray) -> Assessment:
    """The loss on the last layer. ``labels``: int ``[samples]``.

    Raises ValueError for labels out of range or of another number than the samples, TypeError for no integers.
    """
    labels, last = np.asarray(labels), traces[-1]
    if labels.dtype.kind not in "iu":
        raise TypeError(f"Labels must be integers, not {labels.dtype}")
    if labels.shape != last.saturations.shape:
        raise ValueError(f"Labels must have shape [{len(last.saturations)}], not {list(labels.shape)}")
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= setup.classes:
        raise ValueError(f"Labels must be 0..{setup.classes - 1}, not {labels.min()}..{labels.max()}")
    labels = labels.astype(np.int64)
    return setup.loss.assess(last.spikes.astype(np.int64) if setup.layers[-1].model.spiking else last.membrane, labels)


def backward(
    setup: TrainingSetup, weights: list[np.ndarray], traces: list[ForwardTrace], outputs: np.ndarray
) -> list[BackwardTrace]:
    """Gradients of all layers, from that of the outputs, int64 ``[samples, steps, classes]``."""
    result: list[BackwardTrace] = []
    arriving = outputs
    fraction = 0  # bits that what arrives has more than a gradient
    for index in reversed(range(len(setup.layers))):
        result.insert(0, _backward_layer(setup, index, weights[index], traces[index], arriving, fraction))
        layer, gradient = setup.layers[index], result[0].membrane
        arriving = layer.synapse.back(layer.split(weights[index])[0], gradient.reshape(-1, layer.neurons))
        arriving, fraction = arriving.reshape(*gradient.shape[:2], layer.inputs), setup.weight_fraction
    return result


def _backward_layer(
    setup: TrainingSetup, index: int, weights: np.ndarray, trace: ForwardTrace, arriving: np.ndarray, fraction: int
) -> BackwardTrace:
    layer, width = setup.layers[index], setup.gradient_width
    model, parameter = layer.model, layer.parameters.get
    threshold, reset_value = parameter("threshold", 0), parameter("reset_value", 0)
    factor = parameter("membrane_factor", 0)
    spike_trace, membrane_trace = np.zeros_like(trace.membrane), np.zeros_like(trace.membrane)
    weight_trace = np.zeros_like(membrane_trace)
    saturations = np.zeros(len(trace.membrane), np.int64)
    gv = traced = np.zeros_like(trace.membrane[:, 0])
    for t in reversed(range(setup.steps)):
        later = gv if setup.temporal else np.zeros_like(gv)
        leaked = through_leak(model.membrane_decay, later, factor)
        arrived = arriving[:, t]
        if layer.recurrent:
            own = exact_product(gv, layer.split(weights)[1].T) if setup.temporal else 0
            if fraction == 0:  # the loss itself, on the last layer
                arrived = arrived * (1 << setup.weight_fraction)
            arrived = round_shift(arrived + own, setup.weight_fraction)
        else:
            arrived = round_shift(arrived, fraction)
        if layer.surrogate is None:
            gs = np.zeros_like(gv)
            gv, limited = readout_gradient(arrived, leaked, width)
        else:
            v, derivative = trace.membrane[:, t], trace.derivative[:, t]
            lost = 0
            if setup.reset_path == "exact":
                lost = reset_path(model, v, later, leaked, threshold, reset_value, setup.weight_fraction)
            gs, overflow = spike_gradient(arrived, lost, derivative, width)
            gv, limited = membrane_gradient(model, layer.surrogate, gs, derivative, leaked, trace.spikes[:, t], width)
            saturations += overflow.sum(axis=1)
        saturations += limited.sum(axis=1)
        if setup.traces:
            traced, limited = traced_gradient(gv, through_leak(model.membrane_decay, traced, factor), width)
            saturations += limited.sum(axis=1)
        else:
            traced = gv
        spike_trace[:, t], membrane_trace[:, t], weight_trace[:, t] = gs, gv, traced
    return BackwardTrace(spike_trace, membrane_trace, weight_trace, saturations)


def weight_gradient(layer: TrainedLayer, trace: ForwardTrace, gradient: BackwardTrace) -> np.ndarray:
    """Sum over samples and steps of axon spikes times gradients of potentials: int64 of ``layer.weight_shape``."""
    axons, membrane = trace.axons.reshape(-1, layer.axons), gradient.weight.reshape(-1, layer.neurons)
    incoming = layer.synapse.correlate(axons[:, : layer.inputs], membrane)
    if not layer.recurrent:
        return incoming
    return np.concatenate([incoming, exact_product(axons[:, layer.inputs :].T, membrane)])


def run_batch(setup: TrainingSetup, weights: list[np.ndarray], spikes: np.ndarray, labels: np.ndarray) -> BatchTrace:
    """Forward, loss, backward and weight gradient of some samples."""
    traces = forward(setup, weights, spikes)
    assessment = assess(setup, traces, labels)
    gradients = backward(setup, weights, traces, assessment.gradient)
    sums = [weight_gradient(*each) for each in zip(setup.layers, traces, gradients, strict=True)]
    return BatchTrace(traces, assessment, gradients, sums)


def learn(setup: TrainingSetup, state: TrainingState, spikes: np.ndarray, labels: np.ndarray) -> BatchTrace:
    """Add the gradient of some samples of a batch to ``state``. Raises ValueError if the batch would be too large."""
    if state.pending + len(spikes) > setup.batch:
        raise ValueError(f"A batch must have at most {setup.batch} samples, not {state.pending + len(spikes)}")
    batch = run_batch(setup, state.weights, spikes, labels)
    state.gradient = [total + part for total, part in zip(state.gradient, batch.gradient, strict=True)]
    state.pending += len(spikes)
    return batch


def update(setup: TrainingSetup, state: TrainingState, rate: int = 1) -> int:
    """End the batch: move the weights and clear the gradient. How many momenta saturated.

    ``rate``: the optimiser's factor, 1 if it has none. Raises ValueError where it does not fit.
    """
    optimiser = setup.optimiser
    if not optimiser.rate_width and rate != 1:
        raise ValueError(f"Rate must be 1 for an optimiser of rate width 0, not {rate}")
    if not 0 <= rate <= optimiser.top_rate:
        raise ValueError(f"Rate must be 0..{optimiser.top_rate}, not {rate}")
    saturations = 0
    for index, layer in enumerate(setup.layers):
        noise = _noise(setup, state, layer) if optimiser.stochastic else np.zeros_like(state.weights[index])
        state.momentum[index], limited = accumulate(optimiser, state.momentum[index], state.gradient[index])
        state.weights[index], _ = descend(optimiser, state.weights[index], state.momentum[index], rate, noise)
        state.gradient[index] = np.zeros_like(state.gradient[index])
        saturations += int(limited.sum())
    state.pending = 0
    return saturations


def _noise(setup: TrainingSetup, state: TrainingState, layer: TrainedLayer) -> np.ndarray:
    """The low bits of the generators' states, as the weights are visited: row by row, ``lanes`` columns at a time."""
    lanes, (count, width) = setup.lanes, layer.weight_shape
    groups = -(-width // lanes)
    gap = -layer.inputs % lanes if layer.recurrent else 0  # own spikes begin with a whole word
    rows = np.arange(count) + np.where(np.arange(count) >= layer.inputs, gap, 0)
    draws, state.generators = generator.stream(state.generators, (count + gap) * groups)
    columns = np.arange(width)
    noise: np.ndarray = draws[rows[:, None] * groups + columns // lanes, (rows[:, None] + columns) % lanes]
    return noise & ((1 << setup.optimiser.rate_shift) - 1)
