"""A torch module's forward as a graph of calls, by torch.fx: of one step, or of all of them in SpikingJelly's
multi-step mode."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from ..errors import RanvierError
from .calls import Reading, a_step, all_steps, read_call
from .draft import MULTI, SINGLE, Draft, Shape, Signal

_CLOSED = (  # whose modules are read as they are; those of a user, and SpikingJelly's models, are looked into
    *("torch.nn.", "snntorch.", "norse."),
    *("spikingjelly.activation_based.layer", "spikingjelly.activation_based.neuron"),
)
_STEPWISE = ("MultiStepContainer", "StepModeContainer")  # SpikingJelly's: each step through all of it


@dataclass(frozen=True, eq=False)
class Trace:
    """``calls``: what the signal that forward returns first depends on, in order. ``multi``: in multi-step mode.

    ``states``: the parameters of forward that take states, those without a default or with None. ``counted``: it has a
    parameter ``step``, the number of the step.
    """

    calls: list[fx.Node]
    output: fx.Node
    multi: bool
    states: tuple[str, ...]
    counted: bool


def trace(module: torch.nn.Module, shape: Shape, name: str) -> Trace:
    """The graph of ``module`` for signals of ``shape``; ``name`` for messages. Raises RanvierError where it cannot be
    made."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    if not parameters:
        raise RanvierError(f"Model {name}: its forward must take a signal: forward(self, x)")
    fixed = {p.name: 0 if p.name == "step" else p.default for p in parameters[1:] if _fixed(p)}
    states = tuple(p.name for p in parameters[1:] if p.name not in fixed or fixed[p.name] is None)
    multi = _is_multi(module)
    reading = Reading(Draft.begun(MULTI if multi else SINGLE, shape), module, states)
    try:
        graph = _Tracer(reading).trace(module, concrete_args=fixed)
    except Exception as error:  # whatever the user's forward raises on symbols
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise RanvierError(
            f"Model {name}: its forward cannot be traced ({text}); give the forward of one step, without loops over"
            " time and branches that depend on values"
        ) from None
    output = _first(next(node for node in graph.nodes if node.op == "output").args[0], name)
    needed = _needed(output)
    return Trace([n for n in graph.nodes if n in needed], output, multi, states, "step" in fixed)


def _is_multi(module: torch.nn.Module) -> bool:
    """Whether ``module`` takes whole sequences ``[T, N, ...]``."""
    return any(
        getattr(each, "step_mode", None) == "m" or getattr(each, "supported_step_mode", tuple)() == ("m",)
        for each in module.modules()
    )


def _fixed(parameter: inspect.Parameter) -> bool:
    variable = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return not variable and (parameter.name == "step" or parameter.default is not inspect.Parameter.empty)


class _Proxy(fx.Proxy):
    """A symbol whose shape is known where what leads to it can be read."""

    tracer: "_Tracer"

    @property
    def shape(self) -> Any:
        signal = self.tracer.reading.values.get(self.node)
        return torch.Size((*signal.lead, *signal.shape)) if isinstance(signal, Signal) else self.__getattr__("shape")

    @property
    def ndim(self) -> Any:
        return len(self.shape)

    def dim(self) -> Any:
        return len(self.shape)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class _Tracer(fx.Tracer):
    """Reads each call as soon as it is made, for its shape alone: what cannot be read is told later, if it matters."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        self.busy = False  # reading: what it asks modules for is not forward's

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        self.busy = True
        with suppress(Exception):
            self.reading.values[node] = read_call(self.reading, node)
        self.busy = False
        return node

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self.busy else super().getattr(attr, attr_val, parameter_proxy_cache)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        container = isinstance(m, torch.nn.Sequential | torch.nn.ModuleList)
        return type(m).__module__.startswith(_CLOSED) and not container

    def call_module(
        self, m: torch.nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self.busy:
            return forward(*args, **kwargs)
        stepwise = type(m).__name__ in _STEPWISE and type(m).__module__.startswith("spikingjelly.")
        if not stepwise or getattr(m, "step_mode", "m") == "s":
            return super().call_module(m, forward, args, kwargs)
        x = self.create_proxy("call_function", a_step, args, kwargs)
        for child in m.children():
            x = child(x)
        return self.create_proxy("call_function", all_steps, (x,), {})


def _first(value: Any, name: str) -> fx.Node:
    while isinstance(value, tuple | list) and value:
        value = value[0]
    if not isinstance(value, fx.Node):
        raise RanvierError(f"Model {name}: its forward must return the signal, or a tuple that begins with it")
    return value


def _needed(output: fx.Node) -> set[fx.Node]:
    needed, waiting = {output}, [output]
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node not in needed:
                needed.add(node)
                waiting.append(node)
    return needed
