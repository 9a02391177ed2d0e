"""Sparse synapses in emitted Verilog, and the pruned digits: equal to golden, in the cycles of the formula."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.gen.design import load_design
from ranvier.gen.emit import generate
from ranvier.gen.stimulus import Samples
from ranvier.golden.program import dense
from ranvier.sim.runner import simulate_build

from ..programs import random_program


@pytest.mark.parametrize("seed", range(3))
def test_random_chips_on_icarus(build, seed):
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(5, 40, 4)]
    program = random_program(rng, sizes, steps=4, readout=bool(seed % 2), weight_width=int(rng.integers(2, 9)))
    layers = tuple(
        replace(layer, connections=dense(np.where(rng.random(layer.matrix.shape) < 0.3, layer.matrix, 0)))
        for layer in program.layers
    )
    program = replace(program, layers=layers)
    spikes = rng.random((6, 4, sizes[0])) < 0.3
    lanes = [int(rng.integers(1, min(size, 8) + 1)) for size in sizes[1:]]
    sparse = [True, bool(seed % 2), True]
    result = simulate_build(build(program, lanes, sparse), Samples(spikes), seed=seed)
    print(f"seed {seed}: {sizes}, lanes {lanes}: {result.compared}")
    assert result.passed, result.problem
    assert result.compared.spikes == result.compared.membranes == 24 * sum(sizes[1:])


def test_the_pruned_digits(tmp_path):
    """A tenth of the weights; rows are full but for what quantisation has made 0."""
    design = load_design("digits_pruned")
    generate(design, tmp_path / "digits_pruned")
    samples = design.samples(seed=0)
    result = simulate_build(
        tmp_path / "digits_pruned", Samples(samples.spikes[:40], samples.labels[:40]), simulator="verilator", seed=1
    )
    assert result.passed, result.problem
    assert result.compared.spikes == result.compared.membranes == 40 * 8 * 138
    left = sum(int((layer.matrix != 0).sum()) for layer in design.program.layers)
    assert left <= 0.1 * sum(layer.matrix.size for layer in design.program.layers)
    assert design.report.float_accuracy >= 0.97 and design.report.integer_accuracy >= 0.97
    for layer, core in zip(design.program.layers, design.chip.cores, strict=True):
        weights = int((layer.matrix != 0).sum())
        entry = layer.weight_width + (core.groups - 1).bit_length()
        words, ideal = sum(core.rows), weights / core.lanes
        stored = {name: count * width for name, count, width in core.memories}
        information = weights * entry + stored["rows"]
        bits = stored["weights"] + stored["rows"]
        print(f"{layer.name}: {words} words for {ideal:.1f}; {bits} bits for {information}")
        assert words <= 1.05 * ideal and bits <= 1.05 * information
