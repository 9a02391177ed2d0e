"""Synthesis, place and route of a design in RTLIL with Yosys and nextpnr."""

from .flow import SynthReport, synthesise

__all__ = ["SynthReport", "synthesise"]
