"""Objects of Verilator's runtime are kept; nothing else is, and no failure."""

import os
import shlex
import sys

import pytest

from ranvier.sim import objects, simulators


@pytest.fixture
def compile_(tmp_path, monkeypatch, capfd):
    """Compiles a file by a compiler that numbers its runs; status, and what is in the object."""
    compiler = tmp_path / "compiler"
    compiler.write_text(
        f"#!/bin/sh\necho run >>{tmp_path}/runs\nwhile [ $# -gt 2 ]; do [ $1 = -o ] && out=$2; shift; done\n"
        f"grep -q wrong $2 && exit 7\nwc -l <{tmp_path}/runs >$out\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setattr(objects, "CACHE", tmp_path / "cache")

    def run(source, *options):
        target = tmp_path / "made.o"
        target.unlink(missing_ok=True)
        status = objects.main([str(compiler), *options, "-c", "-o", str(target), str(source)])
        return status, int(target.read_text()) if target.exists() else None

    return run


@pytest.fixture
def runtime(tmp_path):
    file = tmp_path / "include" / "verilated_vpi.cpp"
    file.parent.mkdir()
    file.write_text("int i;\n")
    return file


def test_the_runtime_is_compiled_once_for_each_command_and_content(compile_, runtime):
    assert [compile_(runtime) for _ in range(3)] == [(0, 1)] * 3
    assert compile_(runtime, "-O2") == (0, 2)
    assert compile_(runtime) == (0, 1)
    (runtime.parent / "verilated.h").write_text("// a header that it may include\n")
    assert compile_(runtime) == (0, 3)
    os.utime(runtime, (1, 1))
    assert compile_(runtime) == (0, 4)


def test_a_design_is_always_compiled(compile_, tmp_path):
    design = tmp_path / "Vtop__ALL.cpp"
    design.write_text("int i;\n")
    assert [compile_(design) for _ in range(2)] == [(0, 1), (0, 2)]
    assert not objects.CACHE.exists()


def test_a_failure_is_told_and_not_kept(compile_, runtime):
    runtime.write_text("wrong\n")
    assert [compile_(runtime) for _ in range(2)] == [(7, None)] * 2
    runtime.write_text("int i;\n")
    assert compile_(runtime) == (0, 3)


def test_a_cache_that_cannot_be_written_costs_time_only(compile_, runtime):
    objects.CACHE.write_text("a file, where a folder should be\n")
    assert [compile_(runtime) for _ in range(2)] == [(0, 1), (0, 2)]


def test_verilator_asks_for_it_unless_there_is_ccache(monkeypatch):
    for found, expected in ((None, [sys.executable, "-P", "-m", "ranvier.sim.objects"]), ("/bin/ccache", ["ccache"])):
        monkeypatch.setattr(simulators.shutil, "which", lambda name, found=found: found)
        assert shlex.split(simulators.environment("verilator")["OBJCACHE"]) == expected
