"""A design's Verilog under cocotb, in Icarus or Verilator, driven like :mod:`ranvier.sim.compiled` drives it."""

from .model import CosimModel

__all__ = ["CosimModel"]
