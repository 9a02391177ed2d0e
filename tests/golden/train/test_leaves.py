"""One definition, four interpreters, of training: Python ints, NumPy, torch and Amaranth give the same bits."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import torch
from amaranth.hdl import Shape, signed, unsigned

from ranvier.golden import (
    generator,
    torch_arith,  # noqa: F401  tensors join the arithmetic
)
from ranvier.golden.fixed import magnitude, narrow, select, truncate_shift
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.gradient import (
    membrane_gradient,
    readout_gradient,
    reset_path,
    scaled,
    spike_gradient,
    through_leak,
    traced_gradient,
)
from ranvier.golden.train.loss import CountError, Softmax
from ranvier.golden.train.optimiser import Sgd, accumulate, descend, move, stride
from ranvier.golden.train.surrogate import Rectangle, Table, Triangle, table

from ..circuit import in_amaranth

CASES = 400
DECAYS = [Keep(), Shift(0), Shift(3), Multiply(1), Multiply(8)]
SURROGATES = [
    Rectangle(1),
    Rectangle(200, -1),
    Triangle(3, 0),
    Triangle(8, 8),
    Triangle(9),
    Table((5,), 0, 2),
    Table((70, 60, 33, 12, 9, 4, 0, 1), 4, 6),
    table("arctan", 2, 256),
]
SOFTMAX = Softmax(5, 8, 4, entries=40, exponential_bits=9, probability_bits=7)
TOTAL = 5 << SOFTMAX.exponential_bits
RECIPROCAL = SOFTMAX.dividend_bits - SOFTMAX.exponential_bits + 1
BIT, GRADIENT, POTENTIAL, WEIGHT, MOMENTUM = unsigned(1), signed(9), signed(11), signed(7), signed(13)


@dataclass(frozen=True)
class Leaf:
    """A function of operands of ``shapes``, to a value or a tuple. ``ranges``: of operands that do not use theirs."""

    name: str
    function: Callable
    shapes: tuple[Shape, ...]
    ranges: dict[int, tuple[int, int]]


def leaf(name: str, function: Callable, *shapes: Shape, **ranges: tuple[int, int]) -> Leaf:
    return Leaf(name, function, shapes, {int(key[1:]): value for key, value in ranges.items()})


def factor_of(decay) -> Shape:
    return unsigned(decay.factor_width or 1)


def leaves() -> list[Leaf]:
    result = [
        leaf("magnitude", magnitude, GRADIENT),
        leaf("narrow", lambda x: narrow(x, 5, "narrowed"), GRADIENT),
        leaf("advance", generator.advance, unsigned(32), _0=(1, 2**32 - 1)),
        leaf("readout_gradient", lambda a, b: readout_gradient(a, b, 9), POTENTIAL, GRADIENT),
        leaf("spike_gradient", lambda a, b, c: spike_gradient(a, b, c, 9), POTENTIAL, POTENTIAL, unsigned(2)),
        leaf("softmax index", SOFTMAX.index, unsigned(14)),
        leaf("exponential", SOFTMAX.exponential, unsigned(9)),
        leaf("probability", SOFTMAX.probability, unsigned(10), unsigned(RECIPROCAL),
             _0=(0, 1 << SOFTMAX.exponential_bits), _1=(0, 1 << RECIPROCAL - 1)),
        leaf("softmax loss", SOFTMAX.loss, unsigned(9), unsigned(12), _1=(1 << SOFTMAX.exponential_bits, TOTAL)),
        leaf("difference", CountError(3, 5, 1).difference, signed(6), BIT),
    ]  # fmt: skip
    result += [leaf(f"truncate_shift {n}", lambda x, n=n: truncate_shift(x, n), GRADIENT) for n in (0, 1, 8)]
    result += [leaf(f"{each}", each.apply, POTENTIAL) for each in SURROGATES]
    result += [leaf(f"scaled {n}", lambda x, n=n: scaled(x, n), GRADIENT) for n in (-2, 0, 1, 6)]
    for decay in DECAYS:
        result.append(
            leaf(f"through_leak {decay}", lambda x, f, d=decay: through_leak(d, x, f), GRADIENT, factor_of(decay))
        )
    for reset, timing in product(["hard", "soft", "none"], ["same_step", "next_step"]):
        model = Lif(11, Keep(), reset=reset, reset_timing=timing)
        result.append(
            leaf(f"reset_path {reset} {timing}", lambda *x, m=model: reset_path(m, *x, 6),
                 POTENTIAL, GRADIENT, GRADIENT, POTENTIAL, POTENTIAL)
        )  # fmt: skip
    for reset, bits in product(["hard", "soft", "none"], [-1, 0, 4]):
        model, slope = Lif(11, Keep(), reset=reset), Table((31,), 0, bits)
        result.append(
            leaf(f"membrane_gradient {reset} {bits}",
                 lambda gs, d, leaked, s, m=model, t=slope: membrane_gradient(m, t, gs, d, leaked, s, 9),
                 GRADIENT, unsigned(5), GRADIENT, BIT)
        )  # fmt: skip
        result.append(
            leaf(f"membrane_gradient {reset} {bits} of one bit",
                 lambda gs, leaked, s, m=model, b=bits: membrane_gradient(m, Rectangle(9, b), gs, 1, leaked, s, 9),
                 GRADIENT, GRADIENT, BIT)
        )  # fmt: skip
    result.append(leaf("traced_gradient", lambda gv, leaked: traced_gradient(gv, leaked, 9), GRADIENT, GRADIENT))
    optimisers = [
        Sgd(decay, factor, gradient_shift, 13, rate_width, rate_shift, stochastic, clip)
        for decay, factor, gradient_shift, rate_width, rate_shift, stochastic, clip in [
            (Shift(0), 0, 0, 0, 0, False, 63),
            (Shift(3), 0, 2, 0, 6, True, 40),
            (Keep(), 0, 1, 4, 9, False, 63),
            (Multiply(6), 57, 0, 6, 10, True, 63),
        ]
    ]
    for index, each in enumerate(optimisers):
        rate, noise = signed(each.rate_width + 1), signed(each.rate_shift + 1)
        ranges = {"rate": (1, each.top_rate), "noise": (0, (1 << each.rate_shift) - 1)}
        result += [
            leaf(f"accumulate {index}", lambda m, g, o=each: accumulate(o, m, g), MOMENTUM, signed(16)),
            leaf(f"stride {index}", lambda m, r, o=each: stride(o, m, r), MOMENTUM, rate, _1=ranges["rate"]),
            leaf(f"move {index}", lambda w, x, n, o=each: move(o, w, x, n), WEIGHT, signed(18), noise,
                 _2=ranges["noise"]),
            leaf(f"descend {index}", lambda w, m, r, n, o=each: descend(o, w, m, r, n), WEIGHT, MOMENTUM, rate, noise,
                 _2=ranges["rate"], _3=ranges["noise"]),
        ]  # fmt: skip
    return result


def values(result) -> tuple:
    return result if isinstance(result, tuple) else (result,)


def operands(each: Leaf, rng: np.random.Generator) -> np.ndarray:
    """Int64 ``[cases, operands]``: ends and middle of each operand's range in every combination, then random ones."""
    ends = []
    for index, shape in enumerate(each.shapes):
        low = -(1 << shape.width - 1) if shape.signed else 0
        ends.append(each.ranges.get(index, (low, low + (1 << shape.width) - 1)))
    corners = np.array(list(product(*({low, high, (low + high) // 2} for low, high in ends))))
    drawn = np.stack([rng.integers(low, high + 1, CASES) for low, high in ends], axis=1)
    around = [(max(low, -3), min(high, max(low, 0) + 3)) for low, high in ends]
    small = np.stack([rng.integers(low, high + 1, CASES // 4) for low, high in around], axis=1)
    return np.concatenate([corners, drawn, small]).astype(np.int64)


def as_bits(each: Leaf, columns: list):
    """Columns of single bits as truth values, which NumPy and torch select by."""
    return [column != 0 if shape == BIT else column for column, shape in zip(columns, each.shapes, strict=True)]


@pytest.mark.parametrize("each", leaves(), ids=lambda each: each.name)
def test_interpreters_agree(each):
    cases = operands(each, np.random.default_rng(len(each.name)))
    ints = np.array([[int(v) for v in values(each.function(*case))] for case in cases.tolist()])
    in_numpy = values(each.function(*as_bits(each, list(cases.T))))
    in_torch = values(each.function(*as_bits(each, list(torch.from_numpy(cases).unbind(1)))))
    for index, expected in enumerate(ints.T):
        np.testing.assert_array_equal(np.broadcast_to(in_numpy[index], len(cases)).astype(np.int64), expected)
        np.testing.assert_array_equal(torch.as_tensor(in_torch[index]).expand(len(cases)).long().numpy(), expected)
    in_circuit = in_amaranth(lambda *inputs: values(each.function(*inputs)), each.shapes, cases.tolist())
    np.testing.assert_array_equal(in_circuit, ints)
    assert len(cases) > CASES
    print(f"{ints.size} results")
    assert ints.any() or each.name.startswith(("reset_path none", f"through_leak {Shift(0)}"))


def test_every_leaf_of_the_arithmetic_is_here():
    names = " ".join(each.name for each in leaves())
    for function in (
        through_leak, scaled, reset_path, spike_gradient, membrane_gradient, readout_gradient, traced_gradient,
        accumulate, stride, move, descend, magnitude, narrow, truncate_shift, generator.advance, CountError.difference,
    ):  # fmt: skip
        assert function.__name__ in names
    assert select.dispatch(torch.Tensor) is not select.dispatch(object)
