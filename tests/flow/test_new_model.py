"""The worked example of docs/neurons.md: its two files, in a copy of the project, are all that a new model needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ranvier import gen

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = Path(gen.__path__[0]).parent  # of the wheel where one is installed, else the folders themselves
LINES = 60


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages and tests with the example's files."""
    home = tmp_path_factory.mktemp("copy")
    for name in ("golden", "hw", "gen", "sim"):
        shutil.copytree(PACKAGES / name, home / "ranvier" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "neurons", home / "tests" / "neurons")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "neurons.md").read_text(), re.DOTALL)
    model, test = blocks
    assert sum(block.count("\n") for block in blocks) <= LINES
    (home / "ranvier" / "golden" / "neurons" / "floored.py").write_text(model)
    (home / "tests" / "neurons" / "test_floored.py").write_text(test)
    return home


def run(copy: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(copy)}
    result = subprocess.run(
        [sys.executable, *command], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_is_found_and_passes_its_tests(copy: Path):
    output = run(
        copy,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-s",
        "--import-mode=importlib",
        "tests/neurons/test_floored.py",
    )
    assert "1048576 steps of 4 models" in output and "2 passed" in output


def test_it_is_simulated_and_has_a_row_in_the_table(copy: Path):
    (copy / "own.toml").write_text(
        'name = "own"\n[core]\naxons = 20\nneurons = 12\n[core.neuron]\nmodel = "Floored"\n'
        "values = { decay = 0.9, v_floor = -9, v_threshold = 40 }\n[quantisation]\nweight_width = 4\n"
    )
    command = "from ranvier.sim.entry import main; main()"
    simulated = run(copy, "-c", command, "sim", "own.toml", "--images", "4")
    assert re.search(r"mismatches +│ 0 ", simulated)
    shutil.copy(ROOT / "scripts" / "measure_neurons.py", copy)
    found = "import measure_neurons as m; print(m.core_of(*m.cores()['Floored']).model.kind)"
    assert run(copy, "-c", found) == "Floored\n"
