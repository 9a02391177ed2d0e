"""One definition of a decoder's arithmetic: ints, NumPy, torch and Amaranth give the same bits."""

from itertools import product

import numpy as np
import pytest
import torch
from amaranth.hdl import signed, unsigned

import ranvier.golden.torch_arith  # noqa: F401  registers what select means for tensors
from ranvier.golden.decoding.counts import Counts
from ranvier.golden.decoding.first_spike import FirstSpike
from ranvier.golden.decoding.membrane import Membrane

from ..circuit import in_amaranth

STEPS = 5
DECODERS = [
    Counts(neurons=2, steps=STEPS),
    Counts(neurons=2, steps=STEPS, margin=2, levels=3),
    Counts(neurons=2, steps=STEPS, signed=True),
    FirstSpike(neurons=2, steps=STEPS),
    Membrane(neurons=2, steps=STEPS, potential_width=3),
    Membrane(neurons=2, steps=STEPS, potential_width=3, margin=4),
]


@pytest.mark.parametrize("decoder", DECODERS, ids=str)
def test_all_values(decoder):
    low, high = decoder.score_range
    scores = range(low, high + 1)
    values = range(-4, 4) if decoder.readout else (1, 3)
    moves = list(product(scores, values, range(STEPS)))
    leads = [case for case in product(scores, scores, (0, 1), range(STEPS)) if case[0] >= case[1]]
    score, others = signed(9), (signed(3), unsigned(3))
    for function, shapes, cases in (
        (decoder.advance, (score, *others), moves),
        (decoder.exits, (score, score, unsigned(1), unsigned(3)), leads),
    ):
        ints = np.array([int(function(*case)) for case in cases])
        columns = np.array(cases).T
        in_numpy = function(*columns)
        in_torch = torch.as_tensor(function(*torch.from_numpy(columns))).long().numpy()
        np.testing.assert_array_equal(in_numpy, ints)
        np.testing.assert_array_equal(in_torch, ints)
        np.testing.assert_array_equal(in_amaranth(lambda *x, f=function: [f(*x)], shapes, cases)[:, 0], ints)
        print(f"{decoder.name}: {len(cases)} cases")
        assert len(cases) >= 30
        assert ints.min() < ints.max()
