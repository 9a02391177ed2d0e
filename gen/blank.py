"""A core without a network: random weights from a fixed seed, to measure and to load anew."""

import numpy as np

from ranvier.golden.fixed import signed_max
from ranvier.golden.neuron import NeuronModel, Shift
from ranvier.golden.program import Layer, Program

from .config import MAX_STATE_WIDTH, BlankCore, Quantisation
from .errors import RanvierError
from .widths import safe_widths

_SEED = 0


def blank_program(name: str, core: BlankCore, quantisation: Quantisation, programmable: bool = False) -> Program:
    """One layer of ``core``'s size; the same arguments give the same weights. Raises RanvierError."""
    width = quantisation.weight_width
    random = np.random.default_rng(_SEED)
    shape = (core.axons, core.neurons)
    high = signed_max(width)  # as much below zero as above, or the neurons would drift
    weights = random.integers(-high, high, shape, endpoint=True) if width > 1 else random.choice([-1, 1], shape)
    values = {"bias": 0, "threshold": core.threshold, "reset_value": 0}
    model = NeuronModel(
        state_width=quantisation.state_width or MAX_STATE_WIDTH,
        membrane_decay=Shift(core.leak_shift),
        comparison=core.comparison,
        reset=core.reset,
    )
    size = (core.neurons,) if programmable else ()
    parameters = {key: np.full(size, values[key], np.int64) for key in model.parameter_shapes()}
    if quantisation.state_width is None:
        state_width = safe_widths(model, weights, parameters, quantisation.steps).membrane
        if state_width > MAX_STATE_WIDTH:
            raise RanvierError(f"Core {name} needs {state_width} bits of state; set quantisation.state_width")
        model = NeuronModel(state_width, model.membrane_decay, comparison=core.comparison, reset=core.reset)
    elif core.threshold > signed_max(quantisation.state_width):
        raise RanvierError(
            f"Core {name}: threshold {core.threshold} does not fit {quantisation.state_width} bits of state;"
            f" set it to at most {signed_max(quantisation.state_width)}"
        )
    try:
        return Program(name, (Layer("core", weights, width, model, parameters),), quantisation.steps)
    except ValueError as error:
        raise RanvierError(f"Core {name}: {error}") from None
