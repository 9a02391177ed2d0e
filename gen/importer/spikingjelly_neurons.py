"""SpikingJelly's neurons: charge, fire at ``v >= v_threshold``, reset, all in one step.

``v_reset`` None is the soft reset. A leak leads to ``v_reset``, where potentials start; they are counted from there.
"""

from dataclasses import replace
from typing import Any

import nir

from ..readers.graph import NodeError
from .draft import MULTI, SINGLE, Draft, Rule, Signal
from .neurons import Membrane, comparison, neurons
from .registry import read_module, reads
from .synapses import array, biased

DT_S = 1e-4  # SpikingJelly has no seconds; the default of its exporter


@reads("spikingjelly.IFNode", "spikingjelly.SimpleIFNode")
def integrate_and_fire(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    return _made(draft, name, module, 1.0, 1.0, signal)


@reads("spikingjelly.LIFNode", "spikingjelly.SimpleLIFNode")
def leaky(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """``v' = v + (x - (v - v_reset)) / tau``; with ``decay_input=False`` it adds x whole."""
    part = 1 / module.tau
    return _made(draft, name, module, 1 - part, part if module.decay_input else 1.0, signal)


@reads("spikingjelly.ParametricLIFNode")
def parametric(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """A LIFNode with ``1/tau = sigmoid(w)``."""
    part = module.w.sigmoid()
    return _made(draft, name, module, 1 - part, part if module.decay_input else 1.0, signal)


@reads("spikingjelly.CUBALIFNode")
def current_based(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """``c' = c_decay * c + x``, ``v' = v_decay * v + c'``."""
    if module.v_reset:
        raise NodeError(f"it starts at v_reset = {module.v_reset:g} and decays to 0", "use v_reset=0.0 or None")
    return _made(draft, name, module, module.v_decay, 1.0, signal, module.c_decay)


@reads("spikingjelly.LinearRecurrentContainer")
def recurrent(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """Neurons that hear ``rc`` of the signal and of their spikes of the step before, one behind the other."""
    weights, inputs = array(module.rc.weight), signal.shape[-1]
    shape = (len(weights),)
    drive = draft.add(
        f"{name}.rc", nir.Affine(weights[:, :inputs], biased(module.rc, len(weights))), signal, shape=shape
    )
    given: Signal = read_module(draft, f"{name}.sub_module", module.sub_module, replace(drive, lead=SINGLE))
    back = draft.add(f"{name}.back", nir.Linear(weights[:, inputs:]), given, shape=shape)
    draft.edges.append((back.sources[0], given.sources[0]))
    return replace(given, lead=signal.lead)


def in_step(draft: Draft, module: Any, signal: Signal) -> None:
    """See to it that ``module`` takes steps as it gets them. Raises NodeError."""
    multi = module.step_mode == "m"
    if signal.lead != (MULTI if multi else SINGLE):
        seen = "steps and samples as one axis" if len(signal.lead) < 2 else "all steps as one axis of samples"
        reason = f"its step_mode is '{module.step_mode}', and it gets " + ("a step" if draft.lead == SINGLE else seen)
        raise NodeError(reason, "set one step_mode for all (functional.set_step_mode)")


def _made(
    draft: Draft, name: str, module: Any, keep: Any, gain: Any, signal: Signal, current_keep: Any = None
) -> Signal:
    in_step(draft, module, signal)
    hard = module.v_reset is not None
    rest = module.v_reset if hard else 0.0
    membrane = Membrane(keep, gain, module.v_threshold - rest, 0.0, current_keep)
    rule = Rule("spikingjelly", DT_S, comparison(module.surrogate_function), "hard" if hard else "soft", "same_step",
                None if current_keep is None else "same_step")  # fmt: skip
    return neurons(draft, name, membrane, rule, signal)
