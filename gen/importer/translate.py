"""From a trace to a draft: each call is read by the function of its kind, then norms are folded."""

from typing import Any

import nir
import numpy as np
import torch
from torch import fx

from ..errors import RanvierError
from ..readers.graph import NodeError
from . import norms
from .calls import Reading, read_call
from .draft import MULTI, SINGLE, Draft, Potential, Shape, Signal
from .forms import plain
from .neurons import readout
from .registry import key_of
from .trace import Trace


def translate(module: torch.nn.Module, trace: Trace, shape: Shape, name: str) -> Draft:
    """The draft of ``module`` for an input of ``shape``; ``name`` for messages. Raises RanvierError."""
    draft = Draft.begun(MULTI if trace.multi else SINGLE, shape)
    reading = Reading(draft, module, trace.states, trace.calls)
    for call in trace.calls:
        try:
            reading.values[call] = read_call(reading, call)
        except NodeError as problem:
            raise RanvierError(f"Model {name}: {_called(module, call)}: {problem.reason}; {problem.remedy}") from None
        except (TypeError, ValueError, RuntimeError) as error:  # of arguments that no function here takes, of shapes
            text = str(error).splitlines()[0]
            raise RanvierError(f"Model {name}: {_called(module, call)}: it cannot be read ({text})") from None
    try:
        _end(draft, reading.values[trace.output])
    except NodeError as problem:
        raise RanvierError(f"Model {name}: its output: {problem.reason}; {problem.remedy}") from None
    norms.fold(draft)
    return draft


def _end(draft: Draft, given: Any) -> None:
    while isinstance(given, tuple):
        given = given[0]
    given = readout(draft, given) if isinstance(given, Potential) else plain(draft, "output", given)
    if not isinstance(given, Signal) or given.lead != draft.lead:
        raise NodeError("it is no signal of samples", "return what a layer gives, in multi-step mode for all steps")
    if len(given.sources) > 1:
        given = draft.add("sum", nir.Scale(np.ones(given.shape)), given)
    draft.end(given)


def _called(root: torch.nn.Module, call: fx.Node) -> str:
    if call.op != "call_module":
        return f"operation '{call.name}'"
    return f"module '{call.target}' ({key_of(root.get_submodule(str(call.target)))[1]})"
