"""Delays and attention: golden against one spike at a time, against floats, and against the torch twin."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ranvier.gen.simulate import driven
from ranvier.golden.attention import Attention, Tokens
from ranvier.golden.inference import run_program, synaptic_drive
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Connection, Layer, Program
from ranvier.golden.synapse import Dense, bounds
from ranvier.golden.torch_model import TorchProgram

from ..programs import (
    random_attention,
    random_convolutional_layer,
    random_delays,
    random_graph,
    random_layer,
    random_model,
)

STEPS = 7


@pytest.mark.parametrize("seed", range(12))
def test_a_spike_arrives_when_its_delay_says(seed):
    """Each spike by itself adds its weights ``delay`` steps later, or never where the sample ends before."""
    rng = np.random.default_rng(seed)
    if seed % 3:
        layer = random_layer(rng, 5, 4, model=random_model(rng), weight_width=3)
    else:
        layer = random_convolutional_layer(rng, model=random_model(rng), weight_width=3)
    connection = layer.connections[0]
    shape = connection.synapses.weights.shape if seed % 3 == 1 else (layer.axons,)
    layer = replace(layer, connections=(replace(connection, delays=rng.integers(0, STEPS + 1, shape)),))
    spikes = rng.random((2, STEPS, layer.axons)) < 0.4
    expected, arrived = np.zeros((2, STEPS, layer.neurons), int), 0
    for sample, step, axon in np.argwhere(spikes):
        weights = layer.connections[0].synapses.drive(np.arange(layer.axons)[None] == axon)[0]
        delays = np.broadcast_to(layer.delays[axon], layer.neurons)
        for neuron, (weight, delay) in enumerate(zip(weights, delays, strict=True)):
            if step + delay < STEPS:
                expected[sample, step + delay, neuron] += weight
                arrived += 1
    np.testing.assert_array_equal(synaptic_drive(layer, [spikes]), expected)
    print(f"seed {seed}: {arrived} arrived")
    assert arrived


def attended(shape: Tokens, spikes: np.ndarray) -> np.ndarray:
    """The sum over tokens and channels, term by term."""
    query, key, value = spikes.reshape(3, shape.tokens, shape.channels)
    sums = np.zeros((shape.tokens, shape.channels), int)
    for n in range(shape.tokens):
        for c in range(shape.channels):
            head = range(
                c // shape.head_channels * shape.head_channels, (c // shape.head_channels + 1) * shape.head_channels
            )
            sums[n, c] = sum(
                int(query[n, other] and key[m, other] and value[m, c]) for m in range(shape.tokens) for other in head
            )
    return sums.reshape(-1)


@pytest.mark.parametrize("seed", range(10))
def test_attention_is_the_sum_of_its_products(seed):
    rng = np.random.default_rng(seed)
    heads = int(rng.integers(1, 4))
    shape = Tokens(int(rng.integers(1, 6)), heads * int(rng.integers(1, 5)), heads)
    synapses = Attention(np.ones(1, np.int64), shape)
    spikes = rng.random((4, synapses.axons)) < 0.6
    expected = np.stack([attended(shape, each) for each in spikes])
    np.testing.assert_array_equal(synapses.drive(spikes), expected)
    np.testing.assert_array_equal(driven(synapses, spikes.astype(float)), expected)
    least, most = bounds(synapses)
    assert not least.any() and (attended(shape, np.ones(synapses.axons, bool)) == most).all()
    print(f"seed {seed}: {shape}, {expected.sum()} products")
    assert expected.any()


@pytest.mark.parametrize("seed", range(10))
def test_torch_computes_the_same_and_a_file_keeps_it(seed, tmp_path):
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        program = random_attention(rng)
    elif seed % 3 == 1:
        program = random_graph(rng, delays=True)
    else:
        layer = random_convolutional_layer(rng, model=random_model(rng), weight_width=4)
        delayed = random_delays(rng, layer.connections[0])
        program = Program("delayed", (replace(layer, connections=(delayed,)),), 4)
    program.save(tmp_path / "program.npz")
    spikes = rng.random((3, STEPS, program.inputs)) < 0.5
    compared = 0
    traces = run_program(Program.load(tmp_path / "program.npz"), spikes)
    for (fired, v), trace in zip(TorchProgram(program)(torch.from_numpy(spikes)), traces, strict=True):
        np.testing.assert_array_equal(fired.numpy(), trace.spikes)
        np.testing.assert_array_equal(v.numpy(), trace.membrane)
        compared += trace.spikes.size
    assert compared


def three(synapses: Attention | Dense, *sources: int, delays: np.ndarray | None = None) -> Connection:
    return Connection(synapses, sources, delays)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tokens(4, 6, 4), "An attention's heads must divide its 6 channels, not 4"),
        (lambda: Tokens(0, 6), "An attention's tokens, channels and heads must be at least 1, not (0, 6, 1)"),
        (lambda: Attention(np.ones(2, int), Tokens(2, 2)), "An attention must have one weight, not [2]"),
        (lambda: three(Attention(np.ones(1, int), Tokens(2, 2)), -1),
         "An attention must have three sources, query, key and value, not 1"),
        (lambda: three(Dense(np.ones((2, 3), int)), -1, delays=np.full(2, 64)),
         "Delays must be 0 to 63 steps, not 64 to 64"),
        (lambda: three(Dense(np.ones((2, 3), int)), -1, delays=np.full(3, 1)),
         "Delays must be of axons, or of dense weights, not [3]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_an_attention_stands_alone_with_a_weight_of_1():
    model = Lif(8, Shift(1), spiking=False)
    connection = three(Attention(np.full(1, 2), Tokens(2, 2)), -1, -1, -1)
    with pytest.raises(ValueError) as error:
        Layer("layer", (connection,), 3, model, {"bias": np.array(0)})
    assert str(error.value) == "Layer layer: an attention must stand alone, with a weight of 1"
