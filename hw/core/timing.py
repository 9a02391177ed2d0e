"""Cycles of a core and of a chain of cores, exactly: the formulas that simulation must meet."""

from ..config import CoreConfig
from .lane import last_stage
from .state import spacing


def core_cycles(config: CoreConfig) -> dict[str, int]:
    """Cycles of one core: ``event`` and ``update`` (throughput), ``clear`` (from reset until it takes events)."""
    update = max(config.groups, spacing(config))
    return {"event": config.groups, "update": update, "clear": config.groups, "stages": last_stage(config.model) + 1}
