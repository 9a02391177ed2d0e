#!/usr/bin/env python3
"""Measure what docs/mesh_measured.md states of routers, meshes and chips of many cores.

    scripts/measure_mesh.py                  print all tables
    scripts/measure_mesh.py --only traffic   ten million packets over an 8 x 8 mesh, each followed (some minutes)
    scripts/measure_mesh.py --only load      latency over load, and docs/mesh_load.svg
    scripts/measure_mesh.py --only tile      cells and clock of a router
    scripts/measure_mesh.py --only emission  time to elaborate and emit an 8 x 8 mesh
    scripts/measure_mesh.py --only networks  networks over meshes, every link pausing, every value compared
    scripts/measure_mesh.py --write          put them into the page, between the marks

Networks are the digits, and the one that scripts/train_mnist_wide.py left in build/mnist_wide.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from rich.console import Console

from ranvier.gen.design import load_design
from ranvier.gen.emit import emit_part, emit_shared, yosys_verilog
from ranvier.gen.mapping.config import Mesh as MeshSection
from ranvier.gen.mapping.design import MeshDesign
from ranvier.gen.synth import map_cells, synthesise
from ranvier.gen.synth.targets import find_target
from ranvier.golden.mesh import MeshModel
from ranvier.hw.manycore import MeshChip
from ranvier.hw.router.dimension_order import DimensionOrder
from ranvier.hw.router.mesh import Mesh
from ranvier.hw.router.router import Router
from ranvier.sim.mesh.device import MeshDevice
from ranvier.sim.mesh.patterns import PATTERNS, bernoulli
from ranvier.sim.mesh.run import simulator_of
from ranvier.sim.mesh.stalls import stalled_mesh
from ranvier.sim.mesh.traffic import MeshDevice as TrafficDevice

ROOT = Path(__file__).resolve().parents[1]
PAGE, CURVES = ROOT / "docs/mesh_measured.md", ROOT / "docs/mesh_load.svg"
SIDE, PACKETS, PART = 8, 10_000_000, 500_000
RATES = {"uniform": 0.33, "transpose": 0.22, "bit-complement": 0.24, "hot-spot": 0.06}
LOADS = [0.02, 0.1, 0.2, 0.25, 0.3, 0.34, 0.36, 0.38, 0.4, 0.42, 0.44, 0.48]
HALF = SIDE * SIDE // 2
BISECTION = SIDE / (HALF * HALF / (2 * HALF - 1))  # packets a node and cycle of uniform traffic
PAYLOAD = 32 - 2 * (SIDE - 1).bit_length()
IMAGES, STALLED = 50, 6  # of 16: the share of cycles in which a link passes
WIDE = ROOT / "build/mnist_wide/mnist_wide.toml"
SEEDS = (1, 2, 3)


def row(*cells: object) -> str:
    """A line of a table."""
    return f"| {' | '.join(map(str, cells))} |\n"


def header(*columns: str) -> list[str]:
    """The first lines of a table."""
    return [row(*columns) + f"|{'---|' * len(columns)}\n"]


def traffic(console: Console) -> str:
    """Ten million packets, a quarter of each pattern."""
    device = TrafficDevice(SIDE, SIDE)
    rows = header("pattern", "packets", "lost", "doubled", "astray", "overtaken", "cycles")
    for number, pattern in enumerate(PATTERNS):
        rng = np.random.default_rng(number)
        sums, packets, cycles = np.zeros(4, int), 0, 0
        while packets < PACKETS // len(PATTERNS):
            part = bernoulli(pattern, SIDE, SIDE, RATES[pattern], int(PART / SIDE**2 / RATES[pattern]), rng)
            outcome = device.run(part)
            sums += [outcome.lost, outcome.doubled, outcome.strayed, outcome.overtaken]
            packets, cycles = packets + len(part.source), cycles + outcome.cycles
            console.print(f"{pattern}: {packets:,} packets, {sums.sum()} wrong")
        rows.append(row(pattern, f"{packets:,}", *sums, f"{cycles:,}"))
    return "".join(rows)


def load(console: Console) -> str:
    """Mean latency and accepted load over offered load; the model stands for the RTL, which equals it in every
    cycle."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "ranvier"
    from matplotlib import pyplot

    cycles = 4000
    rows = header("buffers", "most accepted, packets a node and cycle", "of the bisection limit", "latency at 0.02")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    for depth in (2, 4, 8, 16):
        latencies, accepted = [], []
        for rate in LOADS:
            packets = bernoulli("uniform", SIDE, SIDE, rate, cycles, np.random.default_rng(1))
            arrived = MeshModel(SIDE, SIDE, depth=depth).run(packets).arrived
            counted = (packets.due >= cycles // 4) & (packets.due < cycles * 3 // 4)
            latencies.append(float((arrived - packets.due)[counted].mean()))
            inside = (arrived >= cycles // 4) & (arrived < cycles)
            accepted.append(inside.sum() / (cycles * 3 // 4) / SIDE**2)
        console.print(f"depth {depth}: most accepted {max(accepted):.3f}")
        most = max(accepted)
        rows.append(row(depth, f"{most:.3f}", f"{most / BISECTION:.1%}", f"{latencies[0]:.1f} cycles"))
        left.plot(LOADS, latencies, marker="o", markersize=3, label=f"{depth} flits")
        right.plot(LOADS, accepted, marker="o", markersize=3, label=f"{depth} flits")
    left.axhline(_ideal_latency(), color="gray", linestyle=":", label="ideal: hops + 1")
    right.plot(LOADS, LOADS, color="gray", linestyle=":", label="ideal: all")
    for axes in (left, right):
        axes.axvline(BISECTION, color="black", linewidth=0.8, linestyle="--", label="bisection limit")
        axes.set_xlabel("offered, packets a node and cycle")
        axes.legend(fontsize=8)
    left.set(ylim=(0, 60), ylabel="mean latency, cycles", title="Uniform traffic, 8 × 8")
    right.set(ylabel="accepted, packets a node and cycle")
    figure.tight_layout()
    figure.savefig(CURVES, metadata={"Date": None})
    return "".join(rows)


def _ideal_latency() -> float:
    """Mean over all pairs of different nodes of hops + 1."""
    x, y = np.arange(SIDE**2) % SIDE, np.arange(SIDE**2) // SIDE
    hops = abs(x[:, None] - x) + abs(y[:, None] - y)
    return float(hops.sum() / (SIDE**2 * (SIDE**2 - 1)) + 1)


class _Registered(wiring.Component):
    """A router at a place in the middle of a mesh, with a register on every wire to its neighbours, as theirs are."""

    def __init__(self, depth: int) -> None:
        self.routing = routing = DimensionOrder(SIDE, SIDE, PAYLOAD)
        self.depth = depth
        members = {f"{port}_in": In(routing.link_in(port)) for port in routing.ports}
        super().__init__(members | {f"{port}_out": Out(routing.link_out(port)) for port in routing.ports})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.router = router = Router(self.routing, depth=self.depth)
        m.d.comb += [router.position.x.eq(2), router.position.y.eq(3)]
        for port in self.routing.ports:
            ours, theirs = getattr(self, f"{port}_in"), getattr(router, f"{port}_in")
            m.d.sync += [theirs.payload.eq(ours.payload), theirs.valid.eq(ours.valid), ours.ready.eq(theirs.ready)]
            ours, theirs = getattr(self, f"{port}_out"), getattr(router, f"{port}_out")
            m.d.sync += [ours.payload.eq(theirs.payload), ours.valid.eq(theirs.valid), theirs.ready.eq(ours.ready)]
        return m


def tile(console: Console) -> str:
    """Cells of a router with its registers around it, and its clock."""
    target = find_target("ecp5")
    rows = header("buffers", "LUT4", "LUT RAM", "FF of the router", "logic sites in all", "MHz (seeds)")
    for depth in (4, 16):
        text = emit_part(_Registered(depth), "router_tile")
        report = synthesise(text, "router_tile", target, seeds=SEEDS)
        around = sum(len(port.payload.as_value()) + 2 for port in _ports(depth))
        cells = map_cells(text, "router_tile", target)
        clock = f"{report.fmax_median_mhz:.0f} ({', '.join(f'{speed:.0f}' for speed in report.fmax_mhz.values())})"
        sites = report.utilisation["TRELLIS_COMB"]["used"]
        registers = cells["TRELLIS_FF"] - around
        rows.append(row(depth, cells["LUT4"], cells["TRELLIS_DPR16X4"], registers, f"{sites:,}", clock))
        console.print(rows[-1].strip())
    return "".join(rows)


def _ports(depth: int) -> list:
    part = _Registered(depth)
    return [getattr(part, f"{port}_{way}") for port in part.routing.ports for way in ("in", "out")]


def emission(console: Console) -> str:
    """Seconds from Python to Verilog, in a process that has done nothing before but import."""
    rows = header("what", "elaborate, RTLIL", "Verilog", "modules", "lines")
    design = MeshDesign(load_design("digits"), MeshSection(width=SIDE, height=SIDE, slices=[56, 8]))
    for what, part in (
        ("8 × 8 routers", lambda: Mesh(SIDE, SIDE, PAYLOAD)),
        ("8 × 8 routers with 64 cores: the digits", lambda: MeshChip(design.chip)),
    ):
        start = time.perf_counter()
        text = emit_shared(part(), "mesh")
        middle = time.perf_counter()
        verilog = yosys_verilog(text)
        end = time.perf_counter()
        modules, lines = len(re.findall("^module ", verilog, re.MULTILINE)), verilog.count("\n")
        rows.append(row(what, f"{middle - start:.1f} s", f"{end - middle:.1f} s", modules, f"{lines:,}"))
        console.print(rows[-1].strip())
    return "".join(rows)


def networks(console: Console) -> str:
    """Networks over meshes, every link pausing at random, against the one-core golden model."""
    rows = header("network", "mesh", "cores", "pace", "images", "values compared", "different", "faults", "cycles each")
    cases: list[tuple[str, int, list[int] | None, list[int] | None]] = [
        ("digits", 2, None, None),
        ("digits", 4, [13, 3], None),
        ("digits", 4, [3, 1], [4, 3]),
        (str(WIDE), 2, None, None),
        (str(WIDE), 4, [15, 1], None),
        (str(WIDE), 4, [6, 1], [2, 4]),
    ]
    for model, side, slices, groups in cases:
        if model == str(WIDE) and not WIDE.exists():
            raise typer.BadParameter(f"{WIDE} must be there: run scripts/train_mnist_wide.py first")
        for pace in ("credits", "barrier") if groups is None else ("credits",):
            section = MeshSection(width=side, height=side, slices=slices, axon_groups=groups, pace=pace)
            design = MeshDesign(load_design(model), section)
            text = emit_shared(MeshChip(design.chip, stalled_mesh(7, STALLED)), design.name)
            device = MeshDevice.of(design, text, simulator_of("compiled"))
            run = device.run(design.design.measured.spikes[:IMAGES], np.random.default_rng(1))
            compared, parts = device.comparison, design.mapping.parts.slices
            counts = " + ".join(
                f"{len(own) // shares} × {shares}" if shares > 1 else str(len(own))
                for layer in range(len(design.design.program.layers))
                for own in [[part for part in parts if part.layer == layer]]
                for shares in [len({part.first_axon for part in own})]
            )
            name, size, cycles = design.design.program.name, f"{side} × {side}", f"{run.cycles // IMAGES:,}"
            values, faults = f"{compared.values:,}", sum(device.faults.values())
            rows.append(row(name, size, counts, pace, IMAGES, values, compared.different, faults, cycles))
            console.print(rows[-1].strip())
    return "".join(rows)


TABLES: dict[str, Callable[[Console], str]] = {
    "traffic": traffic,
    "load": load,
    "tile": tile,
    "emission": emission,
    "networks": networks,
}


def main(
    only: Annotated[str | None, typer.Option(help=f"One of {', '.join(TABLES)}.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/mesh_measured.md.")] = False,
) -> None:
    """Measure the meshes."""
    if only is not None and only not in TABLES:
        raise typer.BadParameter(f"must be one of {', '.join(TABLES)}, not {only}")
    console = Console(stderr=True, highlight=False)
    for name in [only] if only else TABLES:
        table = TABLES[name](console)
        print(table)
        if write:
            mark = f"<!-- measured: {name} -->\n"
            page = PAGE.read_text()
            start = page.index(mark) + len(mark)
            PAGE.write_text(page[:start] + table + page[page.index("<!-- end -->", start) :])


if __name__ == "__main__":
    typer.run(main)
