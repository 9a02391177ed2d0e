"""A torch module's forward as a graph of calls, by torch.fx: of one step, or of all of them in SpikingJelly's
multi-step mode."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from ..errors import RanvierError

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


def a_step(x: Any) -> Any:
    """Marks where a container takes a sequence apart into steps."""
    return x


def all_steps(x: Any) -> Any:
    """Marks where a container has put the steps together again."""
    return x


def trace(module: torch.nn.Module, name: str) -> Trace:
    """The graph of ``module``; ``name`` for messages. Raises RanvierError where it cannot be made."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    if not parameters:
        raise RanvierError(f"Model {name}: its forward must take a signal: forward(self, x)")
    fixed = {p.name: 0 if p.name == "step" else p.default for p in parameters[1:] if _fixed(p)}
    try:
        graph = _Tracer().trace(module, concrete_args=fixed)
    except Exception as error:  # whatever the user's forward raises on symbols
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise RanvierError(
            f"Model {name}: its forward cannot be traced ({text}); give the forward of one step, without loops over"
            " time and branches that depend on values"
        ) from None
    output = _first(next(node for node in graph.nodes if node.op == "output").args[0], name)
    needed = _needed(output)
    states = tuple(p.name for p in parameters[1:] if p.name not in fixed or fixed[p.name] is None)
    return Trace([n for n in graph.nodes if n in needed], output, is_multi(module), states, "step" in fixed)


def is_multi(module: torch.nn.Module) -> bool:
    """Whether ``module`` takes whole sequences ``[T, N, ...]``."""
    return any(
        getattr(each, "step_mode", None) == "m" or getattr(each, "supported_step_mode", tuple)() == ("m",)
        for each in module.modules()
    )


def _fixed(parameter: inspect.Parameter) -> bool:
    variable = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return not variable and (parameter.name == "step" or parameter.default is not inspect.Parameter.empty)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        container = isinstance(m, torch.nn.Sequential | torch.nn.ModuleList)
        return type(m).__module__.startswith(_CLOSED) and not container

    def call_module(
        self, m: torch.nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
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
