"""Synthesis, place and route of a design in RTLIL with Yosys and nextpnr."""

from .flow import SynthReport, map_cells, synthesise

__all__ = ["SynthReport", "map_cells", "synthesise"]
