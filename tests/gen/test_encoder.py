"""The section [encoder], the code that it becomes, and stimuli of values; refusals with their whole texts."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest
from pydantic import ValidationError

from ranvier.gen.builds import mesh_of
from ranvier.gen.config import PRESETS, Configuration, Stimulus, load_configuration
from ranvier.gen.design import load_design
from ranvier.gen.encoder import Encoder, build_code
from ranvier.gen.errors import RanvierError
from ranvier.gen.network import channels_last
from ranvier.gen.stimulus import Samples
from ranvier.gen.values import load_values
from ranvier.golden.codes.registry import CODES, Code
from ranvier.sim.runner import simulate_build

from ..golden.codes.samples import random_code

NEEDED = {
    "rate": {"maximum": 9},
    "regular": {"maximum": 9},
    "latency": {"maximum": 9},
    "population": {"maximum": 9, "neurons": 3},
    "direct": {"maximum": 9},
    "delta": {"maximum": 9, "threshold": 2},
    "address": {"interval": 10},
}


def load(code: Code, file: Path | None, shape: tuple[int, ...] = (), classes: int | None = None) -> Samples:
    return load_values(Stimulus(file=file), code, shape, 1, 4, classes)


@pytest.mark.parametrize("name", CODES)
def test_each_code_by_its_name(name: str) -> None:
    encoder = Encoder.model_validate({"code": name} | NEEDED[name])
    shape = (2, 3, 1) if name == "address" else ()
    code = build_code(encoder, 6, shape, steps=5, levels=9)
    assert isinstance(code, CODES[name]) and code.axons == 6 and code.steps == 5
    assert {key: getattr(code, key) for key in NEEDED[name]} == NEEDED[name]


@pytest.mark.parametrize("name", CODES)
def test_what_a_code_needs_and_has_not(name: str) -> None:
    for missing in NEEDED[name]:
        fields = {key: value for key, value in NEEDED[name].items() if key != missing}
        with pytest.raises(ValidationError, match=f"code {name} needs '{missing}'"):
            Encoder.model_validate({"code": name} | fields)
    foreign = "maximum" if name == "address" else "interval"
    with pytest.raises(ValidationError, match=f"code {name} has no '{foreign}'"):
        Encoder.model_validate({"code": name, foreign: 5} | NEEDED[name])


REFUSED = [
    (
        {"code": "delta"},
        7,
        (),
        "code delta makes 2 inputs of each value, but the network has 7 inputs: choose another number",
    ),
    (
        {"code": "population", "neurons": 4},
        18,
        (2, 3, 3),
        "code population makes 4 inputs of each value, but the network's input has 2 channels: choose another number",
    ),
    (
        {"code": "direct"},
        6,
        (),
        "code direct sends up to 9 events of an input in a step, but quantisation.input_levels is 1; set it to 9",
    ),
    ({"code": "rate", "seed": 1 << 32}, 6, (), "Seed of code rate must be 1..4294967295, not 4294967296"),
    (
        {"code": "address"},
        18,
        (),
        "code address needs 'rows' and 'columns', as the network's input is no image of two channels",
    ),
    (
        {"code": "address", "rows": 2, "columns": 2},
        18,
        (),
        "a camera of 2 rows and 2 columns has 8 inputs, two for each pixel, but the network has 18 inputs; correct"
        " 'rows' and 'columns'",
    ),
    (
        {"code": "address", "rows": 9, "columns": 1},
        18,
        (2, 3, 3),
        "a camera of 9 rows and 1 columns has 18 inputs, two for each pixel, but the network has an input of [2, 3, 3];"
        " correct 'rows' and 'columns'",
    ),
]


@pytest.mark.parametrize(("fields", "inputs", "shape", "text"), REFUSED)
def test_codes_that_do_not_fit_the_network(fields, inputs, shape, text) -> None:
    encoder = Encoder.model_validate(NEEDED[fields["code"]] | fields)
    with pytest.raises(RanvierError, match=f"^{re.escape(f'Encoder: {text}')}$"):
        build_code(encoder, inputs, shape, steps=5, levels=1)


def test_no_encoder_before_a_mesh_or_a_training(tmp_path: Path) -> None:
    fields = tomllib.loads((PRESETS / "digits_pixels.toml").read_text())
    with pytest.raises(ValidationError, match="neither for a 'training' nor for a 'mesh'"):
        Configuration.model_validate(fields | {"mesh": {"width": 2, "height": 2}})
    assert load_configuration("digits_pixels").encoder is not None
    text = "Model digits_pixels has an encoder, which is for one chip: leave --mesh out, or the encoder"
    with pytest.raises(RanvierError, match=f"^{text}$"):
        mesh_of("digits_pixels", "2x2")
    assert mesh_of("digits_pixels", None) is None


def test_pixels_become_the_spikes_that_the_digits_were_trained_with() -> None:
    """Those of digits.npz, which scripts/train_digits.py wrote in PyTorch."""
    pixels, spikes = load_design("digits_pixels").measured, load_design("digits").measured
    assert spikes.labels is not None and pixels.labels is not None and pixels.transfers is not None
    np.testing.assert_array_equal(pixels.spikes, spikes.spikes)
    np.testing.assert_array_equal(pixels.labels, spikes.labels)
    assert pixels.transfers.shape == (364, 64, 2) and pixels.spikes.sum() > 50_000
    assert pixels.first(3).transfers is not None and len(pixels.first(3).transfers) == 3


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_values_of_a_file(tmp_path: Path, kind: str) -> None:
    code = CODES["latency"](inputs=3, steps=4, maximum=7)
    values = np.array([[0, 3, 7], [1, 2, 5]])
    path = tmp_path / f"values.{kind}"
    if kind == "npz":
        np.savez(path, values=values.astype(np.float32), labels=[1, 0])
    else:
        np.save(path, values.astype(np.uint8))
    samples = load(code, path, classes=2)
    np.testing.assert_array_equal(samples.spikes, code.encode(values))
    np.testing.assert_array_equal(samples.transfers, [[[0, 0], [3, 0], [7, 1]], [[1, 0], [2, 0], [5, 1]]])
    assert (samples.labels is None) == (kind == "npy")


@pytest.mark.parametrize("shaped", [False, True])
def test_values_of_an_image_are_numbered_with_channels_last(tmp_path: Path, shaped: bool) -> None:
    """Two channels of 2 by 3 pixels, each value two inputs: what the network has is four channels."""
    code = CODES["delta"](inputs=12, steps=3, maximum=50, threshold=4)
    image = np.random.default_rng(2).integers(0, 51, (2, 3, 2, 2, 3))
    np.save(tmp_path / "values.npy", image if shaped else image.reshape(2, 3, 12))
    samples = load(code, tmp_path / "values.npy", shape=(4, 2, 3))
    np.testing.assert_array_equal(samples.spikes, code.encode(np.moveaxis(image, 2, -1).reshape(2, 3, 12)))
    first_last = channels_last((4, 2, 3))
    jump = np.zeros((1, 2, 2, 2, 3), int)
    jump[0, 1, 1, 0, 2] = 9  # the second channel of a pixel rises: its third input, in the model's order 2 * 6 + 2
    np.save(tmp_path / "values.npy", jump)
    spikes = load(code, tmp_path / "values.npy", shape=(4, 2, 3)).spikes
    assert first_last[np.flatnonzero(spikes[0, 1])].tolist() == [2 * 6 + 2]


@pytest.mark.parametrize("name", CODES)
def test_random_values_follow_the_seed(name: str) -> None:
    code = random_code(name, np.random.default_rng(3))
    first, same = load(code, None), load(code, None)
    other = load_values(Stimulus(), code, (), 2, 4, None)
    assert len(first.spikes) == 4 and first.spikes.any()
    np.testing.assert_array_equal(first.transfers, same.transfers)
    assert not np.array_equal(first.transfers, other.transfers)


def test_events_of_a_camera(tmp_path: Path) -> None:
    """Two recordings, the first of two events, in arrays of the kinds that cameras' software writes."""
    code = CODES["address"](rows=2, columns=3, steps=2, interval=100)
    path = tmp_path / "events.npz"
    x, y, p = np.array([2, 0, 1], np.uint16), np.array([1, 0, 1], np.uint16), np.array([1, 0, 1]) > 0
    np.savez(path, x=x, y=y, p=p, t=np.array([99, 100, 5], np.uint32), sample=[0, 0, 2])
    samples = load(code, path)
    expected = np.zeros((3, 2, 2, 3, 2), bool)
    expected[0, 0, 1, 2, 1] = expected[0, 1, 0, 0, 0] = expected[2, 0, 1, 1, 1] = True
    np.testing.assert_array_equal(samples.spikes, expected.reshape(3, 2, 12))
    assert samples.transfers is not None
    assert samples.transfers[0].tolist() == [[2, 1, 1, 99, 0], [0, 0, 0, 100, 0], [0, 0, 0, 0, 1]]
    np.savez(path, x=x, y=y, p=p, t=np.array([1, 2, 3]))
    assert load(code, path).spikes.sum(axis=(1, 2)).tolist() == [3]


def test_a_camera_before_a_convolution_counts_its_pixels_as_a_file_of_spikes_does(tmp_path: Path) -> None:
    """The file of spikes has the model's order, channels first; polarity is the channel."""
    rng = np.random.default_rng(6)
    rows, columns, steps, events = 3, 5, 4, 60
    convolution = nir.Conv2d((rows, columns), rng.normal(0, 1, (4, 2, 2, 2)), 1, 0, 1, 1, np.zeros(4))
    one = np.ones((4, rows - 1, columns - 1))
    neurons = nir.LIF(tau=one * 8e-4, r=one * 8, v_leak=one * 0, v_threshold=one)
    nir.write(tmp_path / "net.nir", nir.NIRGraph.from_list(convolution, neurons))
    bounds = {"x": columns, "y": rows, "p": 2, "t": steps * 50}
    given = {name: rng.integers(0, bound, events) for name, bound in bounds.items()}
    given["t"].sort()
    np.savez(tmp_path / "events.npz", **given)
    spikes = np.zeros((1, steps, 2, rows, columns), bool)
    spikes[0, given["t"] // 50, given["p"], given["y"], given["x"]] = True
    np.save(tmp_path / "spikes.npy", spikes)
    common = f'model = "net.nir"\n[discretisation]\ndt_s = 1e-4\n[quantisation]\nsteps = {steps}\n[stimulus]\n'
    encoder = '[encoder]\ncode = "address"\ninterval = 50\n'
    (tmp_path / "seen.toml").write_text(f'name = "seen"\n{common}file = "events.npz"\n{encoder}')
    (tmp_path / "told.toml").write_text(f'name = "told"\n{common}file = "spikes.npy"\n')
    seen, told = (load_design(str(tmp_path / f"{name}.toml")) for name in ("seen", "told"))
    assert seen.measured.spikes.any()
    np.testing.assert_array_equal(seen.measured.spikes, told.measured.spikes)


LATENCY = CODES["latency"](inputs=3, steps=4, maximum=7)
CAMERA = CODES["address"](rows=2, columns=3, steps=2, interval=100)
EVENT = {"x": np.array([0]), "y": np.array([0]), "p": np.array([0]), "t": np.array([0])}
WHOLE = "Stimulus FILE must hold whole numbers, scaled to 0 … 7 by who makes it"
TOO_GREAT = "Stimulus FILE: Values for code latency must be 0..7, not 8 at [0, 1]"
BAD = [
    (
        LATENCY,
        {"spikes": np.zeros((1, 4, 3))},
        "Stimulus FILE has no array 'values', which the encoder needs; write it with numpy.savez(file, values=...)",
    ),
    (
        LATENCY,
        {"values": np.array([[0.5, 1, 2]])},
        WHOLE,
    ),
    (
        LATENCY,
        {"values": np.array([[np.inf, 1, 2]])},
        WHOLE,
    ),
    (LATENCY, {"values": np.zeros((0, 3))}, WHOLE),
    (LATENCY, {"values": np.array([["a"]])}, WHOLE),
    (
        LATENCY,
        {"values": np.array([[0, 8, 2]])},
        "Stimulus FILE: Values for code latency must be 0..7, not 8 at [0, 1]",
    ),
    (
        LATENCY,
        {"values": np.array(3)},
        "Stimulus FILE: Values for code latency must be integers [samples, 3], not int64 []",
    ),
    (
        LATENCY,
        {"values": np.array([[0, 1, 2]]), "labels": np.array([5])},
        "Stimulus FILE must have labels from 0 to 1, as there are 2 output neurons, not 5 of sample 0",
    ),
    (
        CAMERA,
        {name: EVENT[name] for name in ("x", "y", "t")},
        "Stimulus FILE must have the arrays x, y, p and t of a camera's events; p is missing",
    ),
    (
        CAMERA,
        EVENT | {"t": np.array([0.5])},
        "Stimulus FILE must have x, y, p, t and sample as integers [events], not int64 [1], int64 [1], int64 [1],"
        " float64 [1], int64 [1]",
    ),
    (CAMERA, {name: array[:0] for name, array in EVENT.items()}, "Stimulus FILE must have an event at least"),
    (CAMERA, EVENT | {"x": np.array([-1])}, "Stimulus FILE must have x from 0 up, not -1"),
    (
        CAMERA,
        {name: np.array([0, 0]) for name in EVENT} | {"sample": np.array([1, 0])},
        "Stimulus FILE must have its events in the order of 'sample', counted from 0",
    ),
    (
        CAMERA,
        {name: np.array([0, 0]) for name in EVENT} | {"t": np.array([7, 6])},
        "Stimulus FILE: Events for code address must be in the order of their time, not 6 of event 1 in sample 0 after"
        " 7",
    ),
    (
        CAMERA,
        EVENT | {"t": np.array([200])},
        "Stimulus FILE: Events for code address must have time 0..199, not 200 of event 0 in sample 0",
    ),
]


@pytest.mark.parametrize(("code", "arrays", "text"), BAD)
def test_files_that_do_not_fit(tmp_path: Path, code, arrays, text) -> None:
    path = tmp_path / "values.npz"
    np.savez(path, **arrays)
    with pytest.raises(RanvierError, match=f"^{re.escape(text.replace('FILE', str(path)))}$"):
        load(code, path, classes=2)


@pytest.mark.parametrize(("code", "kinds"), [(LATENCY, ".npz or .npy"), (CAMERA, ".npz")])
def test_files_of_another_kind(tmp_path: Path, code, kinds) -> None:
    text = f"Stimulus {tmp_path / 'values.nir'} must be {kinds}, as the encoder's code is {code.name}"
    with pytest.raises(RanvierError, match=f"^{re.escape(text)}$"):
        load(code, tmp_path / "values.nir")


def test_samples_of_the_other_kind_are_not_simulated(tmp_path: Path) -> None:
    design = load_design("digits_pixels")
    samples = design.measured.first(1)
    (tmp_path / "manifest.json").write_text('{"encoder": {}}')
    design.program.save(tmp_path / "program.npz")
    text = "Samples for 'digits_pixels' must be values, as it has an encoder: run 'ranvier generate' again"
    with pytest.raises(RanvierError, match=f"^{text}$"):
        simulate_build(tmp_path, replace(samples, transfers=None))
    (tmp_path / "manifest.json").write_text("{}")
    text = "Samples for 'digits_pixels' must be spikes, as it has no encoder: run 'ranvier generate' again"
    with pytest.raises(RanvierError, match=f"^{text}$"):
        simulate_build(tmp_path, samples)
