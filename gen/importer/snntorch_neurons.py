"""snnTorch's neurons: ``mem' = beta * mem + x``, fired at ``mem' > threshold``.

The reset of the next step (``reset_delay=True``) is that of ``reset_mechanism``: subtract, zero, or none.
"""

from typing import Any

from ..readers.graph import NodeError
from .draft import Draft, Potential, Rule, Signal
from .forms import scaled
from .neurons import Membrane, comparison, hears_only, neurons
from .registry import reads
from .synapses import convolution, linear

_DT_S = 1e-4  # snnTorch has no seconds; what its exporter takes
_RESETS = {"subtract": "soft", "zero": "hard", "none": "none"}


@reads("snntorch.Leaky")
def leaky(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    rule = _rule(module, module.reset_delay)
    return _made(draft, name, module, Membrane(_decay(module.beta), threshold=module.threshold), rule, signal, states)


@reads("snntorch.Lapicque")
def lapicque(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    """``mem' = (1 - T/(R C)) mem + T/C x``; a reset to zero also drops the input of its step."""
    rule = _rule(module, True)
    _keeps_input(rule)
    keep = 1 - module.time_step / (module.R * module.C)
    membrane = Membrane(keep, module.R * (1 / (module.R * module.C)) * module.time_step, module.threshold)
    return _made(draft, name, module, membrane, rule, signal, states)


@reads("snntorch.RLeaky")
def recurrent_leaky(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    rule = _rule(module, module.reset_delay)
    _keeps_input(rule)
    membrane = Membrane(_decay(module.beta), threshold=module.threshold)
    return _made(draft, name, module, membrane, rule, signal, states)


@reads("snntorch.Synaptic")
def synaptic(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    """``syn' = alpha * syn + x``, ``mem' = beta * mem + syn'``."""
    rule = _rule(module, module.reset_delay, current=True)
    _keeps_input(rule)
    return _made(draft, name, module, _current(module), rule, signal, states)


@reads("snntorch.RSynaptic")
def recurrent_synaptic(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    if not module.reset_delay:
        raise NodeError("with reset_delay=False it resets by the spikes of the step before", "use reset_delay=True")
    rule = _rule(module, True, current=True)
    _keeps_input(rule)
    return _made(draft, name, module, _current(module), rule, signal, states)


def _current(module: Any) -> Membrane:
    return Membrane(_decay(module.beta), threshold=module.threshold, current_keep=_decay(module.alpha))


def _decay(factor: Any) -> Any:
    return factor.clamp(0, 1)


def _rule(module: Any, delayed: bool, current: bool = False) -> Rule:
    for option, given in {"inhibition": module.inhibition, "state_quant": module.state_quant}.items():
        if given:
            raise NodeError(f"it has {option}={given!r}", "leave it out; integers are Ranvier's own")
    reset = _RESETS[module.reset_mechanism]
    timing = None if reset == "none" else "next_step" if delayed else "same_step"
    return Rule("snntorch", _DT_S, comparison(module.spike_grad), reset, timing, "same_step" if current else None)


def _keeps_input(rule: Rule) -> None:
    if (rule.reset, rule.reset_timing) == ("hard", "next_step"):
        reason = "its reset to zero of the step after a spike also drops the input of that step"
        raise NodeError(reason, "use reset_mechanism='subtract', or reset_delay=False where there is one")


def _made(
    draft: Draft, name: str, module: Any, membrane: Membrane, rule: Rule, signal: Signal, states: tuple[object, ...]
) -> Any:
    """Neurons, their recurrent synapses and the factor of their spikes; what the module returns."""
    hears_only(states)
    given = neurons(draft, name, membrane, rule, signal)
    (node,) = given.sources
    if hasattr(module, "recurrent"):
        back = _recurrent(draft, f"{node}.recurrent", module, given)
        draft.edges += [(source, node) for source in back.sources]
    if (rule.reset, rule.reset_timing) == ("soft", "same_step"):
        draft.notes[node] = (
            "with reset_delay=False snnTorch lets neurons that stay above their threshold after a spike fire again only"
            " from twice the threshold; here they fire from the threshold"
        )
    factor = module.graded_spikes_factor
    out = given if factor == 1 else scaled(draft, f"{node}.factor", given, factor)
    if module.init_hidden and not module.output:
        return out
    current = () if membrane.current_keep is None else (None,)
    return (out, *current, Potential(node, given))


def _recurrent(draft: Draft, name: str, module: Any, spikes: Signal) -> Signal:
    if not module.all_to_all:
        return scaled(draft, name, spikes, module.recurrent.V)
    read = linear if module.linear_features else convolution
    return read(draft, name, module.recurrent, spikes)
