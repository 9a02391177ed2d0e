"""Configurations: what init writes is read again, and every preset is a design."""

import json
import re
import tomllib
from pathlib import Path

import nir
import numpy as np
import pytest

from ranvier.gen.cli import main
from ranvier.gen.commands import synth
from ranvier.gen.commands.init import template
from ranvier.gen.config import PRESETS, Configuration, Quantisation, load_configuration
from ranvier.gen.decoder import Decoding
from ranvier.gen.design import load_design
from ranvier.gen.encoder import Encoder
from ranvier.gen.mapping.config import Mesh
from ranvier.gen.training.setup import trainer_config


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(stop.value.code or 0)


def test_the_template_gives_the_defaults() -> None:
    written = Configuration.model_validate(tomllib.loads(template({"name": "net", "model": "net.nir"})))
    assert written == Configuration(name="net", model=Path("net.nir"))


def test_the_template_explains_every_field() -> None:
    text = template({"name": "net", "model": "net.nir"})
    fields = [match.group(1) for match in re.finditer(r"^(?:# )?(\w+) =", text, re.MULTILINE)]
    sections = [Configuration, *(type(getattr(Configuration(name="n", model=Path("m")), s)) for s in SECTIONS)]
    sections += [Mesh, Encoder, Decoding]
    tables = {*SECTIONS, "core", "encoder", "decoder", "mesh", "training"}
    expected = [name for section in sections for name in section.model_fields if name not in tables]
    assert sorted(set(expected)) == sorted(set(expected) & set(fields))
    lines = text.splitlines()
    assert all(lines[i - 1].startswith("#") for i, line in enumerate(lines) if re.match(r"(# )?\w+ =", line))


SECTIONS = ("discretisation", "quantisation", "hardware", "stimulus")


def test_init_then_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.toml"
    assert run("init", str(path)) == 0
    one = np.ones(3)
    graph = nir.NIRGraph.from_list(nir.Linear(np.ones((3, 4))), nir.LIF(one * 8e-4, one * 8, one * 0, one))
    nir.write(path.with_suffix(".nir"), graph)
    assert run("check", str(path)) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "comparison = greater: NIR's equations say v > v_threshold" in output
    assert "the same decision on" in output


def test_check_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.nir"
    one = np.ones(3)
    nir.write(path, nir.NIRGraph.from_list(nir.LIF(one * 8e-4, one * 8, one * 0, one)))
    assert run("check", str(path), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"]
    assert [node["name"] for node in answer["nodes"]] == ["input", "lif", "output"]
    assert answer["quantisation"]["layers"][0]["name"] == "lif"
    nir.write(path, nir.NIRGraph.from_list(nir.LIF(-one, one * 8, one * 0, one)))
    assert run("check", str(path), "--json") == 2
    assert not json.loads(capsys.readouterr().out)["ok"]


def test_check_and_synth_say_what_they_are_doing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, where that is a terminal."""
    monkeypatch.chdir(tmp_path)
    for terminal in (True, False):
        monkeypatch.setenv("TTY_COMPATIBLE", str(int(terminal)))
        assert run("check", "tiny") == 0
        with monkeypatch.context() as patch:
            patch.setattr(synth, "_run", interrupt)
            assert run("synth", "tiny") == 130
        error = capsys.readouterr().err
        assert all((text in error) == terminal for text in ("reading tiny", "quantising tiny", "writing build/tiny"))


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.toml")))
def test_presets_are_designs(name: str) -> None:
    training = load_configuration(name).training
    if training is not None:
        assert trainer_config(name, training).setup.name == name
        return
    design = load_design(name)
    assert design.program.name == design.chip.name == name
    assert design.samples(seed=0).spikes.any()


def test_the_reference_core_is_the_published_one() -> None:
    for name, lanes in (("reference", 4), ("reference16", 16)):
        (layer,), (core,) = load_design(name).program.layers, load_design(name).chip.cores
        assert (layer.axons, layer.neurons, layer.weight_width, layer.model.state_width) == (256, 256, 4, 12)
        assert (core.lanes, layer.model.reset) == (lanes, "hard")


def test_a_toml_beside_the_model_is_its_configuration(tmp_path: Path) -> None:
    model = tmp_path / "My net-2.nir"
    assert load_configuration(str(model)).name == "my_net_2"
    model.with_suffix(".toml").write_text('name = "other"\nmodel = "My net-2.nir"\n[quantisation]\nweight_width = 3\n')
    beside = load_configuration(str(model))
    assert (beside.name, beside.model, beside.quantisation) == ("other", model, Quantisation(weight_width=3))
