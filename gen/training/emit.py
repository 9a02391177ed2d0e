"""A trainer as RTLIL text."""

from typing import Any

from ranvier.hw.train.config import TrainerConfig

from ..names import readable


def emit_trainer(config: TrainerConfig, name: str) -> str:
    """The trainer as RTLIL text, its top module called ``name``; the same configuration gives the same text."""
    from ranvier.hw.train.trainer import Trainer

    return emit_part(Trainer(config), name)


def emit_part(component: Any, name: str) -> str:
    """Any component as RTLIL text; its ports are those members that are not constant."""
    from amaranth.back import rtlil
    from amaranth.hdl import Signal, Value

    members = (Value.cast(value) for _, _, value in component.signature.flatten(component))
    ports = [value for value in members if isinstance(value, Signal)]
    return readable(rtlil.convert(component, ports=ports, name=name, emit_src=False))
