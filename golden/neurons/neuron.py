"""What every neuron model is: formats, state, parameters, and one step, defined once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from ..fixed import Value, drive_range, signed_max, signed_min, signed_width

Format = tuple[int, bool]  # width in bits, signed


@dataclass(frozen=True)
class Field:
    """A parameter of a float model: it may be ``low`` to ``high``, and is ``default`` where a file leaves it out (None:
    a file must have it). ``whole``: no value for each neuron, but one array for all, as it is."""

    low: float
    high: float
    default: float | None = None
    whole: bool = False


@dataclass(frozen=True)
class Formats:
    """What a float model becomes integers of: bits of the membrane potential, and of the fraction of factors."""

    state_width: int
    fraction_bits: int


@dataclass(frozen=True)
class Inputs:
    """What a step starts from.

    ``integrated``: the integrator with the weights of the step's spikes and the bias, saturated to
    ``integrator_width``. ``state``: of :meth:`Neuron.states`. ``parameters``: of :meth:`Neuron.parameter_shapes`.
    ``noise``: a number of ``noise_width`` random bits, unsigned.
    """

    integrated: Value
    state: Mapping[str, Value]
    parameters: Mapping[str, Value]
    noise: Value = 0


@dataclass(frozen=True)
class Outputs:
    """What a step leaves: the ``integrator`` that the next step's weights are added to, the ``spike`` (a condition, or
    a number where ``levels`` is more than 1), the ``membrane`` potential at the end of the step as a user sees it,
    whether a state ``saturated``, and the other ``state``."""

    integrator: Value
    spike: Value
    membrane: Value
    saturated: Value = False
    state: Mapping[str, Value] = field(default_factory=dict)


class Neuron(ABC):
    """A neuron model; a frozen dataclass of its formats and options, which its hardware is built for.

    ``state_width``: signed bits of the membrane potential. ``bias_width``: signed bits of the ``bias`` that is added
    in every step. ``spiking``: False for a readout. ``levels``: greatest value of a spike; ``signed``: whether it may
    be negative. ``noise_width``: random bits that a neuron draws in a step, from the sequence that ``seed`` begins.
    A subclass registers itself under ``kind``, in ``NEURONS``; a NIR node of that type with the ``FIELDS``, each one
    value or one for each neuron, becomes it by :meth:`fitted`. ``EXAMPLE``: values that the table of models is made
    with.
    """

    kind: ClassVar[str]
    FIELDS: ClassVar[Mapping[str, Field]] = {}
    EXAMPLE: ClassVar[Mapping[str, float | tuple[float, ...]]] = {}
    state_width: int
    bias_width: int
    spiking: bool
    levels: int = 1
    signed: ClassVar[bool] = False
    noise_width: int = 0
    seed: int = 1

    def __init_subclass__(cls, kind: str | None = None) -> None:
        if kind is not None:
            cls.kind = kind
            NEURONS[kind] = cls

    @property
    def integrator_width(self) -> int:
        """Width in bits of the state that weights are added to, once a step has ended."""
        return self.state_width

    def states(self) -> dict[str, Format]:
        """Names of the other states, each with its format."""
        return {}

    def initial(self) -> dict[str, int]:
        """Of the states (and ``integrator``) that do not start from 0 what they start from."""
        return {}

    def initial_real(self) -> dict[str, float]:
        """The same of the float model, where nothing is rounded."""
        return dict(self.initial())

    @abstractmethod
    def parameter_shapes(self) -> dict[str, Format]:
        """Names of the parameters that the model reads, each with its format; ``bias`` is one of them."""

    @abstractmethod
    def step(self, given: Inputs) -> Outputs:
        """One time step; ``cut`` says where hardware puts registers."""

    def ranges(self) -> dict[str, tuple[int, int]]:
        """Of each parameter the least and the greatest value: all of its format, where a model does not say less."""
        return {name: range_of(form) for name, form in self.parameter_shapes().items()}

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Neuron", dict[str, np.ndarray]]:
        """The model for neurons of ``values``, and their parameters but for the bias, not yet rounded.

        ``values``: of each of ``FIELDS``, float64, ``[neurons]`` unless whole. ``scale``: units of the potential per
        unit of ``values``, ``[neurons]``. Raises ValueError for values that no such neuron has.
        """
        raise NotImplementedError(f"{cls.kind} has no FIELDS")

    def problem(self, parameters: Mapping[str, np.ndarray]) -> str | None:
        """Why ``parameters`` within their ranges are still none of this model, or None."""
        return None

    def with_bias(self, width: int) -> Self:
        """The same for biases of ``width`` bits."""
        return replace(self, bias_width=width)  # type: ignore[type-var]

    @property
    def state_bits(self) -> int:
        """All that one neuron keeps from step to step."""
        return self.integrator_width + sum(width for width, _ in self.states().values())

    @property
    def spike_width(self) -> int:
        """Bits of a spike's value."""
        return self.levels.bit_length() + self.signed

    def accumulator_range(self, fan_in: int, weight_width: int, negative: bool = False) -> tuple[int, int]:
        """Least and greatest sum of the integrator and the weights of ``fan_in`` spikes, the most of a step;
        ``negative``: they may be."""
        low, high = drive_range(fan_in, weight_width, negative)
        base = self.integrator_width
        return signed_min(base) + low, signed_max(base) + high

    def accumulator_width(self, fan_in: int, weight_width: int, negative: bool = False) -> int:
        """Width in bits of that sum, which therefore cannot overflow, whatever the weights."""
        return signed_width(*self.accumulator_range(fan_in, weight_width, negative))


def range_of(form: Format) -> tuple[int, int]:
    """Least and greatest number of a format."""
    width, signed = form
    return (signed_min(width), signed_max(width)) if signed else (0, (1 << width) - 1)


def one_number(what: str, values: np.ndarray) -> int:
    """The whole number that all neurons have. Raises ValueError where they differ, or it is none."""
    number = int(values.flat[0])
    if (values != number).any():
        raise ValueError(f"{what} must be one whole number for all neurons, not {values.min():g} to {values.max():g}")
    return number


NEURONS: dict[str, type[Neuron]] = {}


def parameter_error(
    model: Neuron, parameters: Mapping[str, np.ndarray], neurons: int, channels: int | None = None
) -> str | None:
    """Why ``parameters`` do not fit ``model``, or None: the names, shapes and ranges are checked."""
    legal = ((), (neurons,)) if channels in (None, neurons) else ((), (neurons,), (channels,))
    shapes = model.parameter_shapes()
    if parameters.keys() != shapes.keys():
        return f"Parameters must be {sorted(shapes)}, not {sorted(parameters)}"
    for name, (low, high) in model.ranges().items():
        array = parameters[name]
        if array.shape not in legal:
            return f"Parameter {name} must have shape {' or '.join(map(str, legal))}, not {array.shape}"
        if array.min() < low or array.max() > high:
            width, _ = shapes[name]
            return f"Parameter {name} must lie in {low}..{high} ({width} bits), not {array.min()}..{array.max()}"
    return model.problem(parameters)
