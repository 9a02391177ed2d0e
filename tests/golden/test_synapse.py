"""Convolutions and their kind: golden against one weight at a time, against floats, and against PyTorch's layers."""

import numpy as np
import pytest
import torch

from ranvier.gen.simulate import driven
from ranvier.golden.inference import run_program
from ranvier.golden.product import exact_product
from ranvier.golden.program import Program
from ranvier.golden.synapse import Axis, Convolution, Dense, Geometry, bounds, unshared
from ranvier.golden.torch_model import TorchProgram

from ..programs import random_convolutional_layer, random_convolutions, random_graph, random_model, random_weights


def one_at_a_time(synapses: Convolution, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drive, and number of spikes that each neuron gets, by the equation in :class:`Axis`: every weight by itself."""
    shape, weights = synapses.geometry, synapses.weights
    (height, width, channels), (rows, columns, filters) = shape.in_shape, shape.out_shape
    drive, counts = np.zeros((rows, columns, filters), int), np.zeros((rows, columns, filters), int)

    def taps(axis: Axis, place: int, output: int) -> list[int]:
        if place // axis.pool >= axis.size // axis.pool:
            return []
        at = axis.up * (place // axis.pool) + axis.before - output * axis.stride
        return [k for k in range(axis.kernel) if k * axis.dilation == at]

    inputs, outputs = channels // shape.groups, filters // shape.groups
    for axon in np.flatnonzero(spikes):
        (row, column), channel = divmod(axon // channels, width), axon % channels
        for y in range(rows):
            for x in range(columns):
                for ky in taps(shape.vertical, row, y):
                    for kx in taps(shape.horizontal, column, x):
                        for f in range(outputs):
                            neuron = channel // inputs * outputs + f
                            drive[y, x, neuron] += weights[neuron, channel % inputs, ky, kx]
                            counts[y, x, neuron] += 1
    assert height
    return drive.reshape(-1), counts.reshape(-1)


@pytest.mark.parametrize("seed", range(24))
def test_drive_is_that_of_each_weight(seed):
    rng = np.random.default_rng(seed)
    (shape,) = random_convolutions(rng)
    synapses = Convolution(random_weights(rng, 5, shape.weight_shape), shape)
    spikes = rng.random((3, synapses.axons)) < 0.5
    expected = np.stack([one_at_a_time(synapses, each)[0] for each in spikes])
    np.testing.assert_array_equal(synapses.drive(spikes), expected)
    np.testing.assert_array_equal(driven(synapses, spikes), expected)  # the float network's own loops
    everyone = np.ones(synapses.axons, bool)
    drive, counts = one_at_a_time(synapses, everyone)
    assert counts.max() == synapses.fan_in or not counts.any()
    least, most = bounds(synapses)
    assert (least <= expected).all() and (most >= expected).all() and (least + most == drive).all()
    print(f"seed {seed}: {shape.in_shape} to {shape.out_shape}, {expected.size} sums")


@pytest.mark.parametrize("seed", range(8))
def test_torch_computes_the_same(seed):
    rng = np.random.default_rng(seed)
    if seed % 2:
        program = random_graph(rng)
    else:
        layer = random_convolutional_layer(rng, model=random_model(rng), weight_width=4)
        program = Program("convolution", (layer,), 4)
    spikes = rng.random((3, 4, program.inputs)) < 0.5
    compared = 0
    for (fired, v), trace in zip(
        TorchProgram(program)(torch.from_numpy(spikes)), run_program(program, spikes), strict=True
    ):
        np.testing.assert_array_equal(fired.numpy(), trace.spikes)
        np.testing.assert_array_equal(v.numpy(), trace.membrane)
        compared += trace.spikes.size
    assert compared


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(1, 1, 1, 1), (2, 1, 1, 2), (3, 0, 2, 4)])
def test_against_conv2d_pooling_and_upsampling(stride, padding, dilation, groups):
    """Sum pooling, then convolution; and nearest-neighbour upsampling, which is zeros between and a kernel of ones."""
    rng = np.random.default_rng(stride)
    weights = rng.integers(-8, 8, (8, 4 // groups, 3, 2))
    spikes = rng.random((5, 4, 15, 14)) < 0.4
    image = torch.from_numpy(spikes.astype(float))
    axes = (Axis(size, kernel, stride, padding, padding, dilation, pool=2) for size, kernel in ((15, 3), (14, 2)))
    synapses = Convolution(weights, Geometry(4, 8, *axes, groups))
    pooled = torch.nn.functional.avg_pool2d(image, 2) * 4
    kernel = torch.from_numpy(weights.astype(float))
    expected = torch.nn.functional.conv2d(pooled, kernel, None, stride, padding, dilation, groups)
    drive = synapses.drive(spikes.transpose(0, 2, 3, 1).reshape(5, -1))
    np.testing.assert_array_equal(drive, expected.permute(0, 2, 3, 1).reshape(5, -1).numpy())
    wide = (Axis(size, 3, before=2, after=2, up=3) for size in (15, 14))
    repeated = Convolution(np.ones((4, 1, 3, 3), int), Geometry(4, 4, *wide, 4))
    expected = torch.nn.functional.interpolate(image, scale_factor=3)
    drive = repeated.drive(spikes.transpose(0, 2, 3, 1).reshape(5, -1))
    np.testing.assert_array_equal(drive, expected.permute(0, 2, 3, 1).reshape(5, -1).numpy())


def test_dense_synapses_beside_a_convolution():
    rng = np.random.default_rng(1)
    dense = Dense(rng.integers(-8, 8, (5, 24)))
    spikes = rng.random((9, 5)) < 0.5
    np.testing.assert_array_equal(unshared(dense, (2, 4, 3)).drive(spikes), exact_product(spikes, dense.weights))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Axis(4, 7, before=1, after=1), "A kernel must fit the padded input of 6, not span 7"),
        (lambda: Axis(4, 3, dilation=3), "A kernel must fit the padded input of 4, not span 7"),
        (lambda: Axis(2, 1, pool=3), "A pooling window must fit its 2 inputs, not 3"),
        (lambda: Axis(4, 1, stride=0), "A convolution's stride must be at least 1, not 0"),
        (lambda: Axis(4, 1, before=-1), "A convolution's padding must be at least 0, not -1 and 0"),
        (lambda: Geometry(4, 6, Axis(4, 1), Axis(4, 1), 4),
         "A convolution's groups must divide its 4 channels and 6 filters, not 4"),
        (lambda: Geometry(0, 6, Axis(4, 1), Axis(4, 1)),
         "A convolution's channels, filters and groups must be at least 1, not (0, 6, 1)"),
        (lambda: Convolution(np.ones((6, 4, 1, 1), int), Geometry(4, 6, Axis(4, 1), Axis(4, 2))),
         "Weights of a convolution must have shape [6, 4, 1, 2], not [6, 4, 1, 1]"),
    ],
)  # fmt: skip
def test_what_is_no_convolution_is_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
