"""In how many stages a code's arithmetic is pipelined: as many as it cuts itself into."""

from functools import lru_cache

from amaranth.hdl import Fragment, Module, Signal

from ranvier.golden.codes.delta import Delta
from ranvier.golden.codes.static import Slot, StaticCode
from ranvier.golden.generator import WIDTH

from ..staged import Staged, latest, staged

READ = 1  # stage of a memory's output; stage 0 addresses it
FIRST = 2  # stage in which the code gets it, from a register


@lru_cache
def last_stage(code: StaticCode | Delta) -> int:
    """Stage in which the events of a slot are known."""
    m = Module()

    def operand(name: str, highest: int) -> Staged:
        return staged(m, Signal(highest.bit_length(), name=name), FIRST, name)

    if isinstance(code, Delta):
        results = code.compare(operand("value", code.maximum), operand("reference", code.maximum))
    else:
        highest = {
            "value": code.maximum,
            "step": code.steps - 1,
            "unit": code.units - 1,
            "draw": (1 << WIDTH) - 1,
            "kept": (1 << code.kept_width) - 1,
        }
        results = code.emit(Slot(**{name: operand(name, top) for name, top in highest.items()}))
    final = latest(*results)
    Fragment.get(m, None)  # or Amaranth misses that it was used
    return final
