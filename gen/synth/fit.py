"""Whether a design fits a target, said as early as it can be known."""

import re
from collections.abc import Callable

from ..errors import RanvierError

from .targets import TARGETS, Target

_MEMORY = re.compile(r"^\s*memory width (\d+) size (\d+) ", re.MULTILINE)
_PORT = re.compile(r"^\s*wire (?:width (\d+) )?(?:input|output|inout) \d+ ", re.MULTILINE)
_LABELS = {"logic": "logic cells", "registers": "flip-flops", "block_ram": "block RAMs", "dsp": "multipliers"}
_REMEDY = {"block_ram": "lower axons, neurons or weight_width", "dsp": "use a shift for the leak"}


def check_memories(rtlil: str, target: Target) -> None:
    """Refuse, before synthesis, memories that the target cannot hold; raises RanvierError.

    Counts what no mapping can avoid: memories larger than one block RAM, each in the fewest blocks that
    hold its bits.
    """

    def blocks(device: Target) -> int:
        return sum(-(-bits // device.block_ram_bits) for bits in memory_bits(rtlil) if bits > device.block_ram_bits)

    _refuse(target, "block_ram", blocks, "at least ")


def check_cells(cell_types: dict[str, int], target: Target) -> None:
    """Refuse, before place and route, cells that the target has too few of; raises RanvierError."""
    for kind, number in target.needs(cell_types).items():
        _refuse(target, kind, lambda device, number=number: number, "")  # type: ignore[misc]


def memory_bits(rtlil: str) -> list[int]:
    """Bits of each memory of a design in RTLIL, of which each module is used once."""
    return [int(width) * int(size) for width, size in _MEMORY.findall(rtlil)]


def pins(rtlil: str, top: str) -> int:
    """Bits of all ports of module ``top``."""
    module = re.search(rf"^module \\{re.escape(top)}\n.*?^end$", rtlil, re.MULTILINE | re.DOTALL)
    return sum(int(width or 1) for width in _PORT.findall(module.group())) if module else 0


def _refuse(target: Target, kind: str, needs: Callable[[Target], int], bound: str) -> None:
    site, number = target.sites[kind], needs(target)
    if number <= site.capacity:
        return
    larger = [
        name for name, other in TARGETS.items() if kind in other.sites and needs(other) <= other.sites[kind].capacity
    ]
    remedy = _REMEDY.get(kind, "lower lanes or neurons") + (f", or take --target {larger[0]}" if larger else "")
    raise RanvierError(
        f"The design needs {bound}{number} {_LABELS[kind]}, target {target.name} ({target.device}) has "
        f"{site.capacity}: {number - site.capacity} too many; {remedy}"
    )
