"""The configuration's table of the mesh."""

import re
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ..errors import RanvierError
from ..section import Section

MAX_SIDE, MAX_CHIPS = 16, 4
_SIZE = re.compile(r"(?:(\d)x)?(\d{1,3})x(\d{1,3})")


class Mesh(Section):
    """The network over a mesh of cores, each of which holds some neurons of a layer. Without it, a core for each
    layer."""

    width: int = Field(default=2, ge=1, le=MAX_SIDE)
    """Columns of the mesh."""
    height: int = Field(default=2, ge=1, le=MAX_SIDE)
    """Rows of the mesh."""
    chips: int = Field(default=1, ge=1, le=MAX_CHIPS)
    """Chips side by side, each with a mesh of its own, joined by serial links; with more than one, credits only."""
    depth: int = Field(default=4, ge=2, le=64)
    """Packets in the buffer at each input of a router."""
    pace: Literal["credits", "barrier"] = "credits"
    """What lets a core go on to its next step: credits of those that it sends to, each core at its own pace; or a
    barrier that all cores wait at."""
    slices: list[int] | None = None
    """Cores for each layer; left out: as many as make the slowest layer fastest."""
    axon_groups: list[int] | None = None
    """Groups of axons of each layer, a core for each in the place of one; left out: 1 where slices are given, else what
    memory needs or makes it faster."""
    tile_kib: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Memory for weights in each tile, in KiB; left out: as much as is needed."""
    seed: int = Field(default=1, ge=0)
    """Of the search for places."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.chips > 1 and self.pace == "barrier":
            raise ValueError(f"a barrier is of one chip: over {self.chips} chips the pace must be 'credits'")
        if self.axon_groups is not None and max(self.axon_groups, default=1) > 1 and self.pace == "barrier":
            raise ValueError(
                "partial sums come a step late for a barrier: with groups of axons the pace must be 'credits'"
            )
        if self.axon_groups is not None and self.slices is None:
            raise ValueError("groups of axons must be given together with slices")
        return self

    @property
    def size(self) -> str:
        """As :func:`sized` reads it."""
        return f"{'' if self.chips == 1 else f'{self.chips}x'}{self.width}x{self.height}"

    def named(self, program: str) -> str:
        """Of the top module and the build folder of ``program`` over this."""
        chips = "" if self.chips == 1 else f"{self.chips}_of_"
        return f"{program}_{chips}{self.width}x{self.height}"

    def facts(self) -> dict[str, Any]:
        """All of it as plain JSON values; ``chips`` only where there are several."""
        return self.model_dump(exclude={"chips"} if self.chips == 1 else None)


def sized(mesh: Mesh | None, size: str) -> Mesh:
    """``mesh`` with the width and height of ``size``, such as 4x4, or of 2x4x4 two chips, too. Raises RanvierError."""
    match = _SIZE.fullmatch(size)
    if match is None or not (
        1 <= int(match[1] or 1) <= MAX_CHIPS and 1 <= int(match[2]) <= MAX_SIDE and 1 <= int(match[3]) <= MAX_SIDE
    ):
        raise RanvierError(
            f"Mesh must be columns x rows, each of 1 to {MAX_SIDE}, such as 4x4, or 2x4x4 for two such chips "
            f"(at most {MAX_CHIPS}), not '{size}'"
        )
    mesh = mesh or Mesh()
    chips = mesh.chips if match[1] is None else int(match[1])
    fields = mesh.model_dump(exclude_unset=True) | {"width": int(match[2]), "height": int(match[3])}
    try:
        return Mesh.model_validate(fields | ({} if chips == mesh.chips else {"chips": chips}))
    except ValidationError as error:
        raise RanvierError(f"Mesh {size}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
