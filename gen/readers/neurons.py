"""NIR's neurons in discrete time.

With ``a = dt/tau`` (Euler) or ``a = 1 - exp(-dt/tau)`` (exponential), NIR's equations become

    LI, LIF             v' = (1-a) v + a (v_leak + r x)
    CubaLI, CubaLIF     i' = (1-a_syn) i + a_syn w_in x        v' = (1-a) v + a (v_leak + r i)
    I, IF               v' = v + dt r x
    Threshold           v' = x

Where the file holds ``dt*tau`` (Norse), tau is divided by dt, and ``a_syn w_in x`` is ``w_in x``.
The current is kept as ``a r i``, so that it enters the membrane with gain 1; gains go into the weights.
"""

import numpy as np

from ..frameworks import TimeModel
from ..network import Neurons
from .graph import Node, NodeError
from .maps import Shape
from .nodes import Population, Stage, field, matched, size_of, translates

_PARAMETERS = {
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    "Threshold": ("threshold",),
}
_OPTIONAL = {"v_reset": 0.0, "w_in": 1.0}
_ROUNDING = 1e-6  # a tau this close to dt is dt: float32 files hold it to 1e-7
_SLOW_S = 1.0  # no neuron that steps by milliseconds remembers longer, unless its user says so


@translates(*_PARAMETERS)
def _neurons(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    values, shape = _parameters(node, shape)
    n = size_of(shape)
    zero, one = np.zeros(n), np.ones(n)
    keep = one  # of the membrane potential, and gain: what a unit of input adds to it
    gain, bias, current_keep = one, zero, None
    if node.type in ("I", "IF"):
        gain = values["r"] * (time.dt_s.value if time.integrator_gain.value == "dt" else 1.0)
    elif node.type != "Threshold":
        part = _share(node, values, "tau" if "tau" in values else "tau_mem", time)
        keep, gain, bias = 1 - part, part * values["r"], part * values["v_leak"]
        if "tau_syn" in values:
            part = _share(node, values, "tau_syn", time)
            whole = time.tau.value == "times_dt"
            current_keep, gain = 1 - part, gain * values["w_in"] * (1 if whole else part)
    else:
        keep = zero
    threshold = values.get("v_threshold", values.get("threshold"))
    forgets = threshold is None or node.type == "Threshold"  # nothing that a reset could change
    if threshold is not None and not forgets and time.reset.value == "hard":
        _check_reset(values["v_reset"], threshold)
    neurons = Neurons(
        membrane_decay=keep,
        threshold=threshold,
        reset_value=zero if forgets else values["v_reset"],
        membrane_bias=bias,
        current_decay=current_keep,
        comparison=time.comparison.value,
        reset="none" if forgets else time.reset.value,
        reset_timing="same_step" if forgets else time.reset_timing.value,
        current_timing=time.current_timing.value,
    )
    return Population(gain, neurons), shape


def _check_reset(reset: np.ndarray, threshold: np.ndarray) -> None:
    """Raises NodeError where a neuron that has fired would fire in every step."""
    above = np.flatnonzero(reset > threshold)
    if above.size:
        reason = f"its v_reset of {reset[above[0]]:.4g} is above its v_threshold of {threshold[above[0]]:.4g}"
        raise NodeError(reason, "set discretisation.reset to what the model does, or correct the values")


def _parameters(node: Node, shape: Shape | None) -> tuple[dict[str, np.ndarray], Shape]:
    """All parameters as float64 ``[neurons]``; a parameter of one value holds for all neurons."""
    for name in ("tau", "tau_mem", "tau_syn"):
        if np.isposinf(node.fields.get(name, 0)).any():
            remedy = "use a neuron without a leak (IF, I), or in snnTorch a beta or alpha slightly below 1"
            raise NodeError(f"its {name} is infinite, which leaves its gain r*dt/tau undefined", remedy)
    arrays = {name: field(node, name) for name in _PARAMETERS[node.type]}
    arrays |= {name: field(node, name) if name in node.fields else np.array(x) for name, x in _OPTIONAL.items()}
    sizes = {array.shape for array in arrays.values() if array.size != 1}
    if len(sizes) > 1:
        listed = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
        raise NodeError(f"its parameters differ in shape: {listed}", "give each neuron one value of each")
    if sizes:
        own = sizes.pop()
        if not size_of(own):
            raise NodeError("it has no neurons", "give each neuron one value of each parameter")
        matched(node, own, shape)
        shape = shape or own
    n = size_of(shape or (1,))
    return {name: np.broadcast_to(array.reshape(-1), n).copy() for name, array in arrays.items()}, shape or (1,)


def _share(node: Node, values: dict[str, np.ndarray], name: str, time: TimeModel) -> np.ndarray:
    """The part ``a`` of a step that a state with time constant ``name`` moves towards its input."""
    tau, dt = values[name], time.dt_s.value
    if tau.min() <= 0:
        raise NodeError(f"its {name} is {tau.min():g} s", "time constants must be greater than 0")
    if time.tau.value == "times_dt":
        tau = tau / dt
        if tau.max() > _SLOW_S and not time.tau.given:
            reason = f"its {name} of {values[name].max():.4g} would be {tau.max():.4g} s times the step of {dt:.4g} s"
            remedy = "set discretisation.tau = 'seconds', or 'times_dt' if it is meant"
            raise NodeError(reason, remedy)
    if time.method.value == "exponential":
        return -np.expm1(-dt / tau)
    if tau.min() < dt * (1 - _ROUNDING):
        reason = f"its {name} of {tau.min():.4g} s is shorter than the time step of {dt:.4g} s"
        remedy = "set discretisation.dt_s to the model's step, or method = 'exponential'"
        if time.tau.value == "seconds":
            remedy += "; for files of Norse's exporter set framework = 'norse'"
        raise NodeError(reason, remedy)
    return np.minimum(dt / tau, 1)
