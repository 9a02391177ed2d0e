"""One definition, four interpreters: Python ints, NumPy, torch and Amaranth give the same of every slot."""

import numpy as np
import pytest
import torch
from amaranth.hdl import Shape, unsigned

from ranvier.golden import torch_arith  # noqa: F401  tensors join the arithmetic
from ranvier.golden.codes.registry import CODES
from ranvier.golden.codes.static import Slot, StaticCode

from ..circuit import in_amaranth
from .samples import random_code

STATIC = [name for name, code in CODES.items() if issubclass(code, StaticCode)]


def operands(code: StaticCode, rng: np.random.Generator, count: int) -> tuple[list[Shape], np.ndarray]:
    """Of a slot, in its order: their shapes, and so many cases with the ends of each."""
    highest = [code.maximum, code.steps - 1, code.units - 1, (1 << 32) - 1, max(code.maximum - 1, 0)]
    if not code.kept_width:
        highest[-1] = 0
    columns = [
        np.where(rng.random(count) < 0.2, rng.choice([0, high], count), rng.integers(0, high + 1, count))
        for high in highest
    ]
    return [unsigned(max(high.bit_length(), 1)) for high in highest], np.stack(columns, axis=1)


@pytest.mark.parametrize("name", STATIC)
@pytest.mark.parametrize("seed", range(3))
def test_a_slot_in_four_interpreters(name, seed):
    rng = np.random.default_rng(seed)
    code = random_code(name, rng)
    shapes, cases = operands(code, rng, 300)
    ints = np.array([[int(result) for result in code.emit(Slot(*case))] for case in cases.tolist()])
    numpy = np.stack(np.broadcast_arrays(*code.emit(Slot(*cases.T))), axis=1)
    np.testing.assert_array_equal(ints, numpy)
    tensors = [column.clone() for column in torch.from_numpy(cases).T]
    torches = torch.stack([result.to(torch.int64) for result in code.emit(Slot(*tensors))], dim=1)
    np.testing.assert_array_equal(ints, torches.numpy())
    np.testing.assert_array_equal(ints, in_amaranth(lambda *slot: code.emit(Slot(*slot)), shapes, cases.tolist()))
    print(f"seed {seed}, {code}: {len(cases)} slots, {ints[:, 0].sum()} events")
    assert ints[:, 0].any()


@pytest.mark.parametrize("seed", range(3))
def test_delta_in_four_interpreters(seed):
    rng = np.random.default_rng(seed)
    code = random_code("delta", rng)
    cases = rng.integers(0, code.maximum + 1, (300, 2))
    ints = np.array([[int(result) for result in code.compare(*case)] for case in cases.tolist()])
    np.testing.assert_array_equal(ints, np.stack(code.compare(*cases.T), axis=1))
    torches = torch.stack([result.to(torch.int64) for result in code.compare(*torch.from_numpy(cases).T)], dim=1)
    np.testing.assert_array_equal(ints, torches.numpy())
    width = unsigned(code.maximum.bit_length())
    np.testing.assert_array_equal(ints, in_amaranth(code.compare, [width, width], cases.tolist()))
    assert ints[:, 0].any() and ints[:, 1].any()


def test_axons_of_a_camera_in_four_interpreters():
    code = CODES["address"](rows=5, columns=6, steps=1, interval=1)
    cases = np.stack(np.meshgrid(range(6), range(5), range(2), indexing="ij"), axis=-1).reshape(-1, 3)
    ints = [code.axon(*case) for case in cases.tolist()]
    assert sorted(ints) == list(range(60)) and code.axon(1, 0, 0) == 2 and code.axon(0, 1, 1) == 13
    assert code.axon(*cases.T).tolist() == ints == code.axon(*torch.from_numpy(cases).T).tolist()
    circuit = in_amaranth(lambda *event: [code.axon(*event)], [unsigned(3), unsigned(3), unsigned(1)], cases.tolist())
    assert circuit[:, 0].tolist() == ints
