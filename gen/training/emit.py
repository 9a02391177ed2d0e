"""A trainer as RTLIL text."""

from typing import Any

from ranvier.hw.train.config import TrainerConfig

from ..names import readable


def emit_trainer(config: TrainerConfig, name: str) -> str:
    """The trainer as RTLIL text, its top module called ``name``; the same configuration gives the same text."""
    from ranvier.hw.train.trainer import Trainer

    return emit_part(Trainer(config), name)


def emit_part(component: Any, name: str) -> str:
    """Any component as RTLIL text."""
    from amaranth.back import rtlil

    return readable(rtlil.convert(component, name=name, emit_src=False))
