"""A design compiled to machine code: RTLIL through CXXRTL and g++, driven in batches, no Python in any clock."""

from .model import CompiledModel
from .words import pack_words, unpack_fields

__all__ = ["CompiledModel", "pack_words", "unpack_fields"]
