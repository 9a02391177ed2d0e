"""A core without a network: random weights from a fixed seed, to measure and to load anew."""

from dataclasses import replace

import numpy as np

from ranvier.golden.fixed import signed_max
from ranvier.golden.neurons.leak import Decay, Multiply, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.neurons.neuron import NEURONS, Formats, Neuron
from ranvier.golden.program import Connection, Layer, Program
from ranvier.golden.synapse import Dense

from .config import MAX_STATE_WIDTH, BlankCore, Quantisation
from .core_neuron import CoreNeuron
from .errors import RanvierError
from .widths import safe_widths, summed_width

_SEED = 0


def blank_program(name: str, core: BlankCore, quantisation: Quantisation, programmable: bool = False) -> Program:
    """One layer of ``core``'s size; the same arguments give the same weights. ``programmable`` as in
    :func:`.quantize.quantize`. Raises RanvierError."""
    width = quantisation.weight_width
    random = np.random.default_rng(_SEED)
    shape = (core.axons, core.neurons)
    high = signed_max(width)  # as much below zero as above, or the neurons would drift
    weights = random.integers(-high, high, shape, endpoint=True) if width > 1 else random.choice([-1, 1], shape)
    connections = (Connection(Dense(weights), levels=quantisation.input_levels),)
    if core.neuron is None:
        model, values = _leaky(name, core, connections, quantisation, programmable)
    else:
        model, values = _of_model(name, core.neuron, connections, quantisation)
    size = (core.neurons,) if programmable else ()
    parameters = {key: np.full(size, value, np.int64) for key, value in values.items()}
    if programmable:
        model = model.with_bias(model.state_width)
    try:
        return Program(name, (Layer("core", connections, width, model, parameters),), quantisation.steps)
    except ValueError as error:
        raise RanvierError(f"Core {name}: {error}") from None


def _leaky(
    name: str,
    core: BlankCore,
    connections: tuple[Connection, ...],
    quantisation: Quantisation,
    programmable: bool,
) -> tuple[Neuron, dict[str, int]]:
    assert core.threshold is not None and core.leak_shift is not None  # the configuration has both
    decay, factor = _decay(name, core.leak_shift, quantisation.decay_fraction_bits, programmable)
    values = {"bias": 0, "threshold": core.threshold, "reset_value": 0, "membrane_factor": factor}
    model = Lif(
        state_width=quantisation.state_width or MAX_STATE_WIDTH,
        membrane_decay=decay,
        comparison=core.comparison,
        reset=core.reset,
    )
    values = {key: values[key] for key in model.parameter_shapes()}
    if quantisation.state_width is None:
        arrays = {key: np.array(value) for key, value in values.items()}
        state_width = safe_widths(model, connections, arrays, quantisation.steps).membrane
        if state_width > MAX_STATE_WIDTH:
            raise RanvierError(f"Core {name} needs {state_width} bits of state; set quantisation.state_width")
        model = replace(model, state_width=state_width)
    elif core.threshold > signed_max(quantisation.state_width):
        raise RanvierError(
            f"Core {name}: threshold {core.threshold} does not fit {quantisation.state_width} bits of state;"
            f" set it to at most {signed_max(quantisation.state_width)}"
        )
    return model, values


def _of_model(
    name: str, neuron: CoreNeuron, connections: tuple[Connection, ...], quantisation: Quantisation
) -> tuple[Neuron, dict[str, int]]:
    width = quantisation.state_width or summed_width(connections, quantisation.steps)
    formats = Formats(width, quantisation.decay_fraction_bits)
    try:
        model, parameters = NEURONS[neuron.model].fitted(neuron.arrays(), np.ones(1), formats)
    except ValueError as error:
        raise RanvierError(f"Core {name}: {error}") from None
    for key, value in parameters.items():
        largest = float(np.abs(value).max())
        if not largest <= signed_max(MAX_STATE_WIDTH):  # also where it is not a number
            raise RanvierError(
                f"Core {name}: its {key} becomes {largest:.3g}, too much for {MAX_STATE_WIDTH} bits; set smaller"
                " core.neuron.values"
            )
    return model, {"bias": 0} | {key: int(np.rint(value).reshape(-1)[0]) for key, value in parameters.items()}


def _decay(name: str, shift: int, fraction_bits: int, programmable: bool) -> tuple[Decay, int]:
    """The circuit that keeps ``1 - 2**-shift``, and its factor where it can be loaded."""
    if not programmable:
        return Shift(shift), 0
    if shift > fraction_bits:
        raise RanvierError(
            f"Core {name}: a programmable leak has {fraction_bits} fraction bits, too few for a leak_shift of {shift};"
            " set leak_shift to at most quantisation.decay_fraction_bits"
        )
    return Multiply(fraction_bits), (1 << fraction_bits) - (1 << (fraction_bits - shift))
