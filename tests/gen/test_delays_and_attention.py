"""Delay and SelfAttention nodes of NIR files, against PyTorch and plain loops; and what cannot be read."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from amaranth.hdl import Fragment

from ranvier.gen.config import Discretisation, Quantisation
from ranvier.gen.network import Network, channels_last
from ranvier.gen.quantize import quantize
from ranvier.gen.readers import check_model, read_network
from ranvier.gen.simulate import simulate
from ranvier.golden.inference import run_program
from ranvier.hw.config import chip_config
from ranvier.hw.top import Chip

DT = 1e-4
STEPS = 9


@dataclass(eq=False)
class SelfAttention(nir.ir.node.NIRNode):
    """Ranvier's node beyond NIR: docs/import.md."""

    query: str
    key: str
    value: str
    heads: int
    scale: float

    def __post_init__(self) -> None:
        self.input_type, self.output_type, self.metadata = {"input": None}, {"output": None}, {}


def write(folder: Path, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]]) -> Path:
    path = folder / "net.nir"
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges, type_check=False))
    return path


def read(folder: Path, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]]) -> Network:
    return read_network(write(folder, nodes, edges), Discretisation(framework="nir"))


def problem(folder: Path, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]]) -> str:
    (wrong,) = (row for row in check_model(write(folder, nodes, edges), Discretisation()) if not row.ok)
    return f"{wrong.name}: {wrong.reason}; {wrong.remedy}"


def ends(inputs: int | tuple[int, ...], outputs: int) -> dict[str, nir.NIRNode]:
    return {"input": nir.Input(np.array(inputs).reshape(-1)), "output": nir.Output(np.array([outputs]))}


def steps(*numbers: int) -> nir.Delay:
    return nir.Delay(np.array(numbers) * DT)


def test_delays_before_behind_and_beside_weights(tmp_path: Path) -> None:
    """``W2 (Wd x)`` where x is delayed by axon, and its products by neuron: those are delays of synapses."""
    rng = np.random.default_rng(1)
    weights, other = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    nodes = ends(4, 3) | {
        "axons": steps(0, 2, 5, 1),
        "first": nir.Linear(weights),
        "neurons": steps(1, 0, 3),
        "beside": nir.Linear(other),
        "out": nir.I(np.full(3, 1 / DT)),
    }
    edges = [("input", "axons"), ("axons", "first"), ("first", "neurons"), ("neurons", "out"), ("input", "beside"),
             ("beside", "out"), ("out", "output")]  # fmt: skip
    network = read(tmp_path, nodes, edges)
    delays = [connection.delays for connection in network.layers[0].connections]
    assert {None if each is None else each.shape for each in delays} == {None, (4, 3)} and len(delays) == 2
    spikes = rng.random((2, STEPS, 4)) < 0.5
    drive = np.zeros((2, STEPS, 3))
    for sample, step, axon in np.argwhere(spikes):
        drive[sample, step] += other[:, axon]
        for neuron in range(3):
            late = step + (0, 2, 5, 1)[axon] + (1, 0, 3)[neuron]
            if late < STEPS:
                drive[sample, late, neuron] += weights[neuron, axon]
    np.testing.assert_allclose(simulate(network, spikes)[0].membrane, drive.cumsum(axis=1), atol=1e-9)


def test_branches_of_different_delays_are_delays_of_synapses(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    weights, late = rng.normal(size=(3, 4)), rng.random((3, 4)) < 0.5
    nodes = ends(4, 3) | {
        "now": nir.Linear(np.where(late, 0, weights)),
        "delay": steps(4, 4, 4, 4),
        "then": nir.Linear(np.where(late, weights, 0)),
        "out": nir.Threshold(np.full(3, 0.4)),
    }
    edges = [("input", "now"), ("now", "out"), ("input", "delay"), ("delay", "then"), ("then", "out"),
             ("out", "output")]  # fmt: skip
    network = read(tmp_path, nodes, edges)
    (connection,) = network.layers[0].connections
    assert (connection.delays == np.where(late, 4, 0).T).all()
    spikes = rng.random((3, STEPS, 4)) < 0.5
    program = quantize(network, Quantisation(weight_width=16, steps=STEPS))
    expected = simulate(network, spikes)[0].spikes
    np.testing.assert_array_equal(run_program(program, spikes)[0].spikes, expected)
    assert expected.any() and not expected.all()


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_as_in_pytorch(tmp_path: Path, heads: int) -> None:
    """softmax-free ``Q Kᵀ V`` per head over the places of an image."""
    rng = np.random.default_rng(heads)
    c, h, w = 4, 2, 3
    shape = (c, h, w)

    def neurons(threshold: float) -> nir.Threshold:
        return nir.Threshold(np.full(shape, threshold))

    nodes = ends(shape, c * h * w)
    for name in ("q", "k", "v"):
        nodes[f"to_{name}"] = nir.Conv2d((h, w), rng.normal(size=(c, c, 1, 1)), 1, 0, 1, 1, np.zeros(c))
        nodes[name] = neurons(0.1)
    nodes |= {"attention": SelfAttention("q", "k", "v", heads, 0.25), "out": neurons(0.6)}
    nodes["output"] = nir.Output(np.array(shape))
    edges = [edge for name in "qkv" for edge in (("input", f"to_{name}"), (f"to_{name}", name), (name, "attention"))]
    network = read(tmp_path, nodes, [*edges, ("attention", "out"), ("out", "output")])
    spikes = rng.random((3, STEPS, c * h * w)) < 0.4
    order = channels_last(shape)
    traces = simulate(network, spikes[..., order])
    image = torch.from_numpy(spikes.astype(float)).reshape(-1, c, h * w)
    parts = [
        (torch.einsum("oc,ncl->nol", torch.from_numpy(nodes[f"to_{name}"].weight[:, :, 0, 0]), image) > 0.1)
        .double()
        .reshape(-1, heads, c // heads, h * w)
        for name in ("q", "k", "v")
    ]
    query, key, value = parts
    products = (query.transpose(2, 3) @ key) @ value.transpose(2, 3) * 0.25
    expected = (products > 0.6).transpose(2, 3).reshape(3, STEPS, c * h * w).numpy()[..., order]
    np.testing.assert_array_equal(traces[-1].spikes, expected)
    program = quantize(network, Quantisation(weight_width=12, steps=STEPS))
    assert program.layers[-1].weights[0].tolist() == [1]
    np.testing.assert_array_equal(run_program(program, spikes[..., order])[-1].spikes, expected)
    assert expected.any() and not expected.all()


def chain(*nodes: nir.NIRNode) -> tuple[dict[str, nir.NIRNode], list[tuple[str, str]]]:
    named = {f"n{number}": node for number, node in enumerate(nodes)}
    names = ["input", *named, "output"]
    return ends(2, 2) | named, list(pairwise(names))


NEURONS = nir.Threshold(np.ones(2))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((steps(64, 1), nir.Linear(np.ones((2, 2))), NEURONS),
         "n0: its delays are 1 to 64 steps, but pending currents are kept for 63; use delays of 0 to 63 steps, or a"
         " greater discretisation.dt_s"),
        ((nir.Delay(np.array([1e-4, 1.5e-4])), nir.Linear(np.ones((2, 2))), NEURONS),
         "n0: its delay of 0.00015 s is no whole number of steps of 0.0001 s; set discretisation.dt_s to the model's"
         " step, or round the delays to it"),
        ((steps(40, 40), steps(30, 30), nir.Linear(np.ones((2, 2))), NEURONS),
         "n1: with those before it its delays are 70 steps, and 63 can be; use shorter ones"),
        ((nir.Linear(np.ones((2, 2))), steps(1, 2), nir.Linear(np.ones((2, 2))), NEURONS),
         "n2: different delays of what a neuron gets come before n2; put neurons between them"),
        ((nir.Affine(np.ones((2, 2)), np.ones(2)), steps(1, 1), NEURONS),
         "n1: a bias comes before it, which would begin late; give the bias to a node behind it"),
    ],
)  # fmt: skip
def test_delays_that_cannot_be_are_refused(tmp_path: Path, nodes: tuple[nir.NIRNode, ...], message: str) -> None:
    assert problem(tmp_path, *chain(*nodes)) == message


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (SelfAttention("a", "b", "other", 1, 0.5),
         "att: it names other, which is not before it; name nodes that an edge comes from"),
        (SelfAttention("a", "b", "c", 3, 0.5),
         "att: its 3 heads do not divide the 2 channels; make heads divide the channels"),
        (SelfAttention("a", "b", "c", 1, -1.0), "att: its scale is [-1.0]; give one number greater than 0"),
        (SelfAttention("a", "b", "line", 1, 0.5),
         "att: line gives no spikes of one population; let neurons give query, key and value"),
    ],
)  # fmt: skip
def test_attentions_that_cannot_be_are_refused(tmp_path: Path, attention: SelfAttention, message: str) -> None:
    assert problem(tmp_path, *around(attention, "a", "b", "line" if attention.value == "line" else "c")) == message


def around(attention: SelfAttention, *heard: str) -> tuple[dict[str, nir.NIRNode], list[tuple[str, str]]]:
    """Neurons, or a matrix called line, that lead to ``attention``, and neurons behind it."""
    nodes = ends(2, 2) | {"att": attention, "out": NEURONS}
    nodes |= {name: nir.Linear(np.ones((2, 2))) if name == "line" else NEURONS for name in heard}
    edges = [edge for name in heard for edge in (("input", name), (name, "att"))]
    return nodes, [*edges, ("att", "out"), ("out", "output")]


def test_what_else_leads_to_an_attention_is_refused(tmp_path: Path) -> None:
    given = around(SelfAttention("a", "b", "c", 1, 0.5), "a", "b", "c", "line")
    expected = "att: line leads to it, which is none of its three; name it, or remove the edge"
    assert problem(tmp_path, *given) == expected


@pytest.mark.parametrize(
    ("comparison", "threshold", "least"),
    [("greater", 0.7, 3), ("greater_equal", 0.7, 3), ("greater", 0.75, 4), ("greater_equal", 0.75, 3)],
)
def test_no_product_is_lost_at_the_threshold(tmp_path: Path, comparison: str, threshold: float, least: int) -> None:
    """Products count a quarter each: how many reach the threshold, is exact."""
    nodes, edges = around(SelfAttention("input", "input", "input", 1, 0.25))
    nodes |= {"input": nir.Input(np.array([4, 1])), "out": nir.Threshold(np.full((4, 1), threshold))}
    nodes["output"] = nir.Output(np.array([4, 1]))
    path = write(tmp_path, nodes, [("input", "att"), *edges])
    network = read_network(path, Discretisation(comparison=comparison))
    spikes = np.arange(16)[:, None, None] >> np.arange(4) & 1 > 0  # so many channels spike, so many products has each
    (trace,) = run_program(quantize(network, Quantisation(steps=1)), spikes)
    np.testing.assert_array_equal(trace.spikes, spikes & (spikes.sum(axis=-1, keepdims=True) >= least))
    np.testing.assert_array_equal(simulate(network, spikes)[0].spikes, trace.spikes)


def test_a_chip_without_memories_is_built(tmp_path: Path) -> None:
    """An attention of the input, with thresholds that are built in."""
    nodes, edges = around(SelfAttention("input", "input", "input", 1, 0.5))
    network = read(tmp_path, nodes, [("input", "att"), *edges])
    config = chip_config(quantize(network, Quantisation(steps=2)), 1)
    assert config.memory_map == () and config.load_address_width == config.load_data_width == 1
    Fragment.get(Chip(config), None)


def test_uneven_delays_one_behind_the_other(tmp_path: Path) -> None:
    """Of neurons, then the same for all: three neurons of four axons."""
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(3, 4))
    nodes = ends(4, 3) | {"line": nir.Linear(weights), "first": steps(1, 0, 3), "then": steps(2, 2, 2)}
    nodes["out"] = nir.I(np.full(3, 1 / DT))
    edges = list(pairwise(["input", "line", "first", "then", "out", "output"]))
    spikes = np.zeros((1, STEPS, 4), bool)
    spikes[0, 0] = True
    membrane = simulate(read(tmp_path, nodes, edges), spikes)[0].membrane[0]
    late = np.arange(STEPS)[:, None] >= [3, 2, 5]
    np.testing.assert_allclose(membrane, late * weights.sum(axis=1), atol=1e-9)


@pytest.mark.parametrize("turned", [False, True])
def test_feedback_follows_from_the_graph_not_from_the_list(tmp_path: Path, turned: bool) -> None:
    """Two populations that hear the input and each other."""
    nodes = ends(2, 2) | {"m": NEURONS, "o": NEURONS, "n": NEURONS}
    edges = [("input", "m"), ("input", "o"), ("m", "o"), ("o", "m"), ("m", "n"), ("o", "n"), ("n", "output")]
    network = read(tmp_path, nodes, edges[::-1] if turned else edges)
    heard = [(layer.node, [set(connection.sources) for connection in layer.connections]) for layer in network.layers]
    assert heard == [("o", [{-1, 1}]), ("m", [{-2, -1}]), ("n", [{-1, -2}])]
