"""One call of a traced forward at a time: what it does to signals, entered into a draft."""

import operator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import fx

from ..readers.graph import NodeError
from . import attention, norms, norse_neurons, snntorch_neurons, spikingjelly_models, spikingjelly_neurons  # noqa: F401
from .draft import MULTI, SINGLE, Draft, Potential, Signal, StateInput
from .forms import apply, forms, plain
from .registry import read_module


def a_step(x: Any) -> Any:
    """Marks where a container takes a sequence apart into steps."""
    return x


def all_steps(x: Any) -> Any:
    """Marks where a container has put the steps together again."""
    return x


@dataclass
class Reading:
    """A draft that grows by calls; ``states``: the parameters of forward that take states; ``calls``: all there are,
    once that is known."""

    draft: Draft
    root: torch.nn.Module
    states: tuple[str, ...]
    calls: list[fx.Node] = field(default_factory=list)
    values: dict[fx.Node, Any] = field(default_factory=dict)


def read_call(reading: Reading, call: fx.Node) -> Any:
    """The value of ``call``. Raises NodeError."""
    if call.op == "placeholder":
        return StateInput() if call.target in reading.states else reading.draft.input
    if call.op == "get_attr":
        return operator.attrgetter(str(call.target))(reading.root)
    args: Any = fx.node.map_arg(call.args, reading.values.__getitem__)
    kwargs: Any = fx.node.map_arg(call.kwargs, reading.values.__getitem__)
    if call.op == "call_module":
        return _module(reading, call, [*args, *kwargs.values()])
    if call.target is operator.getitem:
        return _item(*args)
    if any(isinstance(value, Potential | StateInput) for value in args):
        raise NodeError("it takes a state of neurons", "use what neurons give only")
    return apply(reading.draft, call.name, call.target, *args, **kwargs)


@forms("a_step")
def _a_step(draft: Draft, name: str, signal: Signal) -> Signal:
    return replace(signal, lead=SINGLE)


@forms("all_steps")
def _all_steps(draft: Draft, name: str, signal: Signal) -> Signal:
    return replace(signal, lead=MULTI)


def _item(given: Any, key: Any) -> Any:
    """Of what neurons give, or of a shape."""
    if not isinstance(given, tuple):
        raise NodeError(
            "it takes a part of a signal",
            "use all of its values; of a sequence take all steps, or give the forward of one",
        )
    return given[key]


def _module(reading: Reading, call: fx.Node, args: list[Any]) -> Any:
    name, draft = str(call.target), reading.draft
    module, signal = reading.root.get_submodule(name), plain(draft, call.name, args[0])
    if not isinstance(signal, Signal):
        raise NodeError("it gets no signal", "give it what a module gives; of neurons that is (spikes, state)")
    remembers = hasattr(module, "mem") or getattr(module, "_memories", None)
    if remembers and sum(other.target == name for other in reading.calls) > 1:
        raise NodeError("forward calls it more than once", "give the forward of one step, without a loop over time")
    through_time = _through_time(reading, name)
    if through_time is not None:
        return norms.norms_through_time(draft, name.rpartition(".")[0], through_time, signal)
    return read_module(draft, name, module, signal, *args[1:])


def _through_time(reading: Reading, name: str) -> list[torch.nn.Module] | None:
    """The norms of all steps where ``name`` is that of the first (snnTorch's BatchNormTT), else None."""
    group = name.rpartition(".")[0]
    modules = reading.root.get_submodule(group)
    if not isinstance(modules, torch.nn.ModuleList) or len(modules) < 2:
        return None
    norm = torch.nn.modules.batchnorm._BatchNorm
    called = {call.target for call in reading.calls if str(call.target).rpartition(".")[0] == group}
    return list(modules) if len(called) == 1 and all(isinstance(each, norm) for each in modules) else None
