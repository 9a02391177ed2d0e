"""What each NIR node becomes: a registry from node type to a function that checks and translates it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ranvier.golden.neurons.fields import models
from ranvier.golden.program import MAX_DELAY
from ranvier.golden.synapse import Axis

from ..frameworks import TimeModel
from ..network import ModelNeurons, Neurons, channels_last
from . import maps
from .graph import Node, NodeError
from .maps import MAX_SYNAPSES, Map, Shape


@dataclass(frozen=True)
class Wire:
    """Input, Output and Flatten: the signal as it is."""


@dataclass(frozen=True)
class Synapses:
    """A linear map behind another one: ``after``; and its ``bias``, in the model's order of its outputs, or None."""

    after: Callable[[Map], Map]
    bias: np.ndarray | None = None


@dataclass(frozen=True)
class Population:
    """Neurons, and the ``gain`` ``[neurons]`` by which they weigh their input; in the model's order."""

    gain: np.ndarray
    neurons: Neurons | ModelNeurons


@dataclass(frozen=True)
class Delayed:
    """The signal, each value so many ``steps`` later; in the model's order."""

    steps: np.ndarray


@dataclass(frozen=True)
class Attended:
    """Spiking self-attention: ``heads``, and ``scale``, of the spikes of the three nodes that are named."""

    heads: int
    scale: float
    query: str
    key: str
    value: str


Stage = Wire | Synapses | Population | Delayed | Attended
Translation = Callable[[Node, Shape | None, TimeModel], tuple[Stage, Shape]]
_ROUNDING = 1e-4  # of a step: float32 files hold a delay of some steps to 1e-6
_TRANSLATIONS: dict[str, Translation] = {}


def translate(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    """The stage that ``node`` is for a signal of ``shape`` (None where unknown), and the shape that leaves it.

    Raises NodeError.
    """
    if node.type not in _TRANSLATIONS:
        reason = f"nodes of type {node.type} are not supported"
        own = sorted(_TRANSLATIONS.keys() - {"Wire", *models()})
        raise NodeError(reason, f"use {', '.join(own)}, or neurons of a model ({', '.join(models())})")
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


def whole(node: Node, name: str, count: int) -> tuple[int, ...]:
    """Parameter ``name`` as ``count`` integers; one value stands for all. Raises NodeError."""
    values = field(node, name).reshape(-1)
    if values.size not in (1, count) or np.any(values != np.rint(values)) or np.abs(values).max() > MAX_SYNAPSES:
        raise NodeError(f"its {name} is {values.tolist()}", f"give one integer for each of {count} axes")
    return tuple(int(value) for value in np.broadcast_to(values, count))


def size_of(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


def sizes(shape: Shape) -> Shape:
    """Of all axes but those of 1."""
    return tuple(n for n in shape if n != 1)


def matched(node: Node, expected: Shape, shape: Shape | None) -> None:
    """Raise NodeError where a signal of ``shape`` meets a node that expects another; axes of 1 are ignored."""
    if shape is not None and sizes(shape) != sizes(expected):
        remedy = "add a Flatten node before it" if size_of(shape) == size_of(expected) else "make the two agree"
        raise NodeError(f"it takes shape {list(expected)} but gets {list(shape)}", remedy)


@translates("Wire")
def _wire(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    """Input or Output of a graph within another one."""
    return Wire(), shape or ()


@translates("Input", "Output")
def _terminal(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    declared = tuple(int(n) for n in field(node, "shape").reshape(-1))
    if not declared or min(declared) < 1 or size_of(declared) > MAX_SYNAPSES:
        raise NodeError(f"its shape is {list(declared)}", "give the shape of the signal, without batch and time")
    matched(node, declared, shape)
    return Wire(), declared


@translates("Flatten")
def _flatten(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    (first,), (end,) = (whole(node, name, 1) for name in ("start_dim", "end_dim"))
    if shape is None:
        return Wire(), ()
    axes = range(len(shape))
    if first not in range(-len(shape), len(shape)) or end not in range(-len(shape), len(shape)):
        raise NodeError(f"it flattens axes {first} to {end} of {list(shape)}", "name axes that the signal has")
    first, end = axes[first], axes[end]
    if first > end:
        raise NodeError(f"it flattens axes {first} to {end}", "give start_dim the lower one")
    return Wire(), (*shape[:first], size_of(shape[first : end + 1]), *shape[end + 1 :])


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
    matrix = np.ascontiguousarray(weight.T)
    return Synapses(lambda before: maps.multiplied(before, matrix), bias), (outputs,)


@translates("Scale")
def _scale(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    scale = field(node, "scale")
    if not scale.size:
        raise NodeError("its scale is empty", "give one factor for each value of the signal")
    leaves = scale.shape if shape is None else shape
    if scale.size > 1:
        matched(node, scale.shape, shape)
    factors = np.broadcast_to(scale.reshape(-1), size_of(leaves)).reshape(leaves)
    return Synapses(lambda before: maps.scaled(before, last(factors, before.shape))), leaves


def last(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Values of a signal of ``shape`` in the model's order, with channels last."""
    return np.asarray(values.reshape(-1)[channels_last(shape)])


@translates("Conv1d", "Conv2d")
def _convolution(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    weight, dimensions = field(node, "weight"), int(node.type[-2])
    if weight.ndim != dimensions + 2 or not weight.size:
        wanted = "[filters, channels, rows, columns]" if dimensions == 2 else "[filters, channels, length]"
        raise NodeError(f"its weight has shape {list(weight.shape)}", f"use weights of {wanted}")
    (groups,) = whole(node, "groups", 1)
    sizes = whole(node, "input_shape", dimensions) if shape is None else _image(node, shape, dimensions)
    channels = weight.shape[1] * max(groups, 1)
    if shape is not None and shape[0] != channels:
        reason = f"its weight takes {channels} channels in {groups} groups but gets {shape[0]}"
        raise NodeError(reason, "make groups and channels agree")
    stride, dilation = whole(node, "stride", dimensions), whole(node, "dilation", dimensions)
    sides = _padding(node, weight.shape[2:], stride, dilation)
    rows = [Axis(1, 1)] * (2 - dimensions)
    try:
        rows += [
            Axis(size, kernel, step, *beside, dilation=spread)
            for size, kernel, step, beside, spread in zip(sizes, weight.shape[2:], stride, sides, dilation, strict=True)
        ]
        whole_map = maps.convolution(
            Map((channels, *sizes), (channels, *sizes)), _plane(weight), (rows[0], rows[1]), groups
        )
    except ValueError as error:
        raise NodeError(_lowered(error), "make kernel, stride, padding and groups fit the signal") from None
    bias = field(node, "bias").reshape(-1)
    if bias.size != len(weight):
        raise NodeError(f"its bias has {bias.size} values for {len(weight)} filters", "make the two agree")
    leaves = _bounded(node, whole_map.shape)
    return Synapses(
        lambda before: maps.convolution(before, _plane(weight), (rows[0], rows[1]), groups),
        np.repeat(bias, size_of(leaves[1:])),
    ), leaves


def _plane(weight: np.ndarray) -> np.ndarray:
    """Weights along one axis as those of an image of one row."""
    return weight if weight.ndim == 4 else weight[:, :, None]


def _image(node: Node, shape: Shape, dimensions: int) -> tuple[int, ...]:
    if len(shape) != dimensions + 1:
        wanted = "[channels, rows, columns]" if dimensions == 2 else "[channels, length]"
        raise NodeError(f"it takes shape {wanted} but gets {list(shape)}", "give the Input node that shape")
    return shape[1:]


def _padding(node: Node, kernel: Shape, stride: Shape, dilation: Shape) -> list[tuple[int, int]]:
    """Zeros before and after, along each axis."""
    word = node.words.get("padding")
    if word is None:
        return [(size, size) for size in whole(node, "padding", len(kernel))]
    if word == "valid":
        return [(0, 0)] * len(kernel)
    if word != "same" or max(stride) > 1:
        reason = f"its padding is '{word}' with a stride of {list(stride)}"
        raise NodeError(reason, "use 'valid', 'same' with a stride of 1, or numbers")
    spans = [spread * (size - 1) for size, spread in zip(kernel, dilation, strict=True)]
    return [(span // 2, span - span // 2) for span in spans]


@translates("SumPool2d", "AvgPool2d")
def _pool(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    kernel, stride, padding = (whole(node, name, 2) for name in ("kernel_size", "stride", "padding"))
    weight = 1.0 if node.type == "SumPool2d" else 1 / size_of(kernel)

    def after(before: Map) -> Map:
        return maps.pooled(before, kernel, stride, padding, weight)  # type: ignore[arg-type]

    if shape is None:
        return Synapses(after), ()
    _image(node, shape, 2)
    try:
        leaves = after(Map(shape, shape)).shape
    except ValueError as error:
        raise NodeError(_lowered(error), "make kernel, stride and padding fit the signal") from None
    return Synapses(after), _bounded(node, leaves)


def _bounded(node: Node, leaves: Shape) -> Shape:
    if size_of(leaves) > MAX_SYNAPSES:
        raise NodeError(f"its output of {list(leaves)} has more than {MAX_SYNAPSES} values", "use less padding")
    return leaves


def _lowered(error: ValueError) -> str:
    text = str(error)
    return text[0].lower() + text[1:]


@translates("Upsample2d")
def _upsample(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    factors = whole(node, "scale_factor", 2)
    if shape is None:
        raise NodeError("nothing says which shape its signal has", "give the Input node a shape")
    _image(node, shape, 2)
    if min(factors) < 1:
        raise NodeError(f"its scale_factor is {list(factors)}", "give integers from 1 up")
    leaves = _bounded(node, (shape[0], shape[1] * factors[0], shape[2] * factors[1]))
    return Synapses(lambda before: maps.upsampled(before, factors)), leaves  # type: ignore[arg-type]


@translates("Delay")
def _delay(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    delay, dt = field(node, "delay"), time.dt_s.value
    if not delay.size:
        raise NodeError("its delay is empty", "give one delay for each value of the signal")
    if np.abs(delay).max() > MAX_SYNAPSES * dt:
        raise NodeError(f"its delay is {np.abs(delay).max():.4g} s", f"use delays of 0 to {MAX_DELAY} steps")
    leaves = delay.shape if shape is None else shape
    if delay.size > 1:
        matched(node, delay.shape, shape)
    steps = np.broadcast_to(np.rint(delay / dt).astype(np.int64).reshape(-1), size_of(leaves))
    if np.abs(delay / dt - np.rint(delay / dt)).max() > _ROUNDING * max(1, steps.max()):
        reason = f"its delay of {delay.max():.4g} s is no whole number of steps of {dt:.4g} s"
        raise NodeError(reason, "set discretisation.dt_s to the model's step, or round the delays to it")
    if steps.min() < 0 or steps.max() > MAX_DELAY:
        reason = f"its delays are {steps.min()} to {steps.max()} steps, but pending currents are kept for {MAX_DELAY}"
        raise NodeError(reason, f"use delays of 0 to {MAX_DELAY} steps, or a greater discretisation.dt_s")
    return Delayed(steps), leaves


@translates("SelfAttention")
def _attention(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    (heads,), scale = whole(node, "heads", 1), field(node, "scale").reshape(-1)
    names = [node.words.get(name, "") for name in ("query", "key", "value")]
    if not all(names):
        raise NodeError("it does not name its query, key and value", "give the names of three nodes")
    if scale.size != 1 or scale[0] <= 0:
        raise NodeError(f"its scale is {scale.tolist()}", "give one number greater than 0")
    if shape is None:
        raise NodeError("nothing says which shape its signals have", "give the Input node a shape")
    if heads < 1 or shape[0] % heads:
        raise NodeError(f"its {heads} heads do not divide the {shape[0]} channels", "make heads divide the channels")
    return Attended(heads, float(scale[0]), *names), shape
