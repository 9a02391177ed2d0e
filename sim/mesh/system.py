"""Chips in a row, and lines between them that err."""

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from ranvier.hw.manycore.config import MeshChipConfig
from ranvier.hw.manycore.row import ChipRow
from ranvier.hw.router.mesh import Mesh

from .noise import Noise


def noise_rate(share: float, symbols: int) -> int:
    """For :class:`System` the rate at which a ``share`` of the frames of so many ``symbols`` is spoiled: each symbol is
    read in one cycle."""
    return round((1.0 - float((1.0 - share) ** (1.0 / symbols))) * 2**32)


class System(ChipRow):
    """In a share of ``rate / 2**32`` of the cycles some wires of a line are inverted, on each line at times of its own;
    at the greatest rate next to always."""

    def __init__(self, configs: tuple[MeshChipConfig, ...], mesh: type[Mesh] = Mesh) -> None:
        self._lines = 0
        super().__init__(configs, mesh)

    def members(self) -> dict[str, wiring.Member]:
        return super().members() | {"rate": In(32)}

    def line(self, m: Module, name: str, source: Value) -> Value:
        self._lines += 1
        m.submodules[f"noise_{name}"] = noise = Noise(0x9E3779B9 * self._lines % 2**32, len(source))
        m.d.comb += noise.rate.eq(self.rate)
        return source ^ noise.bits
