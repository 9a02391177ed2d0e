"""Floating point to integers: one scale for each layer or channel, widths from the configuration or derived.

With a scale ``s`` (integer units per unit of membrane potential), weights, bias, threshold and reset value
become ``round(s * x)``; decays are pure numbers. :mod:`.scales` finds it, unless the configuration sets it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from ranvier.golden.attention import Attention
from ranvier.golden.fixed import signed_max, signed_width
from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Comparison, Current, Lif
from ranvier.golden.neurons.neuron import Formats, Neuron
from ranvier.golden.program import Connection, Layer, Program
from ranvier.golden.synapse import Convolution, Synapses

from .config import MAX_STATE_WIDTH, Quantisation
from .errors import RanvierError
from .network import ModelNeurons, Network, NetworkLayer, Neurons
from .scales import best_scale, integer_weights
from .widths import safe_widths, summed_width

Spikes = tuple[int, bool]  # the greatest value, and whether one may be negative

_EXACT = 1e-6  # a decay this close to 1 - 2**-k is one: float32 files hold 0.875 to 1e-7
_MAX_SHIFT = 15


def quantize(network: Network, quantisation: Quantisation, programmable: bool = False) -> Program:
    """The integer program of ``network``; ``programmable``: a parameter for each neuron even where all agree, and
    formats that hold other values too: a bias as wide as the state, a factor for every decay.

    Raises RanvierError where a layer cannot be represented.
    """
    with np.errstate(all="ignore"):  # what overflows is found by its value
        sent = _sent(network, quantisation)
        layers = tuple(
            _layer(layer, place, quantisation, programmable, sent) for place, layer in enumerate(network.layers)
        )
    try:
        return Program(network.name, layers, quantisation.steps)
    except ValueError as error:
        raise RanvierError(f"Network {network.name}: {error}") from None


def _sent(network: Network, quantisation: Quantisation) -> dict[int, Spikes]:
    """Of each layer by its place, and of the input by -1, a spike's greatest value, and whether one may be negative."""
    formats = Formats(MAX_STATE_WIDTH, quantisation.decay_fraction_bits)
    found = {-1: (quantisation.input_levels, False)}
    for place, layer in enumerate(network.layers):
        neurons = layer.neurons
        model: Neuron | None = None
        if isinstance(neurons, ModelNeurons):
            with _explained(layer.name):
                model, _ = neurons.model.fitted(neurons.values, np.ones(layer.bias.size), formats)
        found[place] = (1, False) if model is None else (model.levels, model.signed)
    return found


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """What a model says of its values, as what is wrong with the layer ``name``."""
    try:
        yield
    except ValueError as error:
        raise RanvierError(f"Layer {name}: {error}") from None


def _integer_connections(
    layer: NetworkLayer, place: int, scale: np.ndarray, width: int, sent: dict[int, Spikes]
) -> tuple[Connection, ...]:
    connections, delayed = [], any(each.delays is not None for each in layer.connections)
    for each, weights in zip(layer.connections, integer_weights(layer, scale, width), strict=True):
        levels, negative = (
            max(values) for values in zip(*(sent[max(place + source, -1)] for source in each.sources), strict=True)
        )
        if isinstance(each.synapses, Attention) and (levels > 1 or negative):
            raise RanvierError(
                f"Layer {layer.name}: an attention multiplies spikes, but it hears some of {levels} levels or below 0;"
                " put neurons between them, or set quantisation.input_levels to 1"
            )
        if negative and delayed:
            raise RanvierError(
                f"Layer {layer.name}: delays are of spikes from 0 up, but it hears some below 0; take the Delay away,"
                " or neurons without such spikes"
            )
        synapses = replace(each.synapses, weights=weights)
        connections.append(replace(each, synapses=synapses, levels=levels, negative=negative))
    return tuple(connections)


def _layer(
    layer: NetworkLayer, place: int, quantisation: Quantisation, programmable: bool, sent: dict[int, Spikes]
) -> Layer:
    neurons, width = layer.neurons, quantisation.weight_width
    attention = isinstance(layer.connections[0].synapses, Attention)
    if attention:  # whose weight becomes 1, and its scale that of threshold and bias
        if not 0 < layer.weights[0] < np.inf:
            raise RanvierError(
                f"Layer {layer.name}: the scale of its attention times its gain must be greater than 0, not"
                f" {layer.weights[0]:.4g}; put a Scale behind its neurons instead"
            )
        width, scale = 1, np.full(layer.bias.size, 1 / layer.weights[0])
    elif quantisation.weight_fraction is not None:
        scale = np.full(layer.bias.size, 2.0**quantisation.weight_fraction)
    else:  # of a readout all neurons are compared, so that they have one
        scale = best_scale(layer, width, quantisation.per_channel and neurons.spiking)
    connections = _integer_connections(layer, place, scale, width, sent)
    if isinstance(neurons, ModelNeurons):
        model, integers = _fitted(layer, neurons, connections, scale, quantisation)
    else:
        model, integers = _integrate_and_fire(layer, neurons, scale, quantisation, programmable)
        if attention and neurons.threshold is not None:
            integers["threshold"] = _between_sums(neurons.comparison, scale * neurons.threshold)
    model = model.with_bias(max(_width(integers[name]) for name in ("bias", "membrane_bias") if name in integers))
    parameters = {
        name: _shared(integers[name], connections[0].synapses, programmable) for name in model.parameter_shapes()
    }
    if isinstance(model, Lif):
        model = _with_widths(layer, model, connections, parameters, quantisation)
    if programmable:
        model = model.with_bias(max(model.bias_width, model.state_width, model.integrator_width))
    try:
        return Layer(layer.name, connections, width, model, parameters, scale if np.ptp(scale) else scale[0])
    except ValueError as error:
        problem = str(error).removeprefix(f"Layer {layer.name}: ")
        raise RanvierError(
            f"Layer {layer.name}: {problem}; set quantisation.state_width or weight_width to suit"
        ) from None


def _integrate_and_fire(
    layer: NetworkLayer, neurons: Neurons, scale: np.ndarray, quantisation: Quantisation, programmable: bool
) -> tuple[Lif, dict[str, np.ndarray]]:
    """The model, of the greatest widths, and its parameters."""
    fraction_bits = quantisation.decay_fraction_bits
    membrane_decay, membrane_factor = _decay(layer, neurons.membrane_decay, fraction_bits, programmable)
    values = {"bias": scale * (layer.bias + neurons.membrane_bias), "membrane_factor": membrane_factor}
    current = None
    if neurons.current_decay is not None:
        current_decay, values["current_factor"] = _decay(layer, neurons.current_decay, fraction_bits, programmable)
        current = Current(MAX_STATE_WIDTH, current_decay, neurons.current_timing)
        values |= {"bias": scale * layer.bias, "membrane_bias": scale * neurons.membrane_bias}
    if neurons.threshold is not None:
        values |= {"threshold": scale * neurons.threshold, "reset_value": scale * neurons.reset_value}
    model = Lif(
        state_width=MAX_STATE_WIDTH,
        membrane_decay=membrane_decay,
        current=current,
        spiking=neurons.spiking,
        comparison=neurons.comparison,
        reset=neurons.reset,
        reset_timing=neurons.reset_timing,
    )
    return model, _integers(layer, values, quantisation.weight_width)


def _between_sums(comparison: Comparison, threshold: np.ndarray) -> np.ndarray:
    """The ``threshold`` of an attention, whose sums are whole: what lies between two of them decides nothing."""
    whole = np.floor if comparison == "greater" else np.ceil
    exact = np.rint(threshold)
    return np.asarray(np.where(np.abs(threshold - exact) < _EXACT, exact, whole(threshold)), np.int64)


def _fitted(
    layer: NetworkLayer,
    neurons: ModelNeurons,
    connections: tuple[Connection, ...],
    scale: np.ndarray,
    quantisation: Quantisation,
) -> tuple[Neuron, dict[str, np.ndarray]]:
    """The model and its parameters. Where no width is set, the state holds all that the steps of a sample can bring
    together, as far as :data:`.widths.WIDE`; beyond, it saturates."""
    bias = _integers(layer, {"bias": scale * layer.bias}, quantisation.weight_width)
    width = quantisation.state_width
    if width is None:
        width = summed_width(connections, quantisation.steps)
        marks = np.concatenate([scale * np.abs(x) for x in (neurons.threshold, neurons.reset_value) if x is not None])
        width = max(width, signed_width(0, int(2 * marks.max())))
    with _explained(layer.name):
        model, values = neurons.model.fitted(neurons.values, scale, Formats(width, quantisation.decay_fraction_bits))
    each = {name: np.broadcast_to(value, layer.bias.shape) for name, value in values.items()}
    return model, bias | _integers(layer, each, quantisation.weight_width)


def _shared(values: np.ndarray, synapses: Synapses, programmable: bool) -> np.ndarray:
    """One value where all neurons share it, unless ``programmable``; one a channel where these do; or all."""
    if not programmable and not np.ptp(values):
        return np.asarray(values[0])
    if isinstance(synapses, Convolution):
        channels = values.reshape(-1, synapses.geometry.filters)
        if not np.ptp(channels, axis=0).any():
            return np.array(channels[0])
    return values


def _decay(layer: NetworkLayer, values: np.ndarray, fraction_bits: int, programmable: bool) -> tuple[Decay, np.ndarray]:
    """The cheapest circuit that decays by ``values``, or by any if ``programmable``; and the factor of each neuron
    (where it multiplies)."""
    factors = np.rint(values * (1 << fraction_bits))
    if np.all(values == 1) and not programmable:
        return Keep(), factors
    for amount in () if programmable else range(_MAX_SHIFT + 1):
        if np.all(np.abs(values - (1 - 2.0**-amount)) < _EXACT):
            return Shift(amount), factors
    lost = (values < 1) & (factors == 1 << fraction_bits)
    if lost.any():
        slowest = float(values[lost].max())
        bits = next((n for n in range(fraction_bits, 17) if round(slowest * 2**n) < 2**n), None)
        remedy = f"set quantisation.decay_fraction_bits to {bits}" if bits else "use neurons without a leak (IF, I)"
        raise RanvierError(
            f"Layer {layer.name}: a decay of {slowest:.8g} rounds to 1 with {fraction_bits} fraction bits; {remedy}"
        )
    return Multiply(fraction_bits), factors


def _integers(layer: NetworkLayer, values: dict[str, np.ndarray], width: int) -> dict[str, np.ndarray]:
    """Values rounded, each checked to have survived it."""
    for name, value in values.items():
        largest = np.abs(value).max()
        if not largest <= signed_max(MAX_STATE_WIDTH):  # also where it is not a number
            raise RanvierError(
                f"Layer {layer.name}: its {name} becomes {largest:.3g} beside weights in {width} bits, too much for"
                f" {MAX_STATE_WIDTH} bits; set a smaller quantisation.weight_width, or train greater weights"
            )
    integers = {name: np.rint(value).astype(np.int64) for name, value in values.items()}
    if layer.neurons.threshold is not None and "threshold" in integers:
        lost = (layer.neurons.threshold != 0) & (integers["threshold"] == 0)
        if lost.any():
            threshold = float(layer.neurons.threshold[lost][0])
            raise RanvierError(
                f"Layer {layer.name}: a threshold of {threshold:.4g} becomes 0 beside weights up to"
                f" {np.abs(layer.weights).max():.4g} in {width} bits; set a greater quantisation.weight_width"
            )
    return integers


def _with_widths(
    layer: NetworkLayer,
    model: Lif,
    connections: tuple[Connection, ...],
    parameters: dict[str, np.ndarray],
    quantisation: Quantisation,
) -> Lif:
    membrane = current = quantisation.state_width
    if membrane is None or current is None:
        widths = safe_widths(model, connections, parameters, quantisation.steps)
        membrane, current = widths.membrane, widths.current or 0
    if max(membrane, current) > MAX_STATE_WIDTH:
        raise RanvierError(
            f"Layer {layer.name}: its state needs {max(membrane, current)} bits to hold {quantisation.steps} steps,"
            f" more than {MAX_STATE_WIDTH}; set quantisation.state_width (it saturates), or fewer steps or weight bits"
        )
    needed = max(_width(parameters[name]) for name in ("threshold", "reset_value", "bias") if name in parameters)
    if needed > membrane:
        raise RanvierError(
            f"Layer {layer.name}: its threshold, reset value or bias needs {needed} bits, but quantisation.state_width"
            f" is {membrane}; leave state_width out to derive it, or set a smaller weight_width"
        )
    state = None if model.current is None else replace(model.current, width=current)
    return replace(model, state_width=membrane, current=state)


def _width(values: np.ndarray) -> int:
    return signed_width(int(values.min()), int(values.max()))
