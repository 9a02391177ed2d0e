"""Stimuli are read from every format alike, and results are written so that they read back."""

from pathlib import Path

import nir
import numpy as np
import pytest

from ranvier.gen.config import Stimulus
from ranvier.gen.errors import RanvierError
from ranvier.gen.stimulus import RANDOM_SAMPLES, load_stimulus, write_results

DT = 1e-3
SPIKES = np.random.default_rng(8).random((5, 12, 7)) < 0.3


def write(folder: Path, kind: str) -> Path:
    grid = nir.TimeGriddedData(SPIKES, DT)
    path = folder / f"spikes{'.npz' if kind == 'npz' else '.npy' if kind == 'npy' else '.nir'}"
    if kind == "npz":
        np.savez(path, spikes=SPIKES.astype(np.float32), labels=np.arange(5))
    elif kind == "npy":
        np.save(path, SPIKES.astype(np.uint8))
    else:
        observable = grid if kind == "grid" else grid.to_event(int(SPIKES.sum(axis=(1, 2)).max()))
        nir.write_data(path, nir.NIRGraphData({"input": nir.NIRNodeData({"spikes": observable})}))
    return path


@pytest.mark.parametrize("kind", ["npz", "npy", "grid", "events"])
def test_every_format_gives_the_same_spikes(tmp_path: Path, kind: str) -> None:
    samples = load_stimulus(Stimulus(file=write(tmp_path, kind)), 7, 12, seed=0, dt_s=DT)
    assert samples.spikes.dtype == bool
    assert np.array_equal(samples.spikes, SPIKES)
    assert (samples.labels is None) == (kind != "npz")


def test_one_sample_needs_no_axis_for_it(tmp_path: Path) -> None:
    path = tmp_path / "one.npy"
    np.save(path, SPIKES[0])
    assert np.array_equal(load_stimulus(Stimulus(file=path), 7, 16, seed=0).spikes, SPIKES[:1])


def test_random_spikes_have_the_rate_and_follow_the_seed() -> None:
    first, same, other = (load_stimulus(Stimulus(rate=0.2), 100, 50, seed).spikes for seed in (1, 1, 2))
    assert first.shape == (RANDOM_SAMPLES, 50, 100)
    assert first.mean() == pytest.approx(0.2, abs=0.01)
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_an_event_at_a_whole_number_of_steps_falls_in_that_step(tmp_path: Path) -> None:
    """0.3 / 0.1 is a little less than 3 in floating point."""
    path = tmp_path / "events.nir"
    events = nir.EventData(np.array([[0, 1, -1]]), np.array([[0.3, 0.7, np.inf]]), 2, 1.0)
    nir.write_data(path, nir.NIRGraphData({"pixels": nir.NIRNodeData({"spikes": events})}))
    spikes = load_stimulus(Stimulus(file=path), 2, 10, seed=0, dt_s=0.1).spikes
    assert np.argwhere(spikes).tolist() == [[0, 3, 0], [0, 7, 1]]


@pytest.mark.parametrize("suffix", [".npz", ".nir"])
def test_results_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"results{suffix}"
    membrane = np.arange(SPIKES.size).reshape(SPIKES.shape)
    write_results(path, {"lif": (SPIKES, membrane), "input": (SPIKES, membrane)}, DT)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if suffix == ".npz":
        with np.load(path) as arrays:
            assert np.array_equal(arrays["lif.spikes"], SPIKES)
            assert np.array_equal(arrays["input.membrane"], membrane)
    else:
        observables = nir.read_data(path).nodes["lif"].observables
        assert np.array_equal(observables["membrane"].data, membrane)
        assert observables["spikes"].dt == DT
        assert np.array_equal(load_stimulus(Stimulus(file=path), 7, 12, seed=0).spikes, SPIKES)
    with pytest.raises(RanvierError, match="exists; remove it or choose another name"):
        write_results(path, {}, DT)
