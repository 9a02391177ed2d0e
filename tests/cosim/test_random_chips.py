"""Emitted Verilog on Icarus against golden: chips that cover every pair of options of layers and cores."""

import pytest

from ranvier.gen.stimulus import Samples
from ranvier.golden.inference import run_program
from ranvier.sim.runner import simulate_build

from .cover import cover_pairs
from .programs import SEED, SPIKING, Case, cases


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_chip_equals_golden(case: Case, build):
    samples, steps, _ = case.spikes.shape
    traces = run_program(case.program, case.spikes)
    assert [bool(trace.saturations.any()) for trace in traces] >= case.narrow

    result = simulate_build(build(case.program, case.lanes), Samples(case.spikes), seed=SEED)

    print(f"seed {SEED}: {case.program.description}, lanes {case.lanes}: {result.compared}")
    assert result.passed, result.problem
    neurons = sum(layer.neurons for layer in case.program.layers)
    assert result.compared.spikes == result.compared.membranes == samples * steps * neurons
    assert result.compared.output_events >= samples * steps
    assert result.compared.counters == 2 * len(traces) * (len(result.latencies) + 1)


def test_cases_cover_every_pair_of_options():
    rows = cover_pairs(SPIKING, SEED)
    seen = {frozenset({a, b}) for row in rows for a in row.items() for b in row.items() if a != b}
    names = list(SPIKING)
    pairs = [
        frozenset({(a, x), (b, y)})
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        for x in SPIKING[a]
        for y in SPIKING[b]
    ]
    assert len(pairs) > 400
    assert all(pair in seen for pair in pairs)
    assert sum(len(case.lanes) for case in cases()) >= len(rows)
