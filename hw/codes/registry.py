"""The encoder of each code."""

from ranvier.golden.codes.address import AddressEvents
from ranvier.golden.codes.delta import Delta
from ranvier.golden.codes.registry import Code

from .address import AddressEncoder
from .delta import DeltaEncoder
from .static import StaticEncoder

Encoder = StaticEncoder | DeltaEncoder | AddressEncoder


def encoder_of(code: Code) -> Encoder:
    """The component that encodes as ``code`` says."""
    if isinstance(code, Delta):
        return DeltaEncoder(code)
    return AddressEncoder(code) if isinstance(code, AddressEvents) else StaticEncoder(code)
