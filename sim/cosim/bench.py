"""The bench around any design: Verilog that plays files into its streams and records to files."""

import jinja2

from ..bench import BENCH, HALF_PERIOD_NS, PUBLIC
from ..compiled.interface import Interface

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("ranvier.sim.cosim", "."), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
)


def watchable(interface: Interface) -> list[str]:
    """Outputs of one bit that belong to no stream: what a run can wait for."""
    return [name for name, width in loose(interface, "output").items() if width == 1]


def loose(interface: Interface, direction: str) -> dict[str, int]:
    """Ports that belong to no stream, without clock and reset, and their widths."""
    names, parts = (*interface.sources, *interface.sinks), ("payload", "valid", "ready")
    apart = {"clk", "rst", *(f"{name}__{part}" for name in names for part in parts)}
    ports = interface.hierarchy.ports.items()
    return {name: wire.width for name, wire in ports if wire.direction == direction and name not in apart}


def render(interface: Interface) -> str:
    """The bench as Verilog, for Icarus and Verilator alike."""
    ports = interface.hierarchy.ports
    sources, sinks = (
        [{"name": name, "width": ports[f"{name}__payload"].width} for name in names]
        for names in (interface.sources, interface.sinks)
    )
    probes = [
        {"name": name, "valid": valid, "signals": list(signals)} for name, (valid, signals) in interface.probes.items()
    ]
    controls = [f"{name}_ready" for name in interface.sources] + [f"{name}_valid" for name in interface.sinks]
    return _TEMPLATES.get_template("bench.sv.jinja").render(
        bench=BENCH,
        top=interface.hierarchy.top,
        sources=sources,
        sinks=sinks,
        probes=probes,
        controls=controls + [f"dut.{valid}" for valid, _ in interface.probes.values()],
        inputs=loose(interface, "input"),
        outputs=loose(interface, "output"),
        watchable=watchable(interface),
        half_period=HALF_PERIOD_NS,
        public=PUBLIC,
    )
