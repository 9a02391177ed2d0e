"""One module for all that are the same."""

import re

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ranvier.gen.emit import emit_part, emit_shared
from ranvier.gen.sharing import share_modules
from ranvier.hw.router.mesh import Mesh


class Leaf(wiring.Component):
    """Adds a constant."""

    def __init__(self, constant):
        self.constant = constant
        super().__init__({"x": In(4), "y": Out(4)})

    def elaborate(self, platform):
        m = Module()
        register = Signal(4)
        m.d.sync += register.eq(self.x + self.constant)
        m.d.comb += self.y.eq(register)
        return m


class Pair(wiring.Component):
    """Two leaves in a row."""

    def __init__(self, *constants):
        self.constants = constants
        super().__init__({"x": In(4), "y": Out(4)})

    def elaborate(self, platform):
        m = Module()
        value = self.x
        for number, constant in enumerate(self.constants):
            m.submodules[f"leaf{number}"] = leaf = Leaf(constant)
            m.d.comb += leaf.x.eq(value)
            value = leaf.y
        m.d.comb += self.y.eq(value)
        return m


class Top(wiring.Component):
    """Three pairs, of which the first two are the same, and a leaf that is in both."""

    x: In(4)
    y: Out(4)

    def elaborate(self, platform):
        m = Module()
        value = self.x
        for name, part in (("pair_a", Pair(1, 2)), ("pair_b", Pair(1, 2)), ("pair_c", Pair(1, 3)), ("alone", Leaf(3))):
            m.submodules[name] = part
            m.d.sync += part.x.eq(value)
            value = part.y
        m.d.comb += self.y.eq(value)
        return m


def modules(text):
    """Each module's name, and the modules of its instances."""
    found = {}
    for match in re.finditer(r"^module \\(\S+)\n((?:.*\n)*?)end\n", text, re.MULTILINE):
        cells = re.findall(r"^  cell \\(\S+) \\(\S+)$", match[2], re.MULTILINE)
        found[match[1]] = {instance: module for module, instance in cells}
    return found


def test_what_is_the_same_is_there_once_under_a_name_that_says_where():
    shared = modules(emit_shared(Top(), "top"))
    cells = shared["top"]
    assert cells["pair_a"] == cells["pair_b"] == "top__pair" != cells["pair_c"]
    assert set(shared) == {"top", *(module for inside in shared.values() for module in inside.values())}
    assert len({name for name in shared if "leaf" in name}) == 3  # of the constants 1, 2 and 3


def test_every_instance_of_a_mesh_is_what_it_was():
    """Walked through from the top, each instance's module has the text that it had before, but for names of modules."""
    plain = emit_part(Mesh(4, 3, 8), "mesh")
    shared = share_modules(plain)
    assert len(modules(shared)) < len(modules(plain)) / 4

    def texts(text):
        return {m[1]: m[2] for m in re.finditer(r"^module \\(\S+)\n((?:.*\n)*?)end\n", text, re.MULTILINE)}

    before, after = texts(plain), texts(shared)
    walked = 0

    def walk(old, new):
        nonlocal walked
        walked += 1
        assert re.sub(r"^  cell \\\S+", "  cell", before[old], flags=re.MULTILINE) == re.sub(
            r"^  cell \\\S+", "  cell", after[new], flags=re.MULTILINE
        )
        olds = re.findall(r"^  cell \\(\S+) (\S+)$", before[old], re.MULTILINE)
        news = re.findall(r"^  cell \\(\S+) (\S+)$", after[new], re.MULTILINE)
        for (old_cell, _), (new_cell, _) in zip(olds, news, strict=True):
            if old_cell in before:
                walk(old_cell, new_cell)

    walk("mesh", "mesh")
    assert walked == len(before)
