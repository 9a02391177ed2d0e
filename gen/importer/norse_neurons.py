"""Norse's cells: ``v' = v + dt * tau_mem_inv * (v_leak - v + i)``, fired at ``v' > v_th``, reset in the same step.

Potentials start at ``v_leak``, those of IAFCell at ``v_reset``; they are counted from there.
"""

from typing import Any

import nir

from ..readers.graph import NodeError
from .draft import Draft, Potential, Rule, Signal
from .neurons import Membrane, hears_only, neurons
from .registry import reads
from .synapses import array

_RESETS = {"reset_value": "hard", "reset_subtract": "soft"}


@reads("norse.LIFCell")
def lif(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    """``i' = (1 - dt * tau_syn_inv) i + x``: the membrane reads the current before it decays."""
    return _made(draft, name, module, _spiking(module, "hard"), _rule(module, "hard"), signal, states)


@reads("norse.LIFBoxCell")
def lif_box(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    """Without a synaptic current."""
    method = getattr(module.p.reset_method, "__name__", "")
    if method not in _RESETS:
        raise NodeError(f"its reset_method is {method}", f"use {' or '.join(_RESETS)}")
    reset = _RESETS[method]
    if reset == "soft" and array(module.p.v_leak).any():
        raise NodeError("it subtracts v_th but rests at a v_leak that is not 0", "use v_leak=0 or reset_value")
    return _made(draft, name, module, _spiking(module, reset), _rule(module, reset), signal, states)


@reads("norse.LIFRecurrentCell")
def recurrent_lif(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    """LIFCell between its own input weights and those from its spikes of the step before."""
    arriving = draft.add(f"{name}.input_weights", nir.Linear(array(module.input_weights)), signal,
                         shape=(int(module.hidden_size),))  # fmt: skip
    given = _made(draft, name, module, _spiking(module, "hard"), _rule(module, "hard"), arriving, states)
    back = draft.add(f"{name}.recurrent_weights", nir.Linear(array(module.recurrent_weights)), given[0])
    draft.edges.append((back.sources[0], given[0].sources[0]))
    return given


@reads("norse.IAFCell")
def integrate_and_fire(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    membrane = Membrane(1.0, 1.0, array(module.p.v_th) - array(module.p.v_reset))
    return _made(draft, name, module, membrane, _rule(module, "hard"), signal, states)


@reads("norse.LICell", "norse.LIBoxCell")
def leaky_integrator(draft: Draft, name: str, module: Any, signal: Signal, *states: object) -> Any:
    """It gives its membrane potential."""
    if array(module.p.v_leak).any():
        raise NodeError("its potential is what leaves it, and starts at a v_leak that is not 0", "use v_leak=0")
    part = array(module.dt * module.p.tau_mem_inv)
    membrane = Membrane(1 - part, part, current_keep=_current(module))
    return _made(draft, name, module, membrane, _rule(module), signal, states)


def _spiking(module: Any, reset: str) -> Membrane:
    p, part = module.p, array(module.dt * module.p.tau_mem_inv)
    rest = array(p.v_leak)
    reset_value = array(p.v_reset) - rest if reset == "hard" else 0.0
    return Membrane(1 - part, part, array(p.v_th) - rest, reset_value, _current(module))


def _current(module: Any) -> Any:
    return 1 - array(module.dt * module.p.tau_syn_inv) if hasattr(module.p, "tau_syn_inv") else None


def _rule(module: Any, reset: str | None = None) -> Rule:
    """``reset`` None: it does not spike."""
    current_timing = "same_step" if hasattr(module.p, "tau_syn_inv") else None
    if reset is None:
        return Rule("norse", float(module.dt), current_timing=current_timing)
    return Rule("norse", float(module.dt), "greater", reset, "same_step", current_timing)


def _made(
    draft: Draft, name: str, module: Any, membrane: Membrane, rule: Rule, signal: Signal, states: tuple[object, ...]
) -> tuple[Signal, Potential]:
    hears_only(states)
    given = neurons(draft, name, membrane, rule, signal)
    return given, Potential(given.sources[0], given)
