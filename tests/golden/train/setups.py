"""Random training setups that reach every option, narrow enough for potentials, gradients and momenta to saturate."""

from itertools import pairwise

import numpy as np

from ranvier.golden.fixed import signed_max, signed_min
from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.bptt import TrainingState
from ranvier.golden.train.loss import CountError, CrossEntropy, Loss, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Surrogate, Table, Triangle
from ranvier.golden.train.synapse import Convolution

DECAYS: tuple[Decay, ...] = (Keep(), Shift(0), Shift(1), Shift(3), Multiply(1), Multiply(7))
SURROGATES: tuple[Surrogate, ...] = (
    Rectangle(40),
    Rectangle(90, -1),
    Triangle(7),
    Triangle(6, 0),
    Table((70, 60, 33, 12, 9, 4, 0, 1), 4, 6),
    Table((1,), 7, 0),
)


def pick(rng: np.random.Generator, options):
    return options[rng.integers(len(options))]


def random_layer(
    rng: np.random.Generator, name: str, inputs: int, neurons: int, *, spiking: bool, recurrent: bool, **options
) -> TrainedLayer:
    """A layer with options drawn at random, but for those of ``Lif`` and the ``surrogate`` in ``options``."""
    surrogate = options.pop("surrogate", None) or pick(rng, SURROGATES)
    convolution = options.pop("convolution", None)
    drawn = {
        "membrane_decay": pick(rng, DECAYS),
        "comparison": pick(rng, ["greater", "greater_equal"]),
        "reset": pick(rng, ["hard", "soft", "none"]),
        "reset_timing": pick(rng, ["same_step", "next_step"]),
    }
    model = Lif(int(rng.integers(8, 12)), spiking=spiking, **drawn | options)
    values = {"bias": 0, "threshold": int(rng.integers(0, 120)), "reset_value": int(rng.integers(-40, 40))}
    decay = model.membrane_decay
    if isinstance(decay, Multiply):
        values["membrane_factor"] = int(rng.integers(0, (1 << decay.fraction_bits) + 1))
    parameters = {name: values[name] for name in model.parameter_shapes()}
    return TrainedLayer(
        name, inputs, neurons, model, parameters, surrogate if spiking else None, recurrent, convolution
    )


def random_loss(rng: np.random.Generator, classes: int, *, counts: bool) -> Loss:
    if counts:
        return CountError(classes, int(rng.integers(1, 4)), int(rng.integers(0, 2)), int(rng.integers(2, 8)))
    bits = {"exponential_bits": int(rng.integers(4, 14)), "probability_bits": int(rng.integers(4, 12))}
    step_bits = int(rng.integers(0, 5))
    softmax = Softmax(classes, int(rng.integers(step_bits, 8)), step_bits, int(rng.integers(2, 60)), **bits)
    return CrossEntropy(softmax, every_step=bool(rng.integers(2)))


def random_optimiser(rng: np.random.Generator, clip: int) -> Sgd:
    decay = pick(rng, DECAYS)
    factor = int(rng.integers(0, (1 << decay.fraction_bits) + 1)) if isinstance(decay, Multiply) else 0
    return Sgd(
        decay,
        factor,
        gradient_shift=int(rng.integers(0, 4)),
        momentum_width=int(rng.integers(9, 18)),
        rate_width=pick(rng, [0, 0, 5]),
        rate_shift=int(rng.integers(0, 12)),
        stochastic=bool(rng.integers(2)),
        clip=int(rng.integers(clip // 2, clip + 1)),
    )


def random_setup(
    rng: np.random.Generator,
    sizes: list[int],
    *,
    readout: bool | None = None,
    recurrent: bool | None = None,
    convolutions: tuple[Convolution, ...] = (),
    reset_path: str | None = None,
    temporal: bool | None = None,
    **options,
) -> TrainingSetup:
    """Layers of ``sizes[k]`` inputs and ``sizes[k + 1]`` neurons; what is None, and what ``options`` of
    :func:`random_layer` leave open, is drawn. ``convolutions``: the synapses of the first layers."""
    readout = bool(rng.integers(2)) if readout is None else readout
    temporal = bool(rng.integers(2)) if temporal is None else temporal
    weight_width = int(rng.integers(6, 11))
    layers = []
    for index, (inputs, neurons) in enumerate(pairwise(sizes)):
        spiking = not (readout and index == len(sizes) - 2)
        here = convolutions[index] if index < len(convolutions) else None
        wanted = bool(rng.integers(2)) if recurrent is None else recurrent
        own = spiking and wanted and here is None
        layers.append(
            random_layer(rng, f"l{index}", inputs, neurons, spiking=spiking, recurrent=own, convolution=here, **options)
        )
    return TrainingSetup(
        "random",
        tuple(layers),
        random_loss(rng, sizes[-1], counts=not readout),
        random_optimiser(rng, signed_max(weight_width)),
        steps=int(rng.integers(2, 6)),
        batch=int(rng.integers(3, 6)),
        weight_width=weight_width,
        weight_fraction=int(rng.integers(3, 8)),
        gradient_width=int(rng.integers(6, 13)),
        reset_path=reset_path or pick(rng, ["exact", "detached"]),
        temporal=temporal,
        traces=bool(rng.integers(2)) and not temporal,
        lanes=int(rng.integers(1, 6)),
    )


def random_state(rng: np.random.Generator, setup: TrainingSetup) -> TrainingState:
    """Weights and momenta over their whole range; the generators of a random seed."""
    state = TrainingState.fresh(setup, int(rng.integers(1, 1 << 16)))
    clip, width = setup.optimiser.clip, setup.optimiser.momentum_width
    state.weights = [rng.integers(-clip, clip + 1, matrix.shape) for matrix in state.weights]
    low, high = signed_min(width), signed_max(width)
    state.momentum = [rng.integers(low, high + 1, matrix.shape) for matrix in state.weights]
    return state


def random_samples(rng: np.random.Generator, setup: TrainingSetup, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Input spikes and labels."""
    spikes = rng.random((samples, setup.steps, setup.inputs)) < rng.uniform(0.2, 0.7)
    return spikes, rng.integers(0, setup.classes, samples)
