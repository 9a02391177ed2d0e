"""Convolutions: synapse by synapse against plain loops, and against torch's conv2d and its autograd, exactly."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch

from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.bptt import run_batch
from ranvier.golden.train.loss import CountError
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle
from ranvier.golden.train.synapse import Convolution, Dense

from .float_network import rectangle, weight_gradients
from .oracle_training import synapses
from .setups import random_samples, random_setup, random_state
from .test_oracle import EVERYTHING, compare_batch

SHAPES = [
    Convolution(channels, height, width, 3, kernel, stride, padding)
    for channels, (height, width), kernel, stride, padding in product(
        [1, 3], [(5, 4), (3, 7)], [(1, 1), (3, 2), (2, 3)], [(1, 1), (2, 1), (3, 2)], [(0, 0), (1, 2)]
    )
]
PLACED = TrainedLayer("placed", 1, 1, Lif(8, Keep(), spiking=False), {"bias": 0})


def placed(convolution: Convolution) -> TrainedLayer:
    """A layer of these synapses."""
    return TrainedLayer(
        "placed", convolution.inputs, convolution.neurons, PLACED.model, PLACED.parameters, convolution=convolution
    )


@pytest.mark.parametrize("convolution", SHAPES, ids=str)
def test_three_directions_equal_torch(convolution):
    rng = np.random.default_rng(SHAPES.index(convolution))
    weights = rng.integers(-(2**15), 2**15, convolution.weight_shape)
    spikes = rng.random((6, convolution.inputs)) < 0.5
    gradient = rng.integers(-(2**15), 2**15, (6, convolution.neurons))

    image = torch.from_numpy(spikes.reshape(6, convolution.channels, convolution.height, convolution.width)).double()
    shape = (convolution.filters, convolution.channels, *convolution.kernel)
    kernel = torch.from_numpy(weights.T.reshape(shape)).double().requires_grad_()
    image.requires_grad_()
    sums = torch.nn.functional.conv2d(image, kernel, stride=convolution.stride, padding=convolution.padding)
    assert sums.shape[2:] == convolution.out_shape
    sums.backward(torch.from_numpy(gradient).double().reshape(sums.shape))

    np.testing.assert_array_equal(convolution.drive(weights, spikes), sums.detach().flatten(1).numpy())
    np.testing.assert_array_equal(convolution.back(weights, gradient), image.grad.flatten(1).numpy())
    found = convolution.correlate(spikes, gradient)
    np.testing.assert_array_equal(found, kernel.grad.reshape(convolution.filters, -1).T.numpy())
    assert found.any()
    assert sums.any()


@pytest.mark.parametrize("convolution", SHAPES, ids=str)
def test_counts_of_synapses(convolution):
    """``fan_out`` and ``shares`` bound what plain loops find; without padding ``shares`` is met."""
    found = synapses(placed(convolution))
    reached, per_weight = Counter(source for source, *_ in found), Counter(place[2:] for place in found)
    assert len(found) == len(set(found))
    assert max(reached.values()) <= convolution.fan_out <= convolution.neurons
    assert {neuron for _, neuron, _, _ in found} <= set(range(convolution.neurons))
    assert max(per_weight.values()) <= convolution.shares
    if convolution.padding == (0, 0):
        assert set(per_weight.values()) == {convolution.shares}


def test_a_kernel_as_large_as_its_input_is_dense():
    rng = np.random.default_rng(0)
    convolution, dense = Convolution(2, 3, 4, 5, (3, 4)), Dense(24, 5)
    weights, spikes = rng.integers(-99, 99, (24, 5)), rng.random((7, 24)) < 0.5
    gradient = rng.integers(-99, 99, (7, 5))
    assert convolution.weight_shape == dense.weight_shape
    assert (convolution.fan_out, convolution.shares) == (dense.fan_out, dense.shares)
    np.testing.assert_array_equal(convolution.drive(weights, spikes), dense.drive(weights, spikes))
    np.testing.assert_array_equal(convolution.back(weights, gradient), dense.back(weights, gradient))
    np.testing.assert_array_equal(convolution.correlate(spikes, gradient), dense.correlate(spikes, gradient))


CHAINS = [
    (Convolution(1, 4, 4, 2, (3, 3)),),
    (Convolution(2, 3, 4, 2, (2, 3), (1, 2), (1, 1)), Convolution(2, 4, 2, 2, (3, 1), (2, 1), (0, 1))),
    (Convolution(1, 5, 3, 2, (3, 3), (2, 2), (1, 1)), Convolution(2, 3, 2, 3, (2, 2))),
]


@pytest.mark.parametrize("seed", range(3))
def test_batches_equal_the_oracle(seed):
    rng, counts = np.random.default_rng(seed), Counter()
    chain = CHAINS[seed]
    for _ in range(20):
        setup = random_setup(rng, [chain[0].inputs, *(each.neurons for each in chain), 3], convolutions=chain)
        state = random_state(rng, setup)
        for _ in range(2):
            compare_batch(setup, state, *random_samples(rng, setup, int(rng.integers(1, 4))), counts)
    print(f"seed {seed}: {dict(counts)}")
    assert all(counts[name] for name in EVERYTHING)


@pytest.mark.parametrize("reset_path", ["exact", "detached"])
@pytest.mark.parametrize("decay", [Keep(), Shift(1)], ids=str)
@pytest.mark.parametrize("chain", CHAINS[1:], ids=str)
def test_gradients_equal_autograd_where_the_formats_lose_nothing(chain, decay, reset_path):
    """As in :mod:`.test_autograd`: whole weights, gradients that begin with zero bits."""
    rng, fraction, gain, steps = np.random.default_rng(len(str(chain))), 4, 14, 3
    unit = 1 << fraction
    model = Lif(24, decay, reset="hard")
    parameters = {"bias": 0, "threshold": 2 * unit, "reset_value": -unit}
    surrogate = Rectangle(2 * unit + 1, 1)
    layers = [
        TrainedLayer(f"conv{k}", each.inputs, each.neurons, model, parameters, surrogate, convolution=each)
        for k, each in enumerate(chain)
    ]
    layers.append(TrainedLayer("output", chain[-1].neurons, 4, model, parameters, surrogate))
    setup = TrainingSetup(
        "exact", tuple(layers), CountError(4, steps, 0, gain), Sgd(clip=511), steps, weight_width=10,
        weight_fraction=fraction, gradient_width=32, reset_path=reset_path,
    )  # fmt: skip
    weights = [rng.integers(-1, 4, layer.weight_shape) * unit for layer in setup.layers]
    spikes, labels = rng.random((40, steps, setup.inputs)) < 0.4, rng.integers(0, 4, 40)
    expected, trains, _ = weight_gradients(setup, weights, spikes, labels, [rectangle(2 + 1 / unit, 0.5)] * len(layers))
    batch = run_batch(setup, weights, spikes, labels)
    assert not any(trace.saturations.any() for trace in (*batch.forward, *batch.backward))
    for trace, train, found, wanted in zip(batch.forward, trains, batch.gradient, expected, strict=True):
        np.testing.assert_array_equal(trace.spikes, train)
        np.testing.assert_array_equal(found, wanted * 2**gain)
        assert np.count_nonzero(found) > found.size // 3
