"""What cannot be trained is refused, in these words."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden import generator
from ranvier.golden.inference import run_program
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.product import exact_product
from ranvier.golden.train.bptt import TrainingState, forward, learn, run_batch, update
from ranvier.golden.train.loss import CountError, CrossEntropy, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Table, Triangle, table
from ranvier.golden.train.synapse import Convolution

from .setups import random_samples, random_setup, random_state

MODEL = Lif(12, Shift(2))
PARAMETERS = {"bias": 0, "threshold": 64, "reset_value": 0}
READOUT = Lif(12, Shift(2), spiking=False)
SQUARE = Convolution(1, 4, 4, 2, (3, 3))


def layer(name: str = "a", inputs: int = 4, neurons: int = 3, **changes) -> TrainedLayer:
    values = {"model": MODEL, "parameters": PARAMETERS, "surrogate": Rectangle(32)} | changes
    return TrainedLayer(name, inputs, neurons, **values)


def readout(inputs: int = 3, neurons: int = 2) -> TrainedLayer:
    return layer("out", inputs, neurons, model=READOUT, parameters={"bias": 0}, surrogate=None)


def setup(**changes) -> TrainingSetup:
    values = {
        "layers": (layer(), readout()), "loss": CrossEntropy(Softmax(2, 8)), "optimiser": Sgd(clip=127), "steps": 4,
        "weight_width": 8, "weight_fraction": 6,
    }  # fmt: skip
    return TrainingSetup("refused", **values | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": 0}, "Layer a must have inputs and neurons, not 0 and 3"),
        ({"neurons": -1}, "Layer a must have inputs and neurons, not 4 and -1"),
        ({"parameters": {"bias": 0}},
         "Layer a: Parameters must be ['bias', 'reset_value', 'threshold'], not ['bias']"),
        ({"parameters": PARAMETERS | {"threshold": 2048}},
         "Layer a: Parameter threshold must lie in -2048..2047 (12 bits), not 2048..2048"),
        ({"model": Lif(12, Keep(), Current(12, Keep())), "parameters": PARAMETERS | {"membrane_bias": 0}},
         "Layer a must have no synaptic current: it cannot be trained yet"),
        ({"surrogate": None}, "Layer a must have a surrogate if it spikes, and none if it does not"),
        ({"model": READOUT, "parameters": {"bias": 0}},
         "Layer a must have a surrogate if it spikes, and none if it does not"),
        ({"model": READOUT, "parameters": {"bias": 0}, "surrogate": None, "recurrent": True},
         "Layer a must spike to be recurrent"),
        ({"model": replace(MODEL, bias_width=4), "parameters": PARAMETERS | {"bias": 5}},
         "Layer a must have bias 0, not 5: biases are not trained"),
        ({"convolution": SQUARE},
         "Layer a must have the 16 inputs and 8 neurons of its convolution, not 4 and 3"),
        ({"inputs": 16, "neurons": 8, "convolution": SQUARE, "recurrent": True},
         "Layer a must be dense to be recurrent"),
    ],
)  # fmt: skip
def test_a_layer(changes, message):
    with pytest.raises(ValueError) as error:
        layer(**changes)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ()}, "A training setup must have at least one layer"),
        ({"layers": (layer(), readout(inputs=4))}, "Layer out must have 3 inputs, not 4"),
        ({"layers": (readout(), layer("b", 2, 2))}, "Layer out must spike: only the last layer may be a readout"),
        ({"steps": 0}, "Steps must be 2..256, not 0: there is nothing to propagate through time"),
        ({"steps": 1}, "Steps must be 2..256, not 1: there is nothing to propagate through time"),
        ({"steps": 257}, "Steps must be 2..256, not 257: there is nothing to propagate through time"),
        ({"batch": 0}, "Batch must be at least 1, not 0"),
        ({"weight_width": 1}, "Weight width must be 2..16 bits to be trained, not 1"),
        ({"weight_width": 17}, "Weight width must be 2..16 bits to be trained, not 17"),
        ({"weight_width": 7}, "Clip must be at most 63 (7 bits), not 127"),
        ({"weight_fraction": -1}, "Weight fraction must be 0..24 bits, not -1"),
        ({"weight_fraction": 25}, "Weight fraction must be 0..24 bits, not 25"),
        ({"gradient_width": 1}, "Gradient width must be 2..32 bits, not 1"),
        ({"gradient_width": 33}, "Gradient width must be 2..32 bits, not 33"),
        ({"layers": (layer(model=replace(MODEL, state_width=29)), readout()), "gradient_width": 32},
         "Layer a must have potentials and surrogate derivatives of at most 28 bits beside gradients of 32, not 29"),
        ({"layers": (layer(surrogate=Table((1 << 45,), 3, 45)), readout())},
         "Layer a must have potentials and surrogate derivatives of at most 44 bits beside gradients of 16, not 46"),
        ({"lanes": 0}, "Lanes must be at least 1, not 0"),
        ({"loss": CrossEntropy(Softmax(3, 8))}, "Layer out must have one neuron for each of the 3 classes, not 2"),
        ({"loss": CountError(2, 3)}, "Layer out must spike, for a loss on its counts"),
        ({"layers": (layer(neurons=2),)}, "Layer a must be a readout"),
    ],
)  # fmt: skip
def test_a_setup(changes, message):
    with pytest.raises(ValueError) as error:
        setup(**changes)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rectangle(0), "Half width of a rectangle must be at least 1, not 0"),
        (lambda: Triangle(3, 4), "Fraction bits of a triangle must be 0..3 (log2_half_width), not 4"),
        (lambda: Triangle(3, -1), "Fraction bits of a triangle must be 0..3 (log2_half_width), not -1"),
        (lambda: Table((), 1, 1), "Values of a surrogate table must be a power of two of non-negative integers"),
        (lambda: Table((1, 2, 3), 1, 1), "Values of a surrogate table must be a power of two of non-negative integers"),
        (lambda: Table((1, -2), 1, 1), "Values of a surrogate table must be a power of two of non-negative integers"),
        (lambda: table("tanh", 0, 64), "Slope of a surrogate must be positive and finite, not 0"),
        (lambda: table("tanh", float("inf"), 64), "Slope of a surrogate must be positive and finite, not inf"),
        (lambda: table("tanh", 5000, 64),
         "A surrogate of slope 5000 is 0 everywhere in steps of 0.03125: use a smaller slope"),
        (lambda: Softmax(1, 8), "Classes must be at least 2, not 1"),
        (lambda: Softmax(2, 3), "Unit bits of the softmax must be at least 4, not 3"),
        (lambda: Softmax(2, 12, 9), "Step bits of the softmax must be 0..8, not 9"),
        (lambda: Softmax(2, 12, -1), "Step bits of the softmax must be 0..8, not -1"),
        (lambda: Softmax(2, 8, entries=1), "Entries of the softmax must be at least 2, not 1"),
        (lambda: Softmax(2, 8, exponential_bits=3), "Exponential bits of the softmax must be 4..20, not 3"),
        (lambda: Softmax(2, 8, exponential_bits=21), "Exponential bits of the softmax must be 4..20, not 21"),
        (lambda: Softmax(2, 8, probability_bits=0), "Probability bits of the softmax must be 1..20, not 0"),
        (lambda: CountError(1, 3), "Classes must be at least 2, not 1"),
        (lambda: CountError(2, 3, gain_shift=-1), "Gain shift must be 0..20, not -1"),
        (lambda: CountError(2, 3, gain_shift=21), "Gain shift must be 0..20, not 21"),
        (lambda: Sgd(rate_shift=31), "Rate shift must be 0..30, not 31"),
        (lambda: Sgd(rate_shift=-1), "Rate shift must be 0..30, not -1"),
        (lambda: Sgd(rate_width=17), "Rate width must be 0..16 bits, not 17"),
        (lambda: Sgd(momentum_width=1), "Momentum width must be 2..32 bits, not 1"),
        (lambda: Sgd(momentum_width=33), "Momentum width must be 2..32 bits, not 33"),
        (lambda: Sgd(gradient_shift=-1), "Gradient shift must be 0..30, not -1"),
        (lambda: Sgd(clip=0), "Weights must be clipped to ±1 or more, not ±0"),
        (lambda: Sgd(Multiply(4), 17), "Momentum factor must be 0..16 (4 fraction bits), not 17"),
        (lambda: generator.seeded(0, 2), "Seed of the generators must be 1..4294967295, not 0"),
        (lambda: generator.seeded(1 << 32, 2), "Seed of the generators must be 1..4294967295, not 4294967296"),
        (lambda: exact_product(np.array([[1 << 30]]), np.array([[1 << 23]])),
         f"Product of integers must stay below 2**53, not {1 << 53}"),
        (lambda: Convolution(0, 4, 4, 2, (3, 3)),
         "Channels, height, width and filters of a convolution must be at least 1, not (0, 4, 4, 2)"),
        (lambda: Convolution(1, 4, 4, 2, (3, 3), (0, 1)),
         "Kernel and stride of a convolution must be at least 1 and its padding at least 0, "
         "not (3, 3), (0, 1) and (0, 0)"),
        (lambda: Convolution(1, 4, 4, 2, (3, 3), padding=(0, -1)),
         "Kernel and stride of a convolution must be at least 1 and its padding at least 0, "
         "not (3, 3), (1, 1) and (0, -1)"),
        (lambda: Convolution(1, 4, 4, 2, (3, 7), padding=(0, 1)),
         "Kernel of a convolution must fit the padded input (4, 6), not (3, 7)"),
    ],
)  # fmt: skip
def test_a_part(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_samples_and_labels():
    made = setup(batch=3)
    state = TrainingState.fresh(made, 1)
    spikes = np.zeros((3, 4, 4), bool)
    cases = [
        (spikes[:, :3], [0, 1, 0], ValueError, "Stimulus must have shape [samples, 4, 4], not [3, 3, 4]"),
        (spikes[0], [0, 1, 0], ValueError, "Stimulus must have shape [samples, 4, 4], not [4, 4]"),
        (spikes, [0, 1, 2], ValueError, "Labels must be 0..1, not 0..2"),
        (spikes, [0, -1, 1], ValueError, "Labels must be 0..1, not -1..1"),
        (spikes, [1], ValueError, "Labels must have shape [3], not [1]"),
        (spikes, [[0, 1, 0]], ValueError, "Labels must have shape [3], not [1, 3]"),
        (spikes, [0.0, 1.0, 0.5], TypeError, "Labels must be integers, not float64"),
    ]
    for stimulus, labels, kind, message in cases:
        with pytest.raises(kind) as error:
            run_batch(made, state.weights, stimulus, np.array(labels))
        assert str(error.value) == message
    learn(made, state, spikes[:2], np.array([0, 1], np.uint8))
    with pytest.raises(ValueError) as error:
        learn(made, state, spikes[:2], np.array([0, 1]))
    assert str(error.value) == "A batch must have at most 3 samples, not 4"
    assert state.pending == 2


@pytest.mark.parametrize(
    ("optimiser", "rate", "message"),
    [
        (Sgd(clip=127), 0, "Rate must be 1 for an optimiser of rate width 0, not 0"),
        (Sgd(clip=127), 2, "Rate must be 1 for an optimiser of rate width 0, not 2"),
        (Sgd(clip=127, rate_width=3), 8, "Rate must be 0..7, not 8"),
        (Sgd(clip=127, rate_width=3), -1, "Rate must be 0..7, not -1"),
    ],
)
def test_rates(optimiser, rate, message):
    made = setup(optimiser=optimiser)
    state = TrainingState.fresh(made, 1)
    before = [matrix.copy() for matrix in state.weights]
    with pytest.raises(ValueError) as error:
        update(made, state, rate)
    assert str(error.value) == message
    for matrix, kept in zip(state.weights, before, strict=True):
        np.testing.assert_array_equal(matrix, kept)


def test_a_rate_of_0_moves_nothing_but_the_momentum():
    made = setup(optimiser=Sgd(clip=127, rate_width=3))
    state = TrainingState.fresh(made, 1)
    before = [matrix.copy() for matrix in state.weights]
    state.gradient[0][:] = 1000
    update(made, state, 0)
    np.testing.assert_array_equal(state.weights[0], before[0])
    assert state.momentum[0].all()


@pytest.mark.parametrize("seed", range(10))
def test_a_trained_network_is_a_program_that_does_the_same(seed):
    rng = np.random.default_rng(seed)
    convolutions = (Convolution(2, 4, 3, 2, (2, 3), (1, 2), (1, 1)),) if seed % 2 else ()
    sizes = [convolutions[0].inputs, convolutions[0].neurons, 5] if convolutions else [7, 6, 5]
    made = random_setup(rng, sizes, recurrent=seed % 4 == 2, convolutions=convolutions)
    weights = random_state(rng, made).weights
    spikes, _ = random_samples(rng, made, 8)
    updates = 0
    for ran, wanted in zip(run_program(made.program(weights), spikes), forward(made, weights, spikes), strict=True):
        np.testing.assert_array_equal(ran.spikes, wanted.spikes)
        np.testing.assert_array_equal(ran.saturations, wanted.saturations)
        updates += ran.spikes.size
    print(f"seed {seed}: {updates} updates")
    assert wanted.membrane.any()
