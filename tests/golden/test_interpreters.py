"""One definition, four interpreters: Python ints, NumPy, torch and Amaranth give the same bits."""

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from amaranth.hdl import Shape, signed, unsigned

from ranvier.golden.fixed import round_shift, signed_max, signed_min
from ranvier.golden.inference import run_program
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Lif, after_reset, fire, integrate, observe, renew
from ranvier.golden.torch_model import TorchProgram

from ..programs import random_program
from .circuit import in_amaranth

WIDTH = 6
DECAYS = [Keep(), Shift(0), Shift(3), Multiply(1), Multiply(8)]
OPTIONS = list(product(DECAYS, ["hard", "soft", "none"], ["same_step", "next_step"], ["greater", "greater_equal"]))


def models() -> list[Lif]:
    return [
        Lif(WIDTH, decay, reset=reset, reset_timing=timing, comparison=comparison)
        for decay, reset, timing, comparison in OPTIONS
    ]


def step(model: Lif, total, threshold, reset_value, factor) -> list:
    """A step of a neuron without current, in any interpreter."""
    v, overflow = integrate(total, model.state_width)
    spike = fire(model, v, threshold)
    settled = after_reset(model, v, spike, threshold, reset_value)
    return [overflow, spike, observe(model, v, settled), renew(model, v, settled, spike, threshold, factor)]


def corners(model: Lif) -> list[tuple[int, int, int, int]]:
    """(total, threshold, reset value, factor): the ends of each range, zero, and around the threshold."""
    low, high = signed_min(WIDTH), signed_max(WIDTH)
    thresholds = [0, 1, 7, high] if model.reset == "soft" else [low, -1, 0, 1, 7, high]
    decay = model.membrane_decay
    factors = [0, 1, 2**decay.fraction_bits - 1, 2**decay.fraction_bits] if isinstance(decay, Multiply) else [0]
    cases = []
    for threshold, reset_value, factor in product(thresholds, [low, 0, high], factors):
        totals = {4 * low, low - 1, low, low + 1, -1, 0, 1, high - 1, high, high + 1, 4 * high}
        cases += [(t, threshold, reset_value, factor) for t in totals | {threshold - 1, threshold, threshold + 1}]
    return cases


def shapes(model: Lif) -> list[Shape]:
    """Of the operands of :func:`step`."""
    return [signed(WIDTH + 3), signed(WIDTH), signed(WIDTH), unsigned(model.membrane_decay.factor_width or 1)]


@pytest.mark.parametrize("model", models(), ids=str)
def test_corner_values(model):
    cases = corners(model)
    ints = np.array([[int(value) for value in step(model, *case)] for case in cases])
    columns = np.array(cases).T
    in_numpy = np.stack(step(model, *columns), axis=1)
    in_torch = torch.stack([torch.as_tensor(r).long() for r in step(model, *torch.from_numpy(columns))], dim=1)
    np.testing.assert_array_equal(in_numpy, ints)
    np.testing.assert_array_equal(in_torch.numpy(), ints)
    np.testing.assert_array_equal(in_amaranth(partial(step, model), shapes(model), cases), ints)
    assert len(cases) > 100
    assert (ints[:, :2].any(axis=0) & ~ints[:, :2].all(axis=0)).all(), "some totals overflow and some fire, not all"


def test_rounding_shift_in_amaranth():
    """All values of nine bits, all shifts."""
    values = range(-256, 256)
    found = in_amaranth(lambda x: [round_shift(x, shift) for shift in range(9)], [signed(9)], [[x] for x in values])
    assert found.tolist() == [[round_shift(value, shift) for shift in range(9)] for value in values]


@pytest.mark.parametrize("seed", range(30))
def test_torch_twin_equals_numpy(seed):
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 20, rng.integers(2, 5))]
    program = random_program(rng, sizes, steps=6, readout=seed % 2 == 0, weight_width=int(rng.choice([1, 2, 4, 8, 16])))
    spikes = rng.random((4, 6, sizes[0])) < 0.4
    traces = run_program(program, spikes)
    twins = TorchProgram(program)(torch.from_numpy(spikes))
    updates = 0
    for trace, (twin_spikes, twin_membrane) in zip(traces, twins, strict=True):
        np.testing.assert_array_equal(twin_spikes.numpy(), trace.spikes)
        np.testing.assert_array_equal(twin_membrane.numpy(), trace.membrane)
        updates += trace.membrane.size
    print(f"seed {seed}: sizes {sizes}, {updates} updates")
    assert updates == 24 * sum(sizes[1:])
