"""A user's network with an encoder, from its files to Verilog: every spike and potential equals golden."""

from pathlib import Path

import nir
import numpy as np
import pytest

from ranvier.gen.design import load_design
from ranvier.gen.emit import generate
from ranvier.sim.runner import simulate_build

STEPS, INPUTS, NEURONS, SAMPLES = 6, 18, 9, 8  # nine signals, of which memories have no power of two
ENCODERS = {  # others differ from the first only in the code's arithmetic, which tests/hw/codes compares
    "rate": "maximum = 255",
    "delta": "maximum = 1000\nthreshold = 300",
    "address": "rows = 3\ncolumns = 3\ninterval = 1000",
}


def stimulus(code: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays of a file; of address events so many that most axons have several in a step."""
    if code == "address":
        events, number = 200, SAMPLES * 200
        arrays = {name: rng.integers(0, bound, number) for name, bound in (("x", 3), ("y", 3), ("p", 2))}
        times = np.sort(rng.integers(0, STEPS * 1000, (SAMPLES, events)), axis=1).ravel()
        return arrays | {"t": times, "sample": np.repeat(np.arange(SAMPLES), events)}
    shape = (SAMPLES, STEPS, INPUTS // 2) if code == "delta" else (SAMPLES, INPUTS)
    return {"values": rng.integers(0, 256, shape) if code == "rate" else rng.integers(0, 1001, shape)}


@pytest.mark.parametrize("code", ENCODERS)
def test_encoder_in_verilog(tmp_path: Path, code: str) -> None:
    rng = np.random.default_rng(5)
    one = np.ones(NEURONS)
    synapses = nir.Affine(rng.normal(0.15, 0.4, (NEURONS, INPUTS)), np.zeros(NEURONS))
    graph = nir.NIRGraph.from_list(synapses, nir.LIF(tau=one * 8e-4, r=one * 8, v_leak=one * 0, v_threshold=one))
    nir.write(tmp_path / "net.nir", graph)
    np.savez(tmp_path / "given.npz", **stimulus(code, rng))
    (tmp_path / "net.toml").write_text(
        'name = "net"\nmodel = "net.nir"\n[discretisation]\ndt_s = 1e-4\n'
        f'[quantisation]\nsteps = {STEPS}\n[hardware]\nlanes = 3\n[stimulus]\nfile = "given.npz"\n'
        f'[encoder]\ncode = "{code}"\n{ENCODERS[code]}\n'
    )
    design = load_design(str(tmp_path / "net.toml"))
    manifest = generate(design, tmp_path / "build")
    names = {port["name"] for port in manifest["ports"]}
    assert "values_in__payload" in names and not any(name.startswith("events_in") for name in names)
    assert ("values_in_merged" in names) == (code == "address")
    result = simulate_build(tmp_path / "build", design.measured, seed=3)
    assert result.passed, result.problem
    assert result.latencies and result.latencies == result.predicted
    assert result.compared.spikes == SAMPLES * STEPS * NEURONS and result.compared.counters
    assert any(array.any() for name, array in result.observed.items() if name.endswith(".spikes"))
    if code == "address":
        assert design.measured.spikes.sum() < 0.7 * SAMPLES * 200  # the others are merged
    print(f"{code}: {result.compared}, cycles {result.cycles}")
