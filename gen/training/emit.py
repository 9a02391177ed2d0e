"""A trainer as RTLIL text."""

from ranvier.hw.train.config import TrainerConfig

from ..emit import emit_part


def emit_trainer(config: TrainerConfig, name: str) -> str:
    """The trainer as RTLIL text, its top module called ``name``; the same configuration gives the same text."""
    from ranvier.hw.train.trainer import Trainer

    return emit_part(Trainer(config), name)
