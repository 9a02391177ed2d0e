"""A trainer as RTLIL text."""

from ranvier.hw.train.config import TrainerConfig

from ..names import readable


def emit_trainer(config: TrainerConfig, name: str) -> str:
    """The trainer as RTLIL text, its top module called ``name``; the same configuration gives the same text."""
    from amaranth.back import rtlil

    from ranvier.hw.train.trainer import Trainer

    return readable(rtlil.convert(Trainer(config), name=name, emit_src=False))
