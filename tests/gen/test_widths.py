"""Derived state widths: no stimulus overflows them, and they are not wider than need be."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.gen.widths import reach, safe_widths
from ranvier.golden.inference import run_layer
from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.program import Layer, dense

DECAYS = st.one_of(st.just(Keep()), st.builds(Shift, st.integers(0, 5)), st.just(Multiply(6)))


@st.composite
def layers(draw: st.DrawFn) -> tuple[Layer, int]:
    """A layer with derived widths, and the steps they were derived for."""
    neurons, axons = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    steps = draw(st.integers(1, 12))
    current = None
    if draw(st.booleans()):
        current = Current(32, draw(DECAYS), draw(st.sampled_from(["same_step", "next_step"])))
    reset = draw(st.sampled_from(["hard", "soft", "none"]))
    model = Lif(
        state_width=32,
        membrane_decay=draw(DECAYS),
        current=current,
        spiking=draw(st.booleans()),
        comparison=draw(st.sampled_from(["greater", "greater_equal"])),
        reset=reset,
        reset_timing=draw(st.sampled_from(["same_step", "next_step"])),
        bias_width=6,
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ranges = {
        "bias": (-8, 8), "membrane_bias": (-8, 8), "threshold": (0 if reset == "soft" else -20, 15),
        "reset_value": (-30, 30), "membrane_factor": (0, 64), "current_factor": (0, 64),
    }  # fmt: skip
    parameters = {name: random.integers(*ranges[name], neurons, endpoint=True) for name in model.parameter_shapes()}
    weights = random.integers(-8, 7, (axons, neurons), endpoint=True)
    widths = safe_widths(model, dense(weights), parameters, steps)
    current = None if current is None else replace(current, width=widths.current)
    model = replace(model, state_width=widths.membrane, current=current)
    return Layer("layer", dense(weights), 4, model, parameters), steps


def extremes(layer: Layer, steps: int, seed: int) -> np.ndarray:
    """For each neuron all that drives it up, all that drives it down, and random switches between the two."""
    random = np.random.default_rng(seed)
    up = (layer.matrix > 0).T
    samples = []
    for pattern in up:
        switch = random.random((4, steps)) < random.random((4, 1))
        switch = np.concatenate([[np.ones(steps, bool), np.zeros(steps, bool)], switch])
        samples.append(np.where(switch[:, :, None], pattern, ~pattern & (layer.matrix != 0).any(axis=1)))
    return np.concatenate(samples)


def explored(layer: Layer, neuron: int, steps: int) -> tuple[list[int], list[int]]:
    """Every membrane potential and current that a neuron can reach, by trying all inputs at each step.

    Plain integers and the equations of :mod:`ranvier.golden.neurons.lif`'s docstring, but none of its code.
    """
    model = layer.model
    p = {name: int(np.broadcast_to(array, layer.neurons)[neuron]) for name, array in layer.parameters.items()}

    def decayed(decay: Decay, value: int, factor: int) -> int:
        if isinstance(decay, Shift):
            return value - value // 2**decay.amount
        return (
            value
            if isinstance(decay, Keep)
            else (2 * value * factor + 2**decay.fraction_bits) // 2 ** (decay.fraction_bits + 1)
        )

    subsets = itertools.product([0, 1], repeat=layer.axons)
    drives = {int(np.dot(subset, layer.matrix[:, neuron])) + p["bias"] for subset in subsets}
    potentials, currents, states = {0}, {0}, {(0, 0)}
    for _ in range(steps):
        after = set()
        for (stored, i), drive in itertools.product(states, drives):
            push = drive
            if model.current is not None:
                i = i + drive
                currents.add(i)
                push = p["membrane_bias"] + (i if model.current.timing == "same_step" else 0)
            v = stored + push
            potentials.add(v)
            fired = model.spiking and (v > p["threshold"] if model.comparison == "greater" else v >= p["threshold"])
            late = 0
            if fired and model.reset == "hard":
                v = p["reset_value"]
            elif fired and model.reset == "soft" and model.reset_timing == "next_step":
                late = p["threshold"]
            elif fired and model.reset == "soft":
                v -= p["threshold"]
            v = decayed(model.membrane_decay, v, p.get("membrane_factor", 0)) - late
            if model.current is not None:
                v += i if model.current.timing == "next_step" else 0
                i = decayed(model.current.decay, i, p.get("current_factor", 0))
            potentials.add(v)
            after.add((v, i))
        states = after
    return sorted(potentials), sorted(currents)


@settings(max_examples=200, deadline=None)
@given(layers(), st.integers(1, 3))
def test_bounds_hold_all_that_can_be_reached(case: tuple[Layer, int], steps: int) -> None:
    layer, _ = case
    membrane, current = reach(layer.model, layer.connections, layer.parameters, steps)
    for neuron in range(layer.neurons):
        potentials, currents = explored(layer, neuron, steps)
        assert membrane[0, neuron] <= potentials[0]
        assert membrane[1, neuron] >= potentials[-1]
        assert (current[0, neuron], current[1, neuron]) == (currents[0], currents[-1])
        if layer.model.reset == "none" or not layer.model.spiking:
            assert (membrane[0, neuron], membrane[1, neuron]) == (potentials[0], potentials[-1])


@settings(max_examples=400, deadline=None)
@given(layers(), st.integers(0, 2**32))
def test_no_extreme_stimulus_overflows(case: tuple[Layer, int], seed: int) -> None:
    layer, steps = case
    stimulus = extremes(layer, steps, seed)
    trace = run_layer(layer, [stimulus])
    assert stimulus.size
    assert trace.saturations.sum() == 0


@pytest.mark.parametrize("decay", [Keep(), Shift(3), Multiply(6)], ids=["keep", "shift", "multiply"])
@pytest.mark.parametrize("timing", [None, "same_step", "next_step"])
def test_one_bit_less_overflows(decay: Decay, timing: str | None) -> None:
    """Without a reset the bounds are reached: widths are the least ones."""
    random = np.random.default_rng(2)
    weights, steps = random.integers(-8, 8, (6, 5)), 9
    current = None if timing is None else Current(32, Keep(), timing)
    model = Lif(32, decay, current, spiking=False, reset="none", bias_width=4)
    parameters = {name: np.asarray(60 if name == "membrane_factor" else 3) for name in model.parameter_shapes()}
    widths = safe_widths(model, dense(weights), parameters, steps)

    def saturations(membrane: int, of_current: int | None) -> int:
        state = None if current is None else replace(current, width=of_current)
        narrow = replace(model, state_width=membrane, current=state)
        layer = Layer("layer", dense(weights), 4, narrow, parameters)
        return int(run_layer(layer, [extremes(layer, steps, 0)]).saturations.sum())

    assert saturations(widths.membrane, widths.current) == 0
    assert saturations(widths.membrane - 1, widths.current) > 0
    if widths.current is not None:
        assert saturations(widths.membrane, widths.current - 1) > 0


def test_a_hard_reset_bounds_the_state_for_ever() -> None:
    weights = np.array([[5], [-3]])
    model = Lif(32, Shift(2))
    parameters = {"bias": np.array(0), "threshold": np.array(20), "reset_value": np.array(0)}
    few, many = (safe_widths(model, dense(weights), parameters, steps).membrane for steps in (100, 1_000_000))
    assert few == many == 6  # 19 - (19 >> 2) + 5 = 20 is the most, 4 * -3 = -12 the least
