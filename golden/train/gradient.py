"""The arithmetic of backpropagation through one neuron and step, defined once.

With ``v`` the membrane potential before the reset, ``s`` the spike, ``a`` the leak and ``x'`` the surrogate
derivative (spatio-temporal backpropagation, Wu et al. 2018; here for every reset of :mod:`..neurons.lif`):

    gs[t] = g_out[t] - reset path                   gradient of the spike
    gv[t] = x' * gs[t] + a * gv[t+1] * (1 - s[t])   gradient of the membrane potential; a hard reset
    gv[t] = x' * gs[t] + a * gv[t+1]                a soft one, or none

The reset path is ``a * (v[t] - reset_value) * gv[t+1]`` of a hard reset, ``a * threshold * gv[t+1]`` of a soft one in
the same step and ``threshold * gv[t+1]`` of one in the next; a detached reset leaves it out. Products are
rounded to nearest, leaks towards zero, so that small gradients vanish rather than linger.
``gs`` is defined as 0 where the surrogate derivative is 0: it is not needed there, and hardware skips it.
"""

from ..fixed import Value, let, narrow, round_shift, select, truncate_shift
from ..neurons.leak import Decay, Keep, Multiply, Shift
from ..neurons.lif import Lif
from .surrogate import Surrogate


def through_leak(decay: Decay, value: Value, factor: Value) -> Value:
    """``value`` times the leak of ``decay``, rounded towards zero."""
    if isinstance(decay, Keep):
        return value
    if isinstance(decay, Shift):
        return truncate_shift(let(value * (1 << decay.amount) - value, "leak_product"), decay.amount)
    assert isinstance(decay, Multiply)  # no training has leaks by several shifts
    return truncate_shift(let(value * factor, "leak_product"), decay.fraction_bits)


def scaled(value: Value, fraction_bits: int) -> Value:
    """``value / 2**fraction_bits``, rounded to nearest; a negative number of bits multiplies."""
    return round_shift(value, fraction_bits) if fraction_bits >= 0 else value * (1 << -fraction_bits)


def reset_path(
    model: Lif,
    v: Value,
    gv_next: Value,
    leaked: Value,
    threshold: Value,
    reset_value: Value,
    weight_fraction: int,
) -> Value:
    """What the spike's gradient loses through the reset, in the format of gradients."""
    if not model.spiking or model.reset == "none":
        return 0
    if model.reset == "hard":
        product = leaked * (v - reset_value)
    else:
        product = (leaked if model.reset_timing == "same_step" else gv_next) * threshold
    return round_shift(let(product, "reset_product"), weight_fraction)


def spike_gradient(arrived: Value, lost: Value, derivative: Value, width: int) -> tuple[Value, Value]:
    """``gs`` of ``width`` bits from the gradient that ``arrived`` and what the reset path ``lost``; whether it
    saturated."""
    gs, overflow = narrow(arrived - lost, width, "spike_gradient_sum")
    needed = derivative != 0
    return let(select(needed, gs, 0), "spike_gradient", width), overflow & needed


def membrane_gradient(
    model: Lif, surrogate: Surrogate, gs: Value, derivative: Value, leaked: Value, spike: Value, width: int
) -> tuple[Value, Value]:
    """``gv`` of ``width`` bits, and whether it saturated. ``leaked``: the leak times ``gv[t+1]``.

    A derivative of one bit needs no product: ``gs`` is 0 already where it is 0.
    """
    carried = select(spike, 0, leaked) if model.spiking and model.reset == "hard" else leaked
    product = gs if surrogate.width == 1 else let(gs * derivative, "surrogate_product")
    through_spike = scaled(product, surrogate.fraction_bits)
    return narrow(through_spike + carried, width, "membrane_gradient")


def traced_gradient(gv: Value, leaked: Value, width: int) -> tuple[Value, Value]:
    """What the weights' gradient takes of a step under OTTT; and whether it saturated.

    OTTT multiplies ``gv[t]`` by the axon's leaky trace ``a[t] = leak * a[t-1] + s[t]``. The sum over the steps is the
    same if, instead, the spike is multiplied by ``gv[t] + leak * (the same of t+1)``, which this is: no product is
    needed.
    """
    return narrow(gv + leaked, width, "traced_gradient")


def readout_gradient(arrived: Value, leaked: Value, width: int) -> tuple[Value, Value]:
    """``gv`` of a leaky integrator that never fires."""
    return narrow(arrived + leaked, width, "membrane_gradient")
