"""Networks from files against the frameworks that they come from: spikes and potentials in floating point."""

from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch as snn
import torch

from ranvier.gen.config import Discretisation, Quantisation, load_configuration
from ranvier.gen.network import Network, channels_last
from ranvier.gen.quantize import quantize
from ranvier.gen.readers import read_network
from ranvier.gen.simulate import simulate
from ranvier.golden.inference import run_program

from ..cosim.test_networks import fetched

SEED = 5


def network(source: str) -> Network:
    configuration = load_configuration(source)
    return read_network(configuration.model, configuration.discretisation)


def test_braille_spikes_as_in_snntorch():
    """RSynaptic and Synaptic with their own, delayed, soft reset: every spike of 20 samples of 100 steps, and every
    potential to 1e-9."""
    path = Path(fetched("braille")).with_suffix(".nir")
    nodes, read = nir.read(path).nodes, read_network(path, Discretisation(framework="snntorch"))
    spikes = np.random.default_rng(SEED).random((20, 100, 12)) < 0.2
    x = torch.from_numpy(spikes.astype(float))

    def of(name: str, key: str) -> torch.Tensor:
        return torch.from_numpy(np.asarray(getattr(nodes[name], key), np.float64))

    def synaptic(name: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Decays, and the gain that the file's w_in and r amount to."""
        alpha, beta = 1 - 1e-4 / of(name, "tau_syn"), 1 - 1e-4 / of(name, "tau_mem")
        return alpha, beta, of(name, "w_in") * (1 - alpha) * of(name, "r") * (1 - beta)

    (a1, b1, g1), (a2, b2, g2) = synaptic("lif1.lif"), synaptic("lif2")
    hidden = snn.RSynaptic(alpha=a1, beta=b1, threshold=of("lif1.lif", "v_threshold"), linear_features=38)
    hidden.recurrent.double()
    hidden.recurrent.weight.data = g1[:, None] * of("lif1.w_rec", "weight")
    hidden.recurrent.bias.data = g1 * of("lif1.w_rec", "bias")
    output = snn.Synaptic(alpha=a2, beta=b2, threshold=of("lif2", "v_threshold"))
    traces = simulate(read, spikes)
    fired = torch.zeros(20, 38, dtype=torch.float64)
    syn1 = mem1 = torch.zeros(20, 38, dtype=torch.float64)
    syn2 = mem2 = torch.zeros(20, 7, dtype=torch.float64)
    with torch.no_grad():
        for step in range(100):
            drive = g1 * torch.nn.functional.linear(x[:, step], of("fc1", "weight"), of("fc1", "bias"))
            fired, syn1, mem1 = hidden(drive, fired, syn1, mem1)
            fired = fired.double()
            drive = g2 * torch.nn.functional.linear(fired, of("fc2", "weight"), of("fc2", "bias"))
            out, syn2, mem2 = output(drive, syn2, mem2)
            for trace, s, v in zip(traces, (fired, out), (mem1, mem2), strict=True):
                np.testing.assert_array_equal(trace.spikes[:, step], s.detach().numpy() > 0)
                np.testing.assert_allclose(trace.membrane[:, step], v.numpy(), atol=1e-9)
    assert all(trace.spikes.any() for trace in traces)


def channels_behind(values: torch.Tensor) -> np.ndarray:
    """``[samples, neurons]``."""
    return (values.permute(0, 2, 3, 1) if values.ndim == 4 else values).flatten(1).numpy()


def test_scnn_mnist_spikes_as_in_pytorch():
    """Conv2d, pooling and linear layers of PyTorch in float64; integrate-and-fire neurons of one line."""
    path = Path(fetched("scnn_mnist"))
    nodes, read = nir.read(path.with_suffix(".nir")).nodes, network(str(path))
    with np.load(path.with_suffix(".npz")) as file:
        spikes = file["spikes"][:4].astype(float)
    order = channels_last((2, 34, 34))
    traces = simulate(read, spikes.reshape(4, 16, -1)[..., order] > 0)
    weights = {name: torch.from_numpy(nodes[name].weight.astype(np.float64)) for name in ("0", "2", "5", "9", "11")}
    functional = torch.nn.functional
    stages = [
        lambda x: functional.conv2d(x, weights["0"], stride=2, padding=1),
        lambda x: functional.conv2d(x, weights["2"], padding=1),
        lambda x: functional.conv2d(4 * functional.avg_pool2d(x, 2), weights["5"], padding=1),
        lambda x: functional.linear((4 * functional.avg_pool2d(x, 2)).flatten(1), weights["9"]),
        lambda x: functional.linear(x, weights["11"]),
    ]
    potentials: list[torch.Tensor | float] = [0.0] * 5
    for step in range(16):
        x = torch.from_numpy(spikes[:, step])
        for place, (stage, trace) in enumerate(zip(stages, traces, strict=True)):
            v = potentials[place] + stage(x)
            x = (v >= 1).to(v.dtype)
            potentials[place] = v - x
            np.testing.assert_array_equal(trace.spikes[:, step], channels_behind(x) > 0)
            np.testing.assert_allclose(trace.membrane[:, step], channels_behind(potentials[place]), atol=1e-9)
    assert all(trace.spikes.any() for trace in traces)


def written(folder: Path, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]]) -> Network:
    nir.write(folder / "net.nir", nir.NIRGraph(nodes, edges, type_check=False))
    return read_network(folder / "net.nir", load_configuration("digits").discretisation)


def threshold(*shape: int) -> nir.Threshold:
    return nir.Threshold(np.full(shape, 0.5))


@pytest.mark.parametrize("padding", ["same", "valid", 1])
def test_convolutions_pools_scales_and_branches_as_in_pytorch(tmp_path, padding):
    """A branch through a dilated, grouped convolution and one that is only scaled meet, after average pooling."""
    rng = np.random.default_rng(SEED)
    own, bias, factor = rng.normal(size=(4, 2, 3, 2)), rng.normal(size=4), rng.normal(size=(4, 1, 1))
    extent = {"same": (6, 5), "valid": (4, 3), 1: (6, 5)}[padding]
    beside = rng.normal(size=(4, 4, 6 - extent[0] + 1, 5 - extent[1] + 1))
    options = {"stride": 1, "dilation": (1, 2), "groups": 2}
    nodes = {
        "input": nir.Input(np.array([4, 13, 11])),
        "pool": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "own": nir.Conv2d((6, 5), own, padding=padding, bias=bias, **options),
        "beside": nir.Conv2d((6, 5), beside, 1, 0, 1, 1, np.zeros(4)),
        "scale": nir.Scale(np.broadcast_to(factor, (4, *extent)).copy()),
        "spikes": threshold(4, *extent),
        "output": nir.Output(np.array([4, *extent])),
    }
    edges = [("input", "pool"), ("pool", "own"), ("pool", "beside"), ("own", "scale"), ("scale", "spikes"),
             ("beside", "spikes"), ("spikes", "output")]  # fmt: skip
    read = written(tmp_path, nodes, edges)
    spikes = rng.random((3, 2, 4, 13, 11)) < 0.5
    flat = spikes.reshape(3, 2, -1)[..., channels_last((4, 13, 11))]
    (trace,) = simulate(read, flat)
    if padding == 1:
        pads: str | tuple[int, int] = (1, 1)
    else:
        pads = padding
    for step in range(2):
        x = torch.nn.functional.avg_pool2d(torch.from_numpy(spikes[:, step].astype(float)), 2)
        v = torch.nn.functional.conv2d(x, torch.from_numpy(own), torch.from_numpy(bias), 1, pads, (1, 2), 2)
        v = v * torch.from_numpy(factor) + torch.nn.functional.conv2d(x, torch.from_numpy(beside))
        np.testing.assert_allclose(trace.membrane[:, step], v.permute(0, 2, 3, 1).flatten(1).numpy(), atol=1e-9)
    assert len(read.layers[0].connections) == 2


def test_one_axis_feedback_subgraphs_and_sums(tmp_path):
    """Conv1d within a graph of its own; two populations are added up before a matrix, whose neurons feed back."""
    rng = np.random.default_rng(SEED)
    kernel, matrix, back = rng.normal(size=(3, 2, 3)), rng.normal(size=(5, 12)), rng.normal(size=(12, 5))
    inner = nir.NIRGraph(
        {"in": nir.Input(np.array([2, 8])), "conv": nir.Conv1d(8, kernel, 2, 1, 1, 1, np.zeros(3)),
         "out": nir.Output(np.array([3, 4]))},
        [("in", "conv"), ("conv", "out")],
    )  # fmt: skip
    nodes = {
        "input": nir.Input(np.array([2, 8])), "inner": inner, "a": threshold(3, 4), "b": threshold(3, 4),
        "flat": nir.Flatten({"input": np.array([3, 4])}, 0, -1), "matrix": nir.Linear(matrix), "c": threshold(5),
        "back": nir.Linear(back), "output": nir.Output(np.array([5])),
    }  # fmt: skip
    edges = [("input", "inner"), ("inner", "a"), ("a", "b"), ("a", "flat"), ("b", "flat"), ("flat", "matrix"),
             ("matrix", "c"), ("c", "back"), ("back", "matrix"), ("c", "output")]  # fmt: skip
    read = written(tmp_path, nodes, edges)
    sources = {layer.node: [connection.sources for connection in layer.connections] for layer in read.layers}
    assert sources == {"a": [(-1,)], "b": [(-1,)], "c": [(-2, -1), (0,)]}
    spikes = rng.random((3, 6, 2, 8)) < 0.5
    traces = simulate(read, spikes.reshape(3, 6, -1)[..., channels_last((2, 8))])
    fired = np.zeros((3, 5))
    for step in range(6):
        x = torch.nn.functional.conv1d(
            torch.from_numpy(spikes[:, step].astype(float)), torch.from_numpy(kernel), None, 2, 1
        )
        a = (x.numpy() > 0.5).astype(float)
        c = (a.reshape(3, 12) + (a > 0.5).reshape(3, 12) + fired @ back.T) @ matrix.T
        np.testing.assert_allclose(traces[2].membrane[:, step], c, atol=1e-9)
        fired = (c > 0.5).astype(float)
    assert traces[2].spikes.any()


def test_flat_signals_meet_images(tmp_path):
    """A matrix behind a population, flat, and behind another one, an image: either has its own connection."""
    rng = np.random.default_rng(SEED)
    first, kernel, matrix = rng.normal(size=(32, 32)), rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(7, 32))
    shape = {"input": np.array([2, 4, 4])}
    nodes = {
        "input": nir.Input(np.array([2, 4, 4])), "flat": nir.Flatten(shape, 0, -1), "first": nir.Linear(first),
        "a": threshold(32), "conv": nir.Conv2d((4, 4), kernel, 1, 1, 1, 1, np.zeros(2)), "b": threshold(2, 4, 4),
        "also": nir.Flatten(shape, 0, -1), "matrix": nir.Linear(matrix), "c": threshold(7), "beyond": nir.Flatten(
            {"input": np.array([7])}, 0, -1), "output": nir.Output(np.array([7])),
    }  # fmt: skip
    edges = [("input", "flat"), ("flat", "first"), ("first", "a"), ("input", "conv"), ("conv", "b"), ("b", "also"),
             ("a", "matrix"), ("also", "matrix"), ("matrix", "c"), ("c", "beyond"), ("beyond", "output")]  # fmt: skip
    read = written(tmp_path, nodes, edges)
    assert [layer.node for layer in read.layers] == ["b", "a", "c"]  # conv before flat
    spikes = rng.random((5, 1, 2, 4, 4)) < 0.5
    traces = simulate(read, spikes.reshape(5, 1, -1)[..., channels_last((2, 4, 4))])
    x = torch.from_numpy(spikes[:, 0].astype(float))
    a = (x.flatten(1) @ torch.from_numpy(first).T > 0.5).double()
    b = (torch.nn.functional.conv2d(x, torch.from_numpy(kernel), padding=1) > 0.5).double().flatten(1)
    np.testing.assert_allclose(traces[2].membrane[:, 0], ((a + b) @ torch.from_numpy(matrix).T).numpy(), atol=1e-9)


@pytest.mark.parametrize("programmable", [False, True])
def test_parameters_of_channels_and_a_recurrent_head(tmp_path, programmable):
    """A threshold for each channel; pooling before a matrix whose neurons feed back: golden equals the floats."""
    rng = np.random.default_rng(SEED)
    kernel, matrix, back = rng.integers(-4, 4, (2, 2, 3, 3)), rng.integers(-4, 4, (5, 8)), rng.integers(-4, 4, (5, 5))
    nodes = {
        "input": nir.Input(np.array([2, 4, 4])),
        "conv": nir.Conv2d((4, 4), kernel * 1.0, 1, 1, 1, 1, np.zeros(2)),
        "a": nir.Threshold(np.broadcast_to(np.array([0.5, 1.5])[:, None, None], (2, 4, 4)).copy()),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([2, 2, 2])}, 0, -1),
        "matrix": nir.Linear(matrix * 1.0), "b": threshold(5), "back": nir.Linear(back * 1.0),
        "output": nir.Output(np.array([5])),
    }  # fmt: skip
    edges = [("input", "conv"), ("conv", "a"), ("a", "pool"), ("pool", "flat"), ("flat", "matrix"), ("matrix", "b"),
             ("b", "back"), ("back", "b"), ("b", "output")]  # fmt: skip
    read = written(tmp_path, nodes, edges)
    program = quantize(read, Quantisation(weight_width=5, weight_fraction=1, steps=4), programmable)
    assert program.layers[0].parameters["threshold"].tolist() == [1, 3]
    spikes = rng.random((6, 4, 32)) < 0.3
    for trace, exact in zip(run_program(program, spikes), simulate(read, spikes), strict=True):
        np.testing.assert_array_equal(trace.spikes, exact.spikes)
        np.testing.assert_array_equal(trace.membrane, 2 * exact.membrane)
    assert trace.spikes.any()
