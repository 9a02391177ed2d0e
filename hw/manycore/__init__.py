"""Chips of many cores: tiles in a mesh, each a core and the interface between it and its router."""

from .chip import MeshChip

__all__ = ["MeshChip"]
