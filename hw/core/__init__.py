"""The near-memory neuron core: fetch → lanes (accumulate, update) → emit."""

from .core import Core

__all__ = ["Core"]
