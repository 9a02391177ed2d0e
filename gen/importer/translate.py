"""From the calls of a trace to a draft: each module and each operation is read by the function of its kind."""

import operator
from typing import Any

import nir
import numpy as np
import torch
from torch import fx

from ..errors import RanvierError
from ..readers.graph import NodeError
from . import attention, norms, norse_neurons, snntorch_neurons, spikingjelly_neurons  # noqa: F401  they enter themselves
from .draft import MULTI, SINGLE, Draft, Potential, Shape, Signal, StateInput
from .forms import apply, plain
from .neurons import readout
from .registry import key_of, read_module
from .trace import Trace


def translate(module: torch.nn.Module, trace: Trace, shape: Shape, name: str) -> Draft:
    """The draft of ``module`` for an input of ``shape``; ``name`` for messages. Raises RanvierError."""
    lead = MULTI if trace.multi else SINGLE
    draft = Draft(lead)
    draft.nodes["input"], draft.shapes["input"] = nir.Input(np.array(shape)), shape
    values: dict[fx.Node, Any] = {}
    for call in trace.calls:
        try:
            values[call] = _value(draft, module, trace, call, values)
        except NodeError as problem:
            raise RanvierError(f"Model {name}: {_called(module, call)}: {problem.reason}; {problem.remedy}") from None
    try:
        _end(draft, values[trace.output])
    except NodeError as problem:
        raise RanvierError(f"Model {name}: its output: {problem.reason}; {problem.remedy}") from None
    norms.fold(draft)
    return draft


def _value(draft: Draft, root: torch.nn.Module, trace: Trace, call: fx.Node, values: dict[fx.Node, Any]) -> Any:
    if call.op == "placeholder":
        signal = Signal(("input",), draft.shapes["input"], draft.lead, spikes=True)
        return StateInput() if call.target in trace.states else signal
    if call.op == "get_attr":
        return operator.attrgetter(str(call.target))(root)
    args: Any = fx.node.map_arg(call.args, values.__getitem__)
    kwargs: Any = fx.node.map_arg(call.kwargs, values.__getitem__)
    if call.op == "call_module":
        return _module(draft, root, trace, call, [*args, *kwargs.values()])
    if call.target is operator.getitem:
        return _item(*args)
    if any(isinstance(value, Potential | StateInput) for value in args):
        raise NodeError("it takes a state of neurons", "use what neurons give only")
    return apply(draft, call.name, call.target, *args, **kwargs)


def _item(given: Any, key: Any) -> Any:
    """Of what neurons give, or of a shape."""
    if not isinstance(given, tuple):
        raise NodeError("it takes a part of a signal", "use all of its values, and of a sequence all steps")
    return given[key]


def _module(draft: Draft, root: torch.nn.Module, trace: Trace, call: fx.Node, args: list[Any]) -> Any:
    name = str(call.target)
    module, signal = root.get_submodule(name), plain(draft, call.name, args[0])
    if not isinstance(signal, Signal):
        raise NodeError("it gets no signal", "give it what a module gives; of neurons that is (spikes, state)")
    remembers = hasattr(module, "mem") or getattr(module, "_memories", None)
    if remembers and sum(other.target == name for other in trace.calls) > 1:
        raise NodeError("forward calls it more than once", "give the forward of one step, without a loop over time")
    through_time = _through_time(root, trace, name)
    if through_time is not None:
        return norms.norms_through_time(draft, name.rpartition(".")[0], through_time, signal)
    return read_module(draft, name, module, signal, *args[1:])


def _through_time(root: torch.nn.Module, trace: Trace, name: str) -> list[torch.nn.Module] | None:
    """The norms of all steps where ``name`` is that of the first (snnTorch's BatchNormTT), else None."""
    group = name.rpartition(".")[0]
    modules = root.get_submodule(group)
    if not isinstance(modules, torch.nn.ModuleList) or len(modules) < 2:
        return None
    norm = torch.nn.modules.batchnorm._BatchNorm
    called = {call.target for call in trace.calls if str(call.target).rpartition(".")[0] == group}
    return list(modules) if len(called) == 1 and all(isinstance(each, norm) for each in modules) else None


def _end(draft: Draft, given: Any) -> None:
    while isinstance(given, tuple):
        given = given[0]
    given = readout(draft, given) if isinstance(given, Potential) else plain(draft, "output", given)
    if not isinstance(given, Signal) or given.lead != draft.lead:
        raise NodeError("it is no signal of samples", "return what a layer gives, in multi-step mode for all steps")
    if len(given.sources) > 1:
        given = draft.add("sum", nir.Scale(np.ones(given.shape)), given)
    draft.nodes["output"], draft.shapes["output"] = nir.Output(np.array(given.shape)), given.shape
    draft.edges += [(source, "output") for source in given.sources]


def _called(root: torch.nn.Module, call: fx.Node) -> str:
    if call.op != "call_module":
        return f"operation '{call.name}'"
    return f"module '{call.target}' ({key_of(root.get_submodule(str(call.target)))[1]})"
