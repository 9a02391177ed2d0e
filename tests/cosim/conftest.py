"""Builds of programs, and the small one that most tests damage or misuse."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.config import Configuration
from ranvier.gen.design import Design
from ranvier.gen.emit import generate
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, Program, dense
from ranvier.hw.config import chip_config

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Generates a program with so many lanes, some layers sparse; the build folder."""

    def make(program: Program, lanes: int | list[int], sparse: list[bool] | None = None) -> Path:
        configuration = Configuration(name=program.name, model=Path("none.nir"))
        folder = tmp_path / program.name
        generate(Design(configuration, None, None, program, chip_config(program, lanes, sparse)), folder)
        return folder

    return make


@pytest.fixture
def program() -> Program:
    """Two layers, 20 axons to 13 spiking neurons to a readout of 5; two of its names are words of Verilog."""
    return small_program()


def small_program(seed: int = 3) -> Program:
    rng = np.random.default_rng(seed)
    hidden = Lif(state_width=10, membrane_decay=Shift(2))
    readout = Lif(state_width=12, membrane_decay=Shift(3), spiking=False)
    parameters = {"bias": np.array(0), "threshold": np.array(25), "reset_value": np.array(0)}
    layers = (
        Layer("hidden", dense(rng.integers(-8, 16, (20, 13))), 5, hidden, parameters),
        Layer("output", dense(rng.integers(-32, 32, (13, 5))), 6, readout, {"bias": np.array(0)}),
    )
    return Program("pair", layers, 6)


@pytest.fixture
def spikes() -> np.ndarray:
    """Three samples of six steps for :func:`program`."""
    return np.random.default_rng(4).random((3, 6, 20)) < 0.4
