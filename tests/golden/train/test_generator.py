"""The generators of the stochastic rounding against a plain xorshift, and their statistics."""

import itertools

import numpy as np
import pytest

from ranvier.golden import generator
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.train.bptt import TrainingState, update
from ranvier.golden.train.optimiser import Sgd

from .oracle_training import xorshift
from .setups import random_setup

CYCLE = 2**32 - 1


def walk(state: int, steps: int) -> int:
    for _ in range(steps):
        state = xorshift(state)
    return state


@pytest.mark.parametrize("state", [1, 2, 0x80000000, 0xFFFFFFFF, 123456789])
def test_a_step_is_marsaglias(state):
    expected = [walk(state, steps) for steps in range(1, 50)]
    found = [state]
    for _ in expected:
        found.append(generator.advance(found[-1]))
    assert found[1:] == expected
    assert generator.advance(np.array([state])).tolist() == expected[:1]


def test_published_value():
    """Marsaglia's example: 723471715 follows the seed 2463534242."""
    assert generator.advance(2463534242) == 723471715


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 63, 64, 1000, 54321])
def test_jump_is_that_many_steps(steps):
    states = np.array([1, 77, 0xDEADBEEF])
    assert generator.jump(states, steps).tolist() == [walk(int(state), steps) for state in states]


def test_the_cycle_has_all_numbers_but_zero():
    """Back after ``2**32 - 1`` steps, and after none of its quotients by a prime factor."""
    states = np.array([1, 0xDEADBEEF])
    assert generator.jump(states, CYCLE).tolist() == states.tolist()
    for prime in (3, 5, 17, 257, 65537):
        assert CYCLE % prime == 0
        assert (generator.jump(states, CYCLE // prime) != states).all()
    assert CYCLE == 3 * 5 * 17 * 257 * 65537


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 100])
@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_stream_is_repeated_steps(lanes, count):
    states = generator.seeded(7, lanes)
    draws, after = generator.stream(states, count)
    assert draws.shape == (count, lanes)
    for lane, state in enumerate(states.tolist()):
        assert draws[:, lane].tolist() == [walk(state, step) for step in range(count)]
        assert after[lane] == walk(state, count)


@pytest.mark.parametrize("lanes", [1, 2, 5, 64])
def test_lanes_begin_far_apart(lanes):
    states = generator.seeded(99, lanes)
    assert states[0] == 99
    assert len(set(states.tolist())) == lanes
    apart = CYCLE // lanes
    for before, after in itertools.pairwise(states):
        assert generator.jump(np.array([before]), apart)[0] == after


def test_stochastic_rounding_is_right_on_average():
    """A step of a fraction of a unit moves that fraction of the weights, and draws do not repeat between batches."""
    rng = np.random.default_rng(0)
    setup = random_setup(rng, [40, 30, 20], readout=True, recurrent=True)
    object.__setattr__(setup, "optimiser", Sgd(Shift(0), rate_shift=8, clip=30, momentum_width=16))
    state = TrainingState.fresh(setup, 5)
    state.weights = [np.zeros_like(matrix) for matrix in state.weights]
    moved = []
    for _ in range(20):
        state.gradient = [np.full_like(matrix, -64) for matrix in state.weights]
        before = [matrix.copy() for matrix in state.weights]
        update(setup, state)
        moved.append(np.concatenate([(a - b).ravel() for a, b in zip(state.weights, before, strict=True)]))
        assert set(np.unique(moved[-1])) == {0, 1}
    share = np.mean(moved)
    print(f"{share:.4f} of {np.size(moved)} weights moved")
    assert abs(share - 0.25) < 5 * (0.25 * 0.75 / np.size(moved)) ** 0.5
    assert all((a != b).any() for a, b in itertools.pairwise(moved))
