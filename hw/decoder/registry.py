"""The component of each golden decoder."""

from ranvier.golden.decoding.population import Population
from ranvier.golden.decoding.registry import Decoder as Model

from .decoder import Decoder
from .mean import Mean
from .winner import Winner


def decoder(model: Model) -> Decoder:
    """What computes the answers of ``model``."""
    return Mean(model) if isinstance(model, Population) else Winner(model)
