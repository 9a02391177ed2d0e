"""Nodes that NIR does not have; ``nir.write`` takes them as it does its own. docs/import.md defines them."""

from dataclasses import dataclass, make_dataclass

import nir
import numpy as np

from ranvier.golden.neurons.neuron import NEURONS


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


def model_node(kind: str, **values: np.ndarray) -> nir.NIRNode:
    """Neurons of the model ``kind`` of :mod:`ranvier.golden.neurons`, with ``values`` of its FIELDS. Raises ValueError
    for others."""
    fields = NEURONS[kind].FIELDS if kind in NEURONS else {}
    if not fields or not values.keys() <= fields.keys():
        known = ", ".join(sorted(name for name, model in NEURONS.items() if model.FIELDS))
        raise ValueError(f"Neurons must be of a model ({known}) and have its fields, not {kind} with {sorted(values)}")
    members = [(name, np.ndarray) for name in values]
    node: type[nir.NIRNode] = make_dataclass(
        kind, members, bases=(nir.NIRNode,), eq=False, namespace={"__post_init__": SelfAttention.__post_init__}
    )
    return node(**{name: np.atleast_1d(value) for name, value in values.items()})
