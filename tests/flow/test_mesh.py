"""A network over a mesh of cores, as a user runs it: generate, sim, synth, report."""

import json
import re
from pathlib import Path

import pytest

from ranvier.sim.cli import main

from ..lint import KNOWN_WARNINGS, warnings

CORE = """
name = "probe"
[core]
axons = 12
neurons = 10
threshold = 9
leak_shift = 2
[quantisation]
weight_width = 4
state_width = 8
steps = 5
[hardware]
lanes = 2
[stimulus]
rate = 0.4
"""


@pytest.fixture
def model(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("probe.toml").write_text(CORE)
    return "probe.toml"


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of ``ranvier``."""
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    captured = capsys.readouterr()
    return int(raised.value.code or 0), captured.out, captured.err


def test_generate_sim_and_report(model, capsys):
    status, out, _ = run(capsys, "generate", model, "--mesh", "2x1")
    assert status == 0 and "tile_0_0" in out and "load.hex" in out
    folder = Path("build/probe_2x1")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [tile["neurons"] for tile in manifest["tiles"]] == [5, 5]
    status, out, _ = run(capsys, "sim", model, "--mesh", "2x1", "--images", "6", "--seed", "4")
    assert status == 0 and "mismatches" in out and "busiest link" in out
    figures = json.loads((folder / "sim.json").read_text())
    assert figures["compared"]["spikes"] == figures["compared"]["membranes"] == 6 * 5 * 10
    assert figures["compared"]["different"] == 0 and len(figures["cycles"]) == 3
    page = (folder / "report.html").read_text()
    assert "The mesh equals the one-core golden model." in page
    assert page.count('class="link"') == 2 + 1 and "0–4" in page  # both ways between the tiles, and to the gate
    before = page
    status, out, _ = run(capsys, "report", model, "--mesh", "2x1")
    assert status == 0 and (folder / "report.html").read_text() == before


def test_the_same_mesh_gives_the_same_files(model, capsys):
    first, second = Path("first"), Path("second")
    for folder in (first, second):
        assert run(capsys, "generate", model, "--mesh", "2x2", "--build", str(folder))[0] == 0
    for path in first.iterdir():
        if path.name != "program.npz":
            assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_the_verilog_is_clean_and_says_what_it_is(model, capsys):
    assert run(capsys, "generate", model, "--mesh", "3x2")[0] == 0
    path = Path("build/probe_3x2/probe_3x2.v")
    text = path.read_text()
    assert "a mesh of 3 x 2 cores" in text and "lines of load.hex are payloads of load, " in text
    names = re.findall(r"^module (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) and len([name for name in names if "buffer" in name]) < 10
    assert warnings(path) <= KNOWN_WARNINGS


def test_mesh_of_the_configuration(model, capsys):
    Path(model).write_text(CORE + '[mesh]\nwidth = 1\nheight = 2\npace = "barrier"\nslices = [2]\n')
    status, out, _ = run(capsys, "sim", model, "--images", "4", "--json")
    assert status == 0
    figures = json.loads(out)
    assert figures["name"] == "probe_1x2" and figures["compared"]["different"] == 0


def test_two_chips(model, capsys):
    """Placed, generated, simulated over lines that err, shown; and each is a module of its own."""
    Path(model).write_text(CORE + "[mesh]\nslices = [4]\n")
    status, out, _ = run(capsys, "sim", model, "--mesh", "2x2x1", "--images", "40", "--json")
    figures = json.loads(out)
    assert status == 0 and figures["name"] == "probe_2_of_2x1" and figures["predicted"] is None
    assert figures["compared"]["spikes"] == 40 * 5 * 10 and figures["compared"]["different"] == 0
    assert figures["faults"] == {} and figures["link"]["corrupted"] > 0 and figures["link"]["retransmissions"] > 0
    folder = Path("build/probe_2_of_2x1")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [chip["columns"] for chip in manifest["chips"]] == [[0, 1], [2, 3]]
    assert {region["chip"] for region in manifest["memory_map"]} == {0, 1}
    path = folder / "probe_2_of_2x1.v"
    assert warnings(path) <= KNOWN_WARNINGS
    for number, chip in enumerate(manifest["chips"]):
        assert f"module {chip['module']}(" in path.read_text()
        words = sum(region["words"] for region in manifest["memory_map"] if region["chip"] == number)
        assert len((folder / chip["file"]).read_text().splitlines()) == words
    page = (folder / "report.html").read_text()
    assert page.count('class="chip"') == 2 and page.count('class="link"') == 2 + 2 + 2 + 1
    status, out, _ = run(capsys, "synth", model, "--mesh", "2x2x1", "--seeds", "1", "--json", "--tile", "chip_1")
    assert status == 0 and json.loads(out)["cells"]["lut4"] > 0
    assert run(capsys, "report", model, "--mesh", "2x2x1")[0] == 0
    page = (folder / "report.html").read_text()
    assert ": chip_1</h2>" in page and "equals the one-core" in page
    (folder / "sim.json").write_text(json.dumps(figures | {"faults": {"chip_0_misrouted": 3}}))
    assert run(capsys, "report", model, "--mesh", "2x2x1")[0] == 0
    page = (folder / "report.html").read_text()
    assert "does not equal" in page and "chip_0_misrouted: 3" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["generate", "probe.toml", "--mesh", "4"],
            "each of 1 to 16, such as 4x4, or 2x4x4 for two such chips (at most 4), not '4'",
        ),
        (["generate", "probe.toml", "--mesh", "5x2x2"], "two such chips (at most 4), not '5x2x2'"),
        (["generate", "probe.toml", "--mesh", "4x1x1"], "must fill 4 chips, but chip 2 has no core"),
        (["generate", "train_digits", "--mesh", "2x2"], "is a training, which runs on a trainer: leave --mesh out"),
        (["sim", "probe.toml", "--mesh", "2x2", "--waves"], "Option --waves is not for a mesh of cores"),
        (["sim", "probe.toml", "--simulator", "compiled"], "Simulator compiled is for meshes and trainers"),
        (
            ["synth", "probe.toml", "--mesh", "2x1", "--tile", "tile_5_5"],
            "must be one of tile_0_0, tile_1_0, not tile_5_5",
        ),
        (["synth", "probe.toml", "--tile", "tile_0_0"], "Design probe has no tile tile_0_0, it is no mesh: add --mesh"),
        (["report", "probe.toml", "--mesh", "2x2"], "must have manifest.json: run 'ranvier generate' first"),
    ],
)
def test_bad_input_ends_in_one_line(model, capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert status == 2 and not out
    assert message in err and len(err.splitlines()) == 1
    assert not Path("build").exists()


def test_a_layer_that_does_not_fit_says_what_is_missing(model, capsys):
    Path(model).write_text(CORE + "[mesh]\ntile_kib = 0.02\n")
    status, _, err = run(capsys, "generate", model, "--mesh", "2x1")
    assert status == 2 and not Path("build").exists()
    assert "Program probe must fit 2 tiles, but needs 3 (core 3)" in err


def test_axons_are_shared_as_the_configuration_says(model, capsys):
    Path(model).write_text(CORE + "[mesh]\nwidth = 3\nslices = [2]\naxon_groups = [3]\n")
    status, out, _ = run(capsys, "sim", model, "--images", "4", "--json")
    assert status == 0
    compared = json.loads(out)["compared"]
    assert compared["different"] == 0 and compared["membranes"] == 4 * 5 * 10 * 3  # sums of two more cores each
    tiles = json.loads(Path("build/probe_3x2/manifest.json").read_text())["tiles"]
    assert [(tile["first_axon"], tile["axons"]) for tile in tiles] == [(0, 4), (4, 4), (8, 4)] * 2
    Path(model).write_text(CORE + '[mesh]\nslices = [2]\naxon_groups = [2]\npace = "barrier"\n')
    status, _, err = run(capsys, "generate", model)
    assert status == 2 and "partial sums come a step late for a barrier" in err and len(err.splitlines()) == 1


def test_a_tile_and_the_whole_chip_are_synthesised(model, capsys):
    options = ["--mesh", "2x1", "--seeds", "1", "--json"]
    status, out, _ = run(capsys, "synth", model, *options, "--tile", "tile_1_0")
    tile = json.loads(out)
    assert status == 0 and tile["performance"] is None
    status, out, _ = run(capsys, "synth", model, *options)
    whole = json.loads(out)
    assert status == 0 and whole["cells"]["lut4"] > 2 * tile["cells"]["lut4"] > 0
    assert run(capsys, "report", model, "--mesh", "2x1")[0] == 0
    page = Path("build/probe_2x1/report.html").read_text()
    assert ": tile_1_0</h2>" in page and ": the whole chip</h2>" in page
