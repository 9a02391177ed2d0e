"""SpikingJelly's neurons that NIR does not have, as nodes of Ranvier's models (:mod:`ranvier.golden.neurons`)."""

from typing import Any

import nir
import numpy as np

from ..readers.graph import NodeError
from .draft import Draft, Rule, Signal
from .extension import model_node
from .neurons import comparison
from .registry import reads
from .spikingjelly_neurons import DT_S, in_step
from .synapses import array


@reads("spikingjelly.KLIFNode")
def scaled(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """``h = v + (x - v) / tau``, ``f = relu(k * h)``; with ``decay_input=False`` it adds x whole."""
    if module.v_reset:
        raise NodeError(f"it starts at v_reset = {module.v_reset:g} and decays there", "use v_reset=0.0 or None")
    if module.scale_reset:
        raise NodeError("its reset is scaled by k", "use scale_reset=False")
    part = 1 / module.tau
    values = {"decay": 1 - part, "k": array(module.k), "v_threshold": module.v_threshold}
    values |= {"soft_reset": float(module.v_reset is None)}
    if module.decay_input:
        signal = draft.add(f"{name}.gain", nir.Scale(np.full(signal.shape, part)), signal)
    return _made(draft, name, module, "KLIF", values, signal)


@reads("spikingjelly.SlidingPSN")
def sliding(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """``h[t] = sum(weight[i] * x[t - k + 1 + i])``, ``s = h + bias >= 0``."""
    values = {"weight": array(module.weight).reshape(-1), "v_threshold": -array(module.bias)}
    return _made(draft, name, module, "SlidingPSN", values, signal)


@reads("spikingjelly.MaskedPSN")
def masked(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """``h = (weight * mask) x``, ``s = h + bias >= 0``, with the mask of order k."""
    if float(module.lambda_) < 1:
        reason = f"its mask is not closed yet: lambda_ is {float(module.lambda_):.3g}"
        raise NodeError(reason, "train until lambda_ is 1, or set it")
    values = {"weight": array(module.weight), "order": module.k, "v_thresholds": -array(module.bias).reshape(-1)}
    return _made(draft, name, module, "MaskedPSN", values, signal)


def _made(draft: Draft, name: str, module: Any, kind: str, values: dict[str, Any], signal: Signal) -> Signal:
    in_step(draft, module, signal)
    if comparison(module.surrogate_function) != "greater_equal":
        raise NodeError("its surrogate fires above the threshold alone", "use one of SpikingJelly's own")
    given = draft.add(name, model_node(kind, **values), signal, spikes=True)
    draft.rules[given.sources[0]] = Rule("spikingjelly", DT_S)
    return given
