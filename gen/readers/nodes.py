"""What each NIR node becomes: a registry from node type to a function that checks and translates it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..frameworks import TimeModel
from ..network import Neurons
from .graph import Node, NodeError

MAX_SYNAPSES = 1 << 26
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Wire:
    """Input, Output and Flatten: the signal as it is."""


@dataclass(frozen=True)
class Synapses:
    """A linear map: ``matrix`` ``[in, out]``, or ``[in]`` for one factor each; and a ``bias`` ``[out]``."""

    matrix: np.ndarray
    bias: np.ndarray | None = None


@dataclass(frozen=True)
class Population:
    """Neurons, and the ``gain`` ``[neurons]`` by which they weigh their input."""

    gain: np.ndarray
    neurons: Neurons


Stage = Wire | Synapses | Population
Translation = Callable[[Node, Shape | None, TimeModel], tuple[Stage, Shape]]
_TRANSLATIONS: dict[str, Translation] = {}


def translate(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    """The stage that ``node`` is for a signal of ``shape`` (None where unknown), and the shape that leaves it.

    Raises NodeError.
    """
    if node.type not in _TRANSLATIONS:
        reason = f"nodes of type {node.type} are not supported"
        raise NodeError(reason, f"use {', '.join(sorted(_TRANSLATIONS))}")
    return _TRANSLATIONS[node.type](node, shape, time)


def translates(*types: str) -> Callable[[Translation], Translation]:
    """Enter a function into the registry for the node types named."""

    def enter(function: Translation) -> Translation:
        _TRANSLATIONS.update(dict.fromkeys(types, function))
        return function

    return enter


def field(node: Node, name: str) -> np.ndarray:
    """Parameter ``name`` as float64, finite. Raises NodeError."""
    if name not in node.fields:
        raise NodeError(f"it has no {name}", "export the model again with a current version of nir")
    array = node.fields[name].astype(np.float64)
    if not np.isfinite(array).all():
        wrong = int(np.count_nonzero(~np.isfinite(array)))
        raise NodeError(f"{wrong} of {array.size} values of {name} are not finite", "train or export it again")
    return array


def size_of(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


def matched(node: Node, expected: Shape, shape: Shape | None) -> None:
    """Raise NodeError where a signal of ``shape`` meets a node that expects another; axes of 1 are ignored."""
    if shape is not None and tuple(n for n in shape if n != 1) != tuple(n for n in expected if n != 1):
        remedy = "add a Flatten node before it" if size_of(shape) == size_of(expected) else "make the two agree"
        raise NodeError(f"it takes shape {list(expected)} but gets {list(shape)}", remedy)


@translates("Input", "Output")
def _terminal(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    declared = tuple(int(n) for n in field(node, "shape").reshape(-1))
    if not declared or min(declared) < 1 or size_of(declared) > MAX_SYNAPSES:
        raise NodeError(f"its shape is {list(declared)}", "give the shape of the signal, without batch and time")
    matched(node, declared, shape)
    return Wire(), declared


@translates("Flatten")
def _flatten(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    if shape is None:
        return Wire(), ()
    first, last = (int(field(node, name)) % len(shape) for name in ("start_dim", "end_dim"))
    return Wire(), (*shape[:first], size_of(shape[first : last + 1]), *shape[last + 1 :])


@translates("Linear", "Affine")
def _affine(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    weight = field(node, "weight")
    if weight.ndim != 2 or not weight.size:
        raise NodeError(f"its weight has shape {list(weight.shape)}", "use one matrix of [outputs, inputs]")
    outputs, inputs = weight.shape
    matched(node, (inputs,), shape)
    bias = None
    if node.type == "Affine":
        bias = field(node, "bias").reshape(-1)
        if bias.size != outputs:
            raise NodeError(f"its bias has {bias.size} values for {outputs} outputs", "make the two agree")
    return Synapses(np.ascontiguousarray(weight.T), bias), (outputs,)


@translates("Scale")
def _scale(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    scale = field(node, "scale")
    if not scale.size:
        raise NodeError("its scale is empty", "give one factor for each value of the signal")
    if scale.size > 1:
        matched(node, scale.shape, shape)
    leaves = scale.shape if shape is None else shape
    return Synapses(np.broadcast_to(scale.reshape(-1), size_of(leaves)).copy()), leaves
