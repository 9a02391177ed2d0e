"""From the units of the ``[training]`` table to integers: formats, thresholds, surrogates, rates."""

import math
from dataclasses import dataclass
from itertools import pairwise

from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.loss import CountError, CrossEntropy, Loss, Softmax
from ranvier.golden.train.optimiser import MAX_RATE_SHIFT, Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Surrogate, Triangle, table
from ranvier.hw.train.config import TrainerConfig

from ..errors import RanvierError
from .config import OptimiserSettings, Training

_MAX_SHIFT = 15
_MAX_ARRIVAL = 53  # bits that golden computes exactly with
_COUNT_GAIN = 8  # fraction bits of the gradient of spike counts


@dataclass(frozen=True)
class RatePlan:
    """The optimiser's factor over the run: ``top`` times the schedule."""

    top: int
    epochs: int
    settings: OptimiserSettings

    def rate(self, epoch: int, share: float) -> int:
        """The factor in ``epoch`` (from 0), of whose samples a ``share`` (0 … 1) has been learned from.

        A factor that is not 0 stays at least 1.
        """
        schedule = self.settings.schedule
        if isinstance(schedule, list):
            factor = schedule[int((epoch + share) / self.epochs * len(schedule))]
        else:
            changes = self.settings.changes
            done = (epoch * changes + int(share * changes)) / (self.epochs * changes)
            factor = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[schedule]
        return max(round(self.top * factor), 1) if factor > 0 else 0


def trainer_config(name: str, training: Training) -> TrainerConfig:
    """The integers of ``training``, and the hardware for them. Raises RanvierError."""
    try:
        setup = _setup(name, training)
        widest = max(setup.arrival_width(index) for index in range(len(setup.layers)))
        if widest > _MAX_ARRIVAL:
            raise ValueError(
                f"sums of weights times gradients need {widest} bits, more than {_MAX_ARRIVAL}; set a smaller"
                " formats.gradient_width or weight_width"
            )
        return TrainerConfig(setup, overlap=training.overlap, recompute=training.recompute)
    except ValueError as error:
        raise RanvierError(f"Training {name}: {error}") from None


def rate_plan(name: str, training: Training) -> RatePlan:
    """The optimiser's factors. Raises RanvierError where the rate does not fit."""
    top, _ = _rate(name, training)
    return RatePlan(top, training.epochs, training.optimiser)


def _setup(name: str, training: Training) -> TrainingSetup:
    formats = training.formats
    return TrainingSetup(
        name,
        _layers(name, training),
        _loss(name, training),
        _optimiser(name, training),
        steps=training.steps,
        batch=training.batch,
        weight_width=formats.weight_width,
        weight_fraction=formats.weight_fraction,
        gradient_width=formats.gradient_width,
        reset_path=training.neurons.reset_path,
        temporal=training.propagation == "bptt",
        traces=training.propagation == "ottt",
        lanes=training.lanes,
    )


def _layers(name: str, training: Training) -> tuple[TrainedLayer, ...]:
    settings, formats = training.neurons, training.formats
    hidden = len(training.layers) - 2
    counting = training.loss.kind == "count_error"
    names = ["hidden"] if hidden == 1 else [f"hidden{number + 1}" for number in range(hidden)]
    names.append("classes" if counting else "readout")
    beyond = [number for number in training.recurrent if number > len(names)]
    if beyond:
        raise RanvierError(f"Training {name}: recurrent must name layers 1..{len(names)}, not {beyond[0]}")
    layers = []
    for number, (inputs, neurons) in enumerate(pairwise(training.layers), 1):
        spiking = counting or number < len(names)
        decay, factor = _decay(settings.leak if spiking else settings.readout_leak, formats.leak_fraction_bits)
        model = Lif(
            formats.state_width,
            decay,
            spiking=spiking,
            comparison=settings.comparison,
            reset=settings.reset,
            reset_timing=settings.reset_timing,
        )
        values = {"bias": 0, "threshold": _threshold(training), "reset_value": 0, "membrane_factor": factor}
        parameters = {key: values[key] for key in model.parameter_shapes()}
        surrogate = _surrogate(name, training) if spiking else None
        recurrent = number in training.recurrent
        layers.append(TrainedLayer(names[number - 1], inputs, neurons, model, parameters, surrogate, recurrent))
    return tuple(layers)


def _decay(kept: float, fraction_bits: int) -> tuple[Decay, int]:
    """The cheapest circuit that keeps this part of a value, and its factor where it multiplies."""
    factor = round(kept * (1 << fraction_bits))
    for part in (kept, factor / (1 << fraction_bits)):
        if part == 1:
            return Keep(), 0
        for amount in range(_MAX_SHIFT + 1):
            if part == 1 - 2.0**-amount:
                return Shift(amount), 0
    return Multiply(fraction_bits), factor


def _threshold(training: Training) -> int:
    return max(round(training.neurons.threshold * (1 << training.formats.weight_fraction)), 1)


def _surrogate(name: str, training: Training) -> Surrogate:
    settings, threshold = training.surrogate, _threshold(training)
    half = settings.width / 2 * threshold
    if settings.kind == "rectangle":
        return Rectangle(max(round(half), 1))
    if settings.kind == "triangle":
        log2 = _log2(half)
        if log2 is None:
            raise RanvierError(
                f"Training {name}: half the surrogate.width of a triangle must be a power of two in units of weights,"
                f" not {half:g}; with this threshold {2.0 ** round(math.log2(half)) * 2 / threshold:g} is"
            )
        return Triangle(log2, min(4, log2))
    return table(settings.kind, settings.slope, threshold)


def _loss(name: str, training: Training) -> Loss:
    settings, formats, classes = training.loss, training.formats, training.layers[-1]
    if settings.kind == "count_error":
        on = settings.on or max(training.steps * 3 // 4, 1)
        return CountError(classes, on, settings.off, _COUNT_GAIN)
    unit = settings.unit * (1 << formats.weight_fraction)
    unit_bits = _log2(unit)
    if unit_bits is None:
        raise RanvierError(f"Training {name}: loss.unit must be a power of two, not {settings.unit:g}")
    softmax = Softmax(classes, unit_bits, probability_bits=formats.probability_bits)
    return CrossEntropy(softmax, every_step=settings.kind == "tet")


def _log2(value: float) -> int | None:
    """The exponent of a power of two from 1 up, None of another number."""
    mantissa, exponent = math.frexp(value)
    return exponent - 1 if mantissa == 0.5 and exponent >= 1 else None


def _optimiser(name: str, training: Training) -> Sgd:
    settings, formats = training.optimiser, training.formats
    one, most = 1 << formats.weight_fraction, (1 << (formats.weight_width - 1)) - 1
    clip = most if settings.clip is None else round(settings.clip * one)
    if not 1 <= clip <= most:
        raise RanvierError(
            f"Training {name}: optimiser.clip must be {1 / one:g}..{most / one:g} ({formats.weight_width} bits,"
            f" {formats.weight_fraction} of them fraction), not {settings.clip:g}"
        )
    decay, factor = _decay(settings.momentum, formats.leak_fraction_bits)
    return Sgd(
        decay,
        factor,
        momentum_width=formats.momentum_width,
        rate_width=formats.rate_width,
        rate_shift=_rate(name, training)[1],
        stochastic=settings.stochastic,
        clip=clip,
    )


def _rate(name: str, training: Training) -> tuple[int, int]:
    """Factor and shift of the learning rate: the finest whose factor fits.

    A gradient of 1 is ``2**fraction`` integers for each of ``batch`` samples, potentials of ``unit`` are one of the
    loss's, and a weight of 1 is ``2**weight_fraction``.
    """
    settings, formats = training.optimiser, training.formats
    counting = training.loss.kind == "count_error"
    fraction = _COUNT_GAIN if counting else formats.probability_bits
    unit = 1.0 if counting else training.loss.unit
    factor = settings.rate * 2.0 ** (formats.weight_fraction - fraction) / (unit * max(training.batch, 1))
    least, largest = factor * 2.0**MAX_RATE_SHIFT, factor
    if formats.rate_width == 0:
        if settings.schedule != "constant":
            raise RanvierError(
                f"Training {name}: a rate without a multiplier (formats.rate_width = 0) cannot change; set"
                ' optimiser.schedule = "constant"'
            )
        shift = -round(math.log2(factor))
        if 0 <= shift <= MAX_RATE_SHIFT:
            return 1, shift
        largest, least = (2.0, 2.0) if shift < 0 else (0.0, 0.0)
    top = max((1 << formats.rate_width) - 1, 1)
    if round(largest) > top:
        raise RanvierError(
            f"Training {name}: optimiser.rate overflows: {settings.rate:g} becomes a factor of {factor:.4g},"
            f" more than {top} ({formats.rate_width} bits)"
        )
    if round(least) < 1:
        raise RanvierError(f"Training {name}: optimiser.rate vanishes: {settings.rate:g} becomes a factor of 0")
    shift = max(n for n in range(MAX_RATE_SHIFT + 1) if round(factor * 2.0**n) <= top)
    return round(factor * 2.0**shift), shift
