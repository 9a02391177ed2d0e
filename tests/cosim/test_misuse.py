"""Illegal events are counted and harm nothing; memories can be loaded over the load port."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.gen.images import memory_words
from ranvier.golden.inference import run_program
from ranvier.hw.config import chip_config
from ranvier.sim.process import run_process
from ranvier.sim.request import SAMPLES, Request

from .conftest import small_program

LANES = 4


@pytest.fixture
def misuse(monkeypatch):
    """Runs the cocotb test of ``benches.py`` over a build, with ``load.json`` if there are words to load."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    def run(folder: Path, spikes: np.ndarray, words: list[int] | None = None) -> dict[str, Any]:
        work = folder / ".sim_icarus"
        place = work / "run"
        place.mkdir(parents=True)
        np.savez(place / SAMPLES, spikes=spikes)
        if words is not None:
            (place / "load.json").write_text(json.dumps(words))
        request = Request(str(folder), str(work), "icarus", 1, alone=(0, 1, 2), module="benches")
        return run_process(request, place, lambda done, of: None)

    return run


def test_illegal_events_are_counted_and_harm_nothing(build, misuse, program, spikes):
    spikes[1, 2] = True  # a step in which every axon spikes: one more event is one too many
    answer = misuse(build(program, LANES), spikes)
    assert answer["mismatch"] is None
    assert answer["hung"] is None
    assert answer["compared"]["spikes"] == spikes.shape[0] * spikes.shape[1] * (13 + 5)
    assert answer["compared"]["counters"] == 2 * 2 * len(spikes)


def test_counter_of_illegal_events_is_compared(build, misuse, program, spikes):
    folder = build(program, LANES)
    verilog = folder / "pair.v"
    text = verilog.read_text()
    assert text.count("assign hidden_rejected = ") + text.count(".rejected(hidden_rejected)") == 1
    verilog.write_text(
        text.replace(".rejected(hidden_rejected)", ".rejected()").replace(
            "endmodule", "assign hidden_rejected = 0;\nendmodule", 1
        )
    )
    answer = misuse(folder, spikes)
    assert answer["mismatch"]["what"] == "counter of rejected"
    assert (answer["mismatch"]["expected"], answer["mismatch"]["got"]) == (6 * 3, 0)


def test_memories_are_loaded_over_the_port(build, misuse, program, spikes):
    other = small_program(seed=99)
    assert (run_program(other, spikes)[0].membrane != run_program(program, spikes)[0].membrane).any()
    folder = build(program, LANES)
    other.save(folder / "program.npz")  # what is expected of it now
    chip = chip_config(other, LANES)
    words = []
    for region in chip.memory_map:
        layer, core = next((la, c) for la, c in zip(other.layers, chip.cores, strict=True) if c.name == region.core)
        for address, word in enumerate(memory_words(layer, core, region.memory), region.base):
            words.append(address | word << chip.load_address_width)

    answer = misuse(folder, spikes, words)

    assert answer["mismatch"] is None
    assert answer["compared"]["membranes"] == spikes.shape[0] * spikes.shape[1] * (13 + 5)
    assert misuse_without_load(folder, spikes, misuse)["mismatch"] is not None


def misuse_without_load(folder: Path, spikes: np.ndarray, misuse: Any) -> dict[str, Any]:
    """The control: the same without words loaded must differ."""
    run = folder / ".sim_icarus" / "run"
    for file in run.iterdir():
        file.unlink()
    run.rmdir()
    return misuse(folder, spikes, [])
