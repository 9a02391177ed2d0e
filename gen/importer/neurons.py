"""What all frameworks' neurons become: nodes of NIR that the reader turns back into the very same numbers.

Neurons keep ``keep`` of their membrane potential in a step and add ``gain`` times their input. NIR has these as
``1 - dt/tau`` and ``r * dt/tau``. Potentials are counted from where they start, as the network starts at 0.
"""

from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np
import torch

from ..readers.graph import NodeError
from .draft import Draft, Potential, Rule, Shape, Signal, StateInput
from .synapses import array

_PROBES = (-0.5, 0.0, 0.5)  # potentials above the threshold
_COMPARISONS = {(0.0, 0.0, 1.0): "greater", (0.0, 1.0, 1.0): "greater_equal"}


@dataclass(frozen=True, eq=False)
class Membrane:
    """Values for each neuron, or one for all. ``current_keep``: of a synaptic current before the membrane.

    ``threshold`` None: it does not spike, and gives its potential.
    """

    keep: Any
    gain: Any = 1.0
    threshold: Any = None
    reset_value: Any = 0.0
    current_keep: Any = None


def neurons(draft: Draft, name: str, membrane: Membrane, rule: Rule, *signals: Signal) -> Signal:
    """Enter neurons behind the sum of ``signals``. Raises NodeError."""
    shape = signals[0].shape
    node = _node(membrane, rule, shape)
    given = draft.add(name, node, *signals, spikes=membrane.threshold is not None)
    draft.rules[given.sources[0]] = rule
    return given


def readout(draft: Draft, potential: Potential) -> Signal:
    """Make of neurons whose membrane potential leaves the network such that do not spike. Raises NodeError."""
    name, node = potential.node, draft.nodes[potential.node]
    if draft.rules[name].reset != "none":
        reason = "its membrane potential leaves the network, but spikes reset it"
        raise NodeError(reason, "use reset_mechanism='none', or return the spikes")
    if draft.after(name):
        raise NodeError("both its membrane potential and its spikes are used", "use one of them")
    kinds: dict[type, type] = {nir.IF: nir.I, nir.LIF: nir.LI, nir.CubaLIF: nir.CubaLI}
    fields = {key: value for key, value in vars(node).items() if key in kinds[type(node)].__annotations__}
    draft.nodes[name] = kinds[type(node)](**fields)
    draft.rules[name] = replace(draft.rules[name], comparison=None, reset=None, reset_timing=None)
    return replace(potential.signal, spikes=False)


def comparison(surrogate: Any) -> str:
    """Of a function that fires: greater, or greater_equal. Raises NodeError."""
    with torch.no_grad():
        fired = tuple(surrogate(torch.tensor(_PROBES)).tolist())
    found = _COMPARISONS.get(fired)
    if found is None:
        reason = f"its surrogate gives {list(fired)} for potentials {list(_PROBES)} above the threshold"
        raise NodeError(reason, "use one that gives 0 below the threshold and 1 above it")
    return found


def hears_only(states: tuple[object, ...]) -> None:
    """See to it that states come from the step before. Raises NodeError."""
    if not all(state is None or isinstance(state, StateInput) for state in states):
        reason = "its state does not come from the step before"
        raise NodeError(reason, "give the forward of one step, which takes states as parameters, or init_hidden=True")


def _node(membrane: Membrane, rule: Rule, shape: Shape) -> nir.NIRNode:
    keep, gain = _spread(membrane.keep, shape), _spread(membrane.gain, shape)
    spiking = {}
    if membrane.threshold is not None:
        spiking = {
            "v_threshold": _spread(membrane.threshold, shape), "v_reset": _spread(membrane.reset_value, shape)
        }  # fmt: skip
    if membrane.current_keep is None and np.all(keep == 1):
        whole = rule.framework == "norse"  # gen.frameworks: its integrators add r, the others' r * dt
        r = gain if whole else _factor(gain, np.full(shape, rule.dt_s))
        return nir.IF(r=r, **spiking) if spiking else nir.I(r=r)
    tau, part = _time_constant(keep, rule.dt_s)
    r, leak = _factor(gain, part), np.zeros(shape)
    if membrane.current_keep is None:
        return nir.LIF(tau, r, leak, **spiking) if spiking else nir.LI(tau, r, leak)
    tau_syn, part = _time_constant(_spread(membrane.current_keep, shape), rule.dt_s)
    w_in = _factor(np.ones(shape), part)
    if spiking:
        return nir.CubaLIF(tau_syn=tau_syn, tau_mem=tau, r=r, v_leak=leak, w_in=w_in, **spiking)
    return nir.CubaLI(tau_syn=tau_syn, tau_mem=tau, r=r, v_leak=leak, w_in=w_in)


def _spread(values: Any, shape: Shape) -> np.ndarray:
    """``values`` for each neuron of ``shape``. Raises NodeError."""
    values = array(values)
    while values.ndim > len(shape) and values.shape[0] == 1:
        values = values[0]
    try:
        return np.broadcast_to(values, shape).copy()
    except ValueError:
        reason = f"a parameter of shape {list(values.shape)} is for other neurons than its {list(shape)}"
        raise NodeError(reason, "give one value, or one for each neuron") from None


def _time_constant(keep: np.ndarray, dt_s: float) -> tuple[np.ndarray, np.ndarray]:
    """tau in seconds, and ``dt/tau`` as the reader will compute it. Raises NodeError."""
    if np.any((keep >= 1) | (keep < 0)):
        wrong = float(keep[(keep >= 1) | (keep < 0)][0])
        reason = f"it keeps {wrong:.4g} of a state in a step"
        raise NodeError(reason, "use a factor of at least 0 and below 1, or neurons that all keep the whole")
    tau = dt_s / (1 - keep)
    return tau, np.minimum(dt_s / tau, 1)


def _factor(product: np.ndarray, by: np.ndarray) -> np.ndarray:
    """``x`` with ``x * by == product``, to the bit where a number near the quotient does it."""
    x = np.asarray(product / by)
    for direction in (np.inf, -np.inf):
        near = np.nextafter(x, direction)
        x = np.asarray(np.where((x * by != product) & (near * by == product), near, x))
    return x
