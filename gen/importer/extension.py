"""Nodes that NIR does not have; ``nir.write`` takes them as it does its own. docs/import.md defines them."""

from dataclasses import dataclass

import nir
import numpy as np


@dataclass(eq=False)
class SelfAttention(nir.NIRNode):
    """``out[c, n] = scale * sum_m (sum_c' query[c', n] * key[c', m]) * value[c, m]``, c' in the head of c.

    ``query``, ``key`` and ``value`` name the nodes whose spikes these are, ``[channels, *places]``.
    """

    heads: int
    scale: float
    query: str
    key: str
    value: str

    def __post_init__(self) -> None:
        self.input_type, self.output_type = {"input": None}, {"output": None}


@dataclass(eq=False)
class Upsample2d(nir.NIRNode):
    """Each value ``scale_factor[0]`` times along the rows' axis and ``scale_factor[1]`` times along the columns'."""

    scale_factor: np.ndarray

    def __post_init__(self) -> None:
        self.input_type, self.output_type = {"input": None}, {"output": None}
