"""A float model, run by the very step that runs on integers, beside a framework's own neuron."""

from collections.abc import Mapping

import numpy as np

from ranvier.golden.neurons.fields import filled
from ranvier.golden.neurons.neuron import Formats, Inputs, Neuron, parameter_error

FORMATS = Formats(state_width=16, fraction_bits=8)
TOLERANCE = 1e-9


def fit(kind: type[Neuron], values: Mapping[str, object], scale: float = 1.0) -> tuple[Neuron, dict[str, np.ndarray]]:
    """The model of ``values`` and its parameters, not rounded."""
    every = filled(kind, {name: np.asarray(value, np.float64) for name, value in values.items()})
    return kind.fitted(every, np.full(1, scale), FORMATS)


def run_floats(kind: type[Neuron], values: Mapping[str, object], drives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and membrane potentials ``[steps, neurons]`` of neurons that start from zero."""
    return run_model(*fit(kind, values), drives)


def run_model(model: Neuron, parameters: Mapping[str, np.ndarray], drives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of a model whose parameters are known."""
    integrator = np.zeros(drives.shape[1])
    state = {name: np.zeros(drives.shape[1]) for name in model.states()}
    spikes, membranes = [], []
    for drive in drives:
        left = model.step(Inputs(integrator + drive, state, parameters))
        integrator, state = np.broadcast_to(left.integrator, drive.shape).astype(float), dict(left.state)
        spikes.append(np.broadcast_to(left.spike, drive.shape))
        membranes.append(left.membrane)
        assert not np.any(left.saturated)
    return np.array(spikes), np.array(membranes)


def alike(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> int:
    """Equal spikes, and potentials but for the order of float64 operations; returns how many spikes there are."""
    np.testing.assert_array_equal(ours[0].astype(float), theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=0, atol=TOLERANCE)
    fired = int(np.count_nonzero(theirs[0]))
    assert 0.02 < fired / theirs[0].size < 0.98
    return fired


def check_example(kind: type[Neuron], scale: float = 50.0) -> None:
    """The example of the table is a model, and what it becomes as integers is legal."""
    required = {name for name, field in kind.FIELDS.items() if field.default is None}
    assert kind.EXAMPLE.keys() >= required
    model, parameters = fit(kind, kind.EXAMPLE, scale)
    integers = {name: np.rint(value).astype(np.int64) for name, value in parameters.items()}
    assert parameter_error(model, integers | {"bias": np.zeros(1, np.int64)}, 1) is None
    assert any(integers[name].any() for name in integers)
