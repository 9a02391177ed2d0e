"""NIR graphs become the discrete equations that their nodes stand for."""

import re
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from ranvier.gen.config import Discretisation
from ranvier.gen.errors import RanvierError
from ranvier.gen.frameworks import FRAMEWORKS, time_model
from ranvier.gen.network import Network, NetworkLayer
from ranvier.gen.readers import check_model, read_network
from ranvier.gen.simulate import simulate

N = 6
RANDOM = np.random.default_rng(3)
TAU, TAU_SYN = RANDOM.uniform(5e-4, 2e-3, N), RANDOM.uniform(3e-4, 1e-3, N)
R, W_IN, LEAK = RANDOM.uniform(0.5, 2, N), RANDOM.uniform(0.5, 2, N), RANDOM.uniform(-0.3, 0.3, N)
THRESHOLD, REST = RANDOM.uniform(0.5, 1.5, N), RANDOM.uniform(-0.5, 0, N)
DT = 1e-4
NODES = {
    "I": nir.I(r=R),
    "IF": nir.IF(r=R, v_threshold=THRESHOLD, v_reset=REST),
    "LI": nir.LI(tau=TAU, r=R, v_leak=LEAK),
    "LIF": nir.LIF(tau=TAU, r=R, v_leak=LEAK, v_threshold=THRESHOLD, v_reset=REST),
    "CubaLI": nir.CubaLI(tau_syn=TAU_SYN, tau_mem=TAU, r=R, v_leak=LEAK, w_in=W_IN),
    "CubaLIF": nir.CubaLIF(
        tau_syn=TAU_SYN, tau_mem=TAU, r=R, v_leak=LEAK, w_in=W_IN, v_threshold=THRESHOLD, v_reset=REST
    ),
    "Threshold": nir.Threshold(THRESHOLD),
}


def read(folder: Path, *nodes: nir.NIRNode, **choices: object) -> Network:
    path = folder / "net.nir"
    nir.write(path, nir.NIRGraph.from_list(*nodes))
    return read_network(path, Discretisation(**choices))


def matrix(layer: NetworkLayer) -> np.ndarray:
    (connection,) = layer.connections
    return connection.synapses.weights


def membrane_by_nir(kind: str, x: np.ndarray, exponential: bool) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and membrane of a hard-reset neuron by NIR's equations, step by step, for inputs ``[steps, N]``."""

    def towards(value: np.ndarray, target: np.ndarray, tau: np.ndarray) -> np.ndarray:
        if exponential:
            return target + (value - target) * np.exp(-DT / tau)
        return value + DT / tau * (target - value)

    v, i, record = np.zeros(N), np.zeros(N), []
    for current in x:
        if kind.startswith("Cuba"):
            i = towards(i, W_IN * current, TAU_SYN)
            v = towards(v, LEAK + R * i, TAU)
        elif kind.startswith("LI"):
            v = towards(v, LEAK + R * current, TAU)
        else:
            v = current if kind == "Threshold" else v + DT * R * current
        s = np.zeros(N, bool) if kind in ("I", "LI", "CubaLI") else v > THRESHOLD
        if kind != "Threshold":
            v = np.where(s, REST, v)
        record.append((s, v))
    return np.stack([s for s, _ in record]), np.stack([v for _, v in record])


@pytest.mark.parametrize("exponential", [False, True], ids=["euler", "exponential"])
@pytest.mark.parametrize("kind", NODES)
def test_each_neuron_follows_its_equation(tmp_path: Path, kind: str, exponential: bool) -> None:
    random = np.random.default_rng(11)
    weights, bias = random.uniform(-1, 3, (N, 9)), random.uniform(0, 0.2, N)
    strong = 1 / DT if kind in ("I", "IF") else 1.0
    method = "exponential" if exponential else "euler"
    network = read(tmp_path, nir.Affine(weights * strong, bias * strong), NODES[kind], method=method)
    spikes = random.random((1, 50, 9)) < 0.3
    expected = membrane_by_nir(kind, (spikes[0] @ weights.T + bias) * strong, exponential)
    trace = simulate(network, spikes)[0]
    assert np.allclose(trace.membrane[0], expected[1], rtol=0, atol=1e-9)
    assert np.array_equal(trace.spikes[0], expected[0])
    assert trace.spikes.any() == (kind not in ("I", "LI", "CubaLI"))


def test_linear_nodes_in_a_row_are_one_matrix(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    first, second = random.normal(size=(7, 5)), random.normal(size=(N, 7))
    bias, factor, scale = random.normal(size=7), random.normal(size=5), random.normal(size=N)
    network = read(
        tmp_path, nir.Scale(factor), nir.Affine(first, bias), nir.Linear(second), nir.Scale(scale), NODES["Threshold"]
    )
    (layer,) = network.layers
    x = random.normal(size=5)
    assert np.allclose(x @ matrix(layer) + layer.bias, scale * (second @ (first @ (factor * x) + bias)))


def test_neurons_in_a_row_and_a_readout(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    weights, bias = random.normal(size=(3, N)), random.normal(size=3)
    network = read(tmp_path, NODES["Threshold"], NODES["LIF"], nir.Affine(weights, bias))
    assert [layer.node for layer in network.layers] == ["threshold", "lif", "affine"]
    assert np.array_equal(matrix(network.layers[0]), np.eye(N))
    assert np.allclose(matrix(network.layers[1]), np.diag(DT / TAU * R))
    spikes = random.random((4, 10, N)) < 0.5
    readout = simulate(network, spikes)[-1]
    assert np.allclose(readout.membrane, simulate(network, spikes)[1].spikes @ weights.T + bias)
    assert not readout.spikes.any()


def test_flatten_keeps_the_order(tmp_path: Path) -> None:
    flatten = nir.Flatten({"input": np.array([1, 2, 3])}, 0, -1)
    weights = np.arange(N * 2.0).reshape(2, N)
    network = read(tmp_path, nir.Input(np.array([1, 2, 3])), flatten, nir.Linear(weights), nir.LI(*np.ones((3, 2))))
    assert network.inputs == N
    assert np.allclose(matrix(network.layers[0]), weights.T * DT)


def test_one_value_holds_for_all_neurons(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    one = np.ones(1)
    nodes = {
        "input": nir.Input(np.array([4])),
        "fc": nir.Linear(np.ones((3, 4))),
        "lif": nir.LIF(tau=one * 8e-4, r=one * 8, v_leak=one * 0, v_threshold=one),
        "output": nir.Output(np.array([3])),
    }
    nir.write(path, nir.NIRGraph(nodes, [("input", "fc"), ("fc", "lif"), ("lif", "output")], type_check=False))
    (layer,) = read_network(path, Discretisation()).layers
    assert matrix(layer).shape == (4, 3)
    assert np.array_equal(layer.neurons.membrane_decay, np.full(3, 0.875))
    assert np.array_equal(matrix(layer), np.ones((4, 3)))  # dt/tau * r is 1 exactly


def test_names_suit_verilog(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    names = ["input", "if_layer_1", "If", "if", "0.lif", "äh", "output"]
    nodes = dict(
        zip(names, [nir.Input(np.array([N])), *[NODES["Threshold"]] * 5, nir.Output(np.array([N]))], strict=True)
    )
    nir.write(path, nir.NIRGraph(nodes, list(pairwise(names))))
    network = read_network(path, Discretisation())
    assert [layer.name for layer in network.layers] == [
        "if_layer_1", "if_layer", "if_layer_2", "layer_0_lif", "h",
    ]  # fmt: skip
    assert [layer.node for layer in network.layers] == names[1:-1]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_choice_has_a_reason(tmp_path: Path, framework: str) -> None:
    network = read(tmp_path, NODES["Threshold"], framework=framework, reset="none")
    notes = [note for note in network.notes if not note.startswith("caveat")]
    assert len(notes) == 8
    assert all(note.partition(": ")[2] for note in notes)
    assert "reset = none: set in the configuration" in notes
    assert network.dt_s == time_model(Discretisation(framework=framework)).dt_s.value


def test_check_lists_every_node_with_its_own_problem(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    graph = nir.NIRGraph.from_list(
        nir.Linear(np.full((N, 4), np.nan)), nir.LIF(-TAU, R, LEAK, THRESHOLD), nir.Delay(np.ones(N)), NODES["LI"]
    )
    nir.write(path, graph)
    checks = check_model(path, Discretisation())
    assert [(check.name, check.ok) for check in checks] == [
        ("input", True), ("linear", False), ("lif", False), ("delay", False), ("li", True), ("output", True),
    ]  # fmt: skip
    assert "24 of 24 values of weight are not finite" in checks[1].reason
    assert all(check.reason and check.remedy for check in checks if not check.ok)
    with pytest.raises(RanvierError, match=r"^Model .*: node 'linear' \(Linear\): 24 of 24 "):
        read_network(path, Discretisation())


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    """Neither a crash nor another exception, whatever bytes are changed."""
    path, seed = tmp_path / "net.nir", 17
    graph = nir.NIRGraph.from_list(
        nir.Affine(np.ones((N, 9)), np.ones(N)), NODES["CubaLIF"], nir.Linear(np.ones((3, N)))
    )
    nir.write(path, graph)
    whole, random = path.read_bytes(), np.random.default_rng(seed)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(12):
        damaged = bytearray(whole)
        for place in random.integers(8, len(whole) // 2, 12):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_network(path, Discretisation())
            outcomes["read"] += 1
        except RanvierError:
            outcomes["refused"] += 1
    print(f"seed {seed}: {outcomes}")
    assert outcomes["refused"] >= 5


def test_a_reset_above_the_threshold_is_refused(tmp_path: Path) -> None:
    """Such a neuron would fire in every step once it has fired; a soft reset does not look at v_reset."""
    path = tmp_path / "net.nir"
    node = nir.LIF(TAU, R, LEAK, THRESHOLD, v_reset=THRESHOLD + (np.arange(N) == 1))
    nir.write(path, nir.NIRGraph.from_list(nir.Linear(np.ones((N, 4))), node))
    message = f"its v_reset of {THRESHOLD[1] + 1:.4g} is above its v_threshold of {THRESHOLD[1]:.4g}; set disc"
    with pytest.raises(RanvierError, match=re.escape(message)):
        read_network(path, Discretisation())
    assert read_network(path, Discretisation(reset="soft")).layers[0].neurons.reset == "soft"
