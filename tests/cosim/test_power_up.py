"""Chips whose registers hold nothing when power comes: reset alone must be enough, as on an ASIC."""

import re

import pytest

from ranvier.gen.errors import RanvierError
from ranvier.gen.stimulus import Samples
from ranvier.sim.runner import simulate_build

from .conftest import small_program
from .verilog import without_initial_values


def test_a_chip_without_initial_values_equals_golden(build, spikes):
    """Icarus starts every register from x once the initial values are taken out of the Verilog."""
    folder = build(small_program(), 4)
    path = folder / "pair.v"
    path.write_text(without_initial_values(path.read_text()))

    result = simulate_build(folder, Samples(spikes))

    assert result.passed, result.problem
    assert result.compared.membranes >= 3 * 6 * (13 + 5)


def test_a_register_that_reset_forgets_is_noticed(build, spikes):
    """The control: a state machine that is not reset stays at x, and so does what comes out."""
    folder = build(small_program(), 4)
    path = folder / "pair.v"
    text = without_initial_values(path.read_text())
    text, broken = re.subn(r"rst \? 1'h1 :", "", text)  # `clearing` begins at 1
    assert broken
    path.write_text(text)

    with pytest.raises(RanvierError, match="ended without a result"):
        simulate_build(folder, Samples(spikes))
