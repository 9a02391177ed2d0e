"""Parts of a link that break one rule of its protocol."""

from amaranth.hdl import Module
from amaranth.lib import wiring


def broken(part, rule):
    """``part`` with those of its ports wired otherwise that ``rule(outer, inner)`` names."""

    class Broken(wiring.Component):
        def __init__(self, *arguments, **options):
            self.inner = part(*arguments, **options)
            super().__init__(self.inner.signature)

        def elaborate(self, platform):
            m = Module()
            m.submodules.inner = inner = self.inner
            changed = rule(self, inner)
            for name, member in self.inner.signature.members.items():
                outside, inside = getattr(self, name), getattr(inner, name)
                if not member.is_port:
                    wiring.connect(m, wiring.flipped(outside), inside)
                elif member.flow is wiring.In:
                    m.d.comb += inside.eq(changed.get(name, outside))
                else:
                    m.d.comb += outside.eq(changed.get(name, inside))
            return m

    return Broken
