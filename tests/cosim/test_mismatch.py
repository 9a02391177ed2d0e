"""Planted bugs: what differs must be found, named and left as a waveform."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.errors import RanvierError
from ranvier.gen.images import hex_lines, memory_words
from ranvier.gen.stimulus import Samples
from ranvier.golden.inference import run_layer, run_program
from ranvier.hw.config import chip_config
from ranvier.sim.runner import simulate_build

from .programs import corrupted

LANES = 4


def fst_times_ps(path: Path) -> tuple[int, int]:
    """First and last time of a waveform, from the header block of its format."""
    kind, _, start, end = struct.unpack(">BQQQ", path.read_bytes()[:25])
    assert kind == 0
    return start, end


@pytest.mark.parametrize(("layer", "simulator"), [(0, "icarus"), (1, "verilator")])
def test_wrong_weight_is_named(build, program, spikes, layer, simulator):
    folder = build(program, LANES)
    spikes[0, :, 7] = False  # so that the weight of axon 7 is not used in the first sample
    wrong = corrupted(program, layer, axon=7, neuron=2)
    name = wrong.layers[layer].name
    core = chip_config(wrong, LANES).cores[layer]
    words = memory_words(wrong.layers[layer], core, "weights")
    (folder / f"{name}_weights.hex").write_text(hex_lines(words, core.weight_word_width))

    result = simulate_build(folder, Samples(spikes), simulator=simulator)

    golden = run_program(program, spikes)
    given = spikes if layer == 0 else golden[0].spikes
    sample, step, neuron = np.argwhere(run_layer(wrong.layers[layer], [given]).membrane != golden[layer].membrane)[0]
    assert not result.passed
    found = result.mismatch
    assert (found.sample, found.step, found.where) == (sample, step, f"layer {name}")
    assert f"image {sample}, step {step}, layer {name}: neuron {neuron} " in result.problem
    assert neuron == 2
    assert layer or sample > 0
    assert result.mismatches == 1
    assert result.accuracy_rtl is None
    assert json.loads((folder / "sim.json").read_text())["mismatch"]["step"] == step
    waveform = folder / "mismatch.fst"
    assert result.waveform == waveform.name
    start, end = fst_times_ps(waveform)
    assert max(found.since - 64, 0) <= start / 10_000 <= found.since < found.cycle < end / 10_000 < found.cycle + 64


def test_silent_chip_is_told_from_a_slow_one(build, program, spikes):
    folder = build(program, LANES)
    verilog = folder / "pair.v"
    text = verilog.read_text()
    assert text.count("(events_out__valid)") == 1
    text = text.replace("(events_out__valid)", "()").replace("endmodule", "assign events_out__valid = 0;\nendmodule", 1)
    verilog.write_text(text)

    result = simulate_build(folder, Samples(spikes))

    assert not result.passed
    assert result.problem == "the chip stopped: layer hidden after 6 of 24 steps, layer output after 6 of 24 steps"


def test_nothing_to_compare_is_an_error(build, program, spikes):
    folder = build(program, LANES)
    with pytest.raises(RanvierError, match="at least one sample of one step, not 0 of 6"):
        simulate_build(folder, Samples(spikes[:0]))
