"""What each framework means by a NIR file: the discretisation that the file itself does not carry.

NIR describes continuous time; a simulator chose a step, a method, a comparison and a reset when the network
was trained. The defaults below were read from the sources of nir 1.0.8, snnTorch 1.0.0, Norse 1.1.0,
SpikingJelly 2.0.0 and sinabs 3.1.
"""

from dataclasses import dataclass, fields, replace
from typing import Generic, Literal, TypeVar

from ranvier.golden.neurons.lif import Comparison, CurrentTiming, Reset, ResetTiming

from .config import Discretisation

Method = Literal["euler", "exponential"]
T = TypeVar("T")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A value and why it was taken; ``given``: by the user, not by the framework."""

    value: T
    reason: str
    given: bool = False


@dataclass(frozen=True)
class TimeModel:
    """A discretisation without gaps; ``integrator_gain``: IF and I add ``dt*r*x`` or ``r*x`` in a step.

    ``tau``: with ``times_dt`` the file holds ``dt*tau``, and a synaptic current adds ``w_in*x`` in a step.
    """

    dt_s: Choice[float]
    method: Choice[Method]
    comparison: Choice[Comparison]
    reset: Choice[Reset]
    reset_timing: Choice[ResetTiming]
    current_timing: Choice[CurrentTiming]
    integrator_gain: Choice[Literal["dt", "one"]] = Choice("dt", "NIR's dv/dt = r*I over one step")
    tau: Choice[Literal["seconds", "times_dt"]] = Choice("seconds", "NIR's unit of time constants")

    def notes(self) -> tuple[str, ...]:
        """One line for each choice, with its reason."""
        choices = {field.name: getattr(self, field.name) for field in fields(self)}
        return tuple(f"{name} = {choice.value}: {choice.reason}" for name, choice in choices.items())


FRAMEWORKS: dict[str, TimeModel] = {
    "nir": TimeModel(
        dt_s=Choice(1e-4, "NIR gives none; the exporters of snnTorch and SpikingJelly take 1e-4"),
        method=Choice("euler", "NIR gives none; what snnTorch, Norse and SpikingJelly compute"),
        comparison=Choice("greater", "NIR's equations say v > v_threshold"),
        reset=Choice("hard", "NIR's equations set v to v_reset"),
        reset_timing=Choice("same_step", "NIR's equations reset with the spike"),
        current_timing=Choice("same_step", "NIR gives none; an input spike reaches the membrane at once"),
    ),
    "snntorch": TimeModel(
        dt_s=Choice(1e-4, "the exporter writes tau = 1e-4 / (1 - beta)"),
        method=Choice("euler", "the exporter writes tau = dt / (1 - beta), so 1 - dt/tau gives beta back"),
        comparison=Choice("greater", "the surrogates fire at mem - threshold > 0"),
        reset=Choice("soft", "Leaky's default is reset_mechanism='subtract'; the file does not say"),
        reset_timing=Choice("next_step", "Leaky's default is reset_delay=True; the file does not say"),
        current_timing=Choice("same_step", "Synaptic adds the new current to the membrane"),
    ),
    "norse": TimeModel(
        dt_s=Choice(1e-3, "the default dt of Norse's cells and of its from_nir"),
        method=Choice("euler", "the cells compute v + dt/tau * (v_leak - v + i)"),
        comparison=Choice("greater", "heaviside(v - v_th) is 1 above 0 only"),
        reset=Choice("hard", "the default of the cells is reset_value"),
        reset_timing=Choice("same_step", "the cells reset before they return"),
        current_timing=Choice("same_step", "the cells add the input to the current before the membrane reads it"),
        integrator_gain=Choice("one", "IAFCell adds its input whole, whatever dt; its exporter writes r = 1"),
        tau=Choice(
            "times_dt", "the exporter writes dt / tau_mem_inv, and no w_in though LIFCell adds its input whole to i"
        ),
    ),
    "spikingjelly": TimeModel(
        dt_s=Choice(1e-4, "the default of export_to_nir and import_from_nir"),
        method=Choice("euler", "LIFNode charges by (x - (v - v_reset)) / tau; the exporter writes tau * dt"),
        comparison=Choice("greater_equal", "the surrogates fire at v - v_threshold >= 0"),
        reset=Choice("hard", "the exporter refuses the soft reset"),
        reset_timing=Choice("same_step", "nodes charge, fire and reset in one step"),
        current_timing=Choice("same_step", "CUBALIFNode adds the new current to the membrane"),
    ),
    "sinabs": TimeModel(
        dt_s=Choice(1.0, "the exporter writes tau in time steps"),
        method=Choice("exponential", "the layers decay by exp(-1/tau)"),
        comparison=Choice("greater_equal", "a spike is v_mem // spike_threshold, or v_mem - spike_threshold >= 0"),
        reset=Choice("soft", "the default reset is MembraneSubtract; at most one spike a step is made here"),
        reset_timing=Choice("same_step", "the threshold is subtracted with the spike"),
        current_timing=Choice("same_step", "the layers add the new current to the membrane"),
    ),
}


def time_model(discretisation: Discretisation) -> TimeModel:
    """The framework's defaults, with what ``discretisation`` sets itself."""
    default = FRAMEWORKS[discretisation.framework]
    given = discretisation.model_dump(exclude={"framework"}, exclude_none=True)
    choices = {name: Choice(value, "set in the configuration", given=True) for name, value in given.items()}
    return replace(default, **choices)


def caveats(framework: str, model: TimeModel, current: bool) -> tuple[str, ...]:
    """Where ``framework`` itself does something that no discretisation here does; ``current``: CubaLIF neurons."""
    soft, same_step = model.reset.value == "soft", model.reset_timing.value == "same_step"
    if framework == "snntorch" and soft and same_step:
        return (
            "caveat: with reset_delay=False snnTorch lets a neuron that stays above its threshold after a "
            "spike fire again only from twice the threshold; here it fires from the threshold",
        )
    if framework == "snntorch" and current and model.reset.value == "hard" and not same_step:
        return (
            "caveat: Synaptic with reset_mechanism='zero' and reset_delay=True also drops the input of the "
            "step after a spike; here it is added",
        )
    if framework == "norse" and model.tau.value == "times_dt":
        return ("caveat: Norse's exporter leaves out v_reset and reset_method; here a spike resets to v_reset = 0",)
    if framework == "sinabs":
        return ("caveat: sinabs may emit several spikes in a step (MultiSpike); here a neuron emits one at most",)
    return ()
