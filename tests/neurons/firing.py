"""Neurons by their float parameters: in integers, to see when they spike, and in floats, against a framework."""

from collections.abc import Mapping

import numpy as np

from ranvier.golden.fixed import narrow
from ranvier.golden.neurons.fields import filled
from ranvier.golden.neurons.neuron import Formats, Inputs, Neuron, parameter_error, range_of

from .bench import Draw, cases, result_formats, stepped


def fitted(cls: type[Neuron], values: Mapping[str, float], scale: float, formats: Formats):
    """The model of one neuron with ``values``, and its parameters, not yet rounded."""
    every = filled(cls, {name: np.array([float(value)]) for name, value in values.items()})
    return cls.fitted({name: np.atleast_1d(array) for name, array in every.items()}, np.array([float(scale)]), formats)


def spike_steps(
    cls: type[Neuron], values: Mapping[str, float], drive: np.ndarray, *, width: int, fraction: int, bits: int
) -> np.ndarray:
    """Steps in which the fixed-point neuron spikes; potentials of ``width`` bits, ``fraction`` of them fraction."""
    scale = 1 << fraction
    model, floats = fitted(cls, values, scale, Formats(width, bits))
    parameters = {name: int(np.rint(array[0])) for name, array in floats.items()} | {"bias": 0}
    assert parameter_error(model, {name: np.array(value) for name, value in parameters.items()}, 1) is None
    states = {name: model.initial().get(name, 0) for name in ("integrator", *model.states())}
    steps = []
    for step, x in enumerate(np.rint(drive * scale).astype(int).tolist()):
        integrated, _ = narrow(states["integrator"] + x, model.integrator_width, "integrated")
        left = model.step(Inputs(integrated, states, parameters))
        states = {"integrator": left.integrator, **left.state}
        if left.spike:
            steps.append(step)
    return np.array(steps)


def in_floats(model: Neuron, parameters: Mapping, drive: np.ndarray, states: dict[str, float]):
    """Spikes and potentials ``[steps, neurons]`` of ``step`` on floats, given ``drive`` ``[steps, neurons]``."""
    parameters = dict(parameters) | {"bias": np.zeros(1)}
    now = {name: np.full(drive.shape[1], value) for name, value in states.items()}
    spikes, potentials = [], []
    for x in drive:
        integrated = now["integrator"] + x
        left = model.step(Inputs(integrated, now, parameters))
        now = {"integrator": left.integrator, **left.state}
        spikes.append(left.spike)
        potentials.append(left.membrane)
    return np.array(spikes), np.array(potentials)


def check_framework(node, model: Neuron, parameters: Mapping, drive: np.ndarray, states: dict[str, float], gain: float):
    """``step`` on floats, given ``drive * gain``, spikes as SpikingJelly's ``node`` given ``drive``, and its potentials
    are the same."""
    import torch

    fired, potentials = in_floats(model, parameters, drive * gain, states)
    for step, x in enumerate(torch.from_numpy(drive)):
        expected = node(x).numpy() > 0
        np.testing.assert_array_equal(fired[step], expected, f"step {step}")
        np.testing.assert_allclose(potentials[step], node.v.numpy(), rtol=0, atol=1e-9)
    print(f"{fired.size} steps, {fired.sum()} spikes")
    assert 0.01 * fired.size < fired.sum() < 0.9 * fired.size


def limited(value: int, width: int) -> tuple[int, bool]:
    """To a signed number of ``width`` bits."""
    low, high = -(2 ** (width - 1)), 2 ** (width - 1) - 1
    return min(max(value, low), high), not low <= value <= high


def check_exact(draw: Draw, oracle, seed: int, *, models: int = 40, count: int = 150) -> None:
    """Random models and cases: every result as ``oracle`` (model, integrated, values) has it."""
    rng = np.random.default_rng(seed)
    compared, whole = 0, 0
    for _ in range(models):
        model = draw(rng)
        values = cases(rng, model, count)
        results = stepped(model, values)
        for k in range(count):
            case = {name: int(array[k]) for name, array in values.items()}
            integrated, over = limited(case["total"] + case["bias"], model.integrator_width)
            expected = oracle(model, integrated, case)
            expected["saturated"] |= over
            assert expected == {name: int(np.broadcast_to(array, count)[k]) for name, array in results.items()}
            compared += len(expected)
            whole += not expected["saturated"]
    print(f"seed {seed}: {compared} values of {models} models, {whole} steps without saturation")
    assert whole > models * count / 10


def check_every_state(model: Neuron, parameters: Mapping[str, int], oracle) -> None:
    """All states of narrow formats, each a potential and what else there is, golden against ``oracle``."""
    formats = {"integrated": (model.integrator_width, True), **model.states()}
    spans = [np.arange(range_of(form)[0], range_of(form)[1] + 1) for form in formats.values()]
    grid = dict(zip(formats, (axis.ravel() for axis in np.meshgrid(*spans)), strict=True))
    count = len(grid["integrated"])
    assert count == 1 << sum(width for width, _ in formats.values()) < 1 << 20
    given = {name: np.full(count, value) for name, value in parameters.items()} | grid
    left = model.step(Inputs(grid["integrated"], grid, given))
    found = {"integrator": left.integrator, "spike": left.spike, "membrane": left.membrane, "saturated": left.saturated}
    found |= {f"next_{name}": value for name, value in left.state.items()}
    assert found.keys() == result_formats(model).keys()
    columns = {name: np.broadcast_to(array, count).astype(np.int64).tolist() for name, array in found.items()}
    for k in range(count):
        case = {name: int(array[k]) for name, array in given.items()}
        assert oracle(model, case["integrated"], case) == {name: column[k] for name, column in columns.items()}
    print(f"{count} states")
