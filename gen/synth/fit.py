"""Whether a design fits a target, said as early as it can be known."""

import re
from collections.abc import Iterator

from ..errors import RanvierError
from .targets import TARGETS, Target

_MODULE = re.compile(r"^module \\(\S+)\n(.*?)^end$", re.MULTILINE | re.DOTALL)
_INSTANCE = re.compile(r"^\s*cell \\(\S+) ", re.MULTILINE)
_MEMORY = re.compile(r"^\s*memory width (\d+) size (\d+) ", re.MULTILINE)
_PORT = re.compile(r"^\s*wire (?:width (\d+) )?(?:input|output|inout) \d+ ", re.MULTILINE)
_LABELS = {"logic": "logic cells", "registers": "flip-flops", "block_ram": "block RAMs", "dsp": "multipliers"}
_REMEDY = {"block_ram": "lower axons, neurons or weight_width", "dsp": "use a shift for the leak"}


def check_memories(rtlil: str, top: str, target: Target) -> None:
    """Refuse, before synthesis, memories that the target cannot hold; raises RanvierError.

    Counts what no mapping can avoid: memories larger than one block RAM, each in the fewest blocks that
    hold its bits.
    """
    bits = memory_bits(rtlil, top)

    def blocks(device: Target) -> int:
        return sum(-(-number // device.block_ram_bits) for number in bits if number > device.block_ram_bits)

    _check(target, "block_ram", blocks(target), [name for name, other in TARGETS.items() if _has(other, blocks(other))])


def check_cells(cell_types: dict[str, int], target: Target) -> None:
    """Refuse, before place and route, cells that the target has too few of; raises RanvierError."""
    for kind, number in target.needs(cell_types).items():
        _check(target, kind, number, [name for name, other in TARGETS.items() if _has(other, number, kind)])


def memory_bits(rtlil: str, top: str) -> list[int]:
    """Bits of each memory below module ``top`` of a design in RTLIL, once for each time it is there."""
    modules = _modules(rtlil)

    def below(name: str) -> Iterator[int]:
        yield from (int(width) * int(size) for width, size in _MEMORY.findall(modules[name]))
        for kind in _INSTANCE.findall(modules[name]):
            if kind in modules:
                yield from below(kind)

    return list(below(top)) if top in modules else []


def pins(rtlil: str, top: str) -> int:
    """Bits of all ports of module ``top``."""
    return sum(int(width or 1) for width in _PORT.findall(_modules(rtlil).get(top, "")))


def _modules(rtlil: str) -> dict[str, str]:
    """The text of each module, by its name."""
    return dict(_MODULE.findall(rtlil))


def _has(target: Target, number: int, kind: str = "block_ram") -> bool:
    return kind in target.sites and number <= target.sites[kind].capacity


def _check(target: Target, kind: str, number: int, others: list[str]) -> None:
    if _has(target, number, kind):
        return
    available = target.sites[kind].capacity
    remedy = _REMEDY.get(kind, "lower lanes or neurons") + (f", or take --target {others[0]}" if others else "")
    raise RanvierError(
        f"The design needs {number} {_LABELS[kind]}, target {target.name} ({target.device}) has {available}: "
        f"{number - available} too many; {remedy}"
    )
