"""The float simulation of what was read from NIR equals the frameworks' own simulations."""

import copy
from pathlib import Path

import nir
import norse.torch as nt
import numpy as np
import pytest
import snntorch
import torch
from norse.torch.functional.iaf import IAFParameters
from norse.torch.functional.lif_box import LIFBoxParameters
from norse.torch.module.iaf import IAFCell
from norse.torch.utils.export_nir import to_nir
from snntorch.export_nir import export_to_nir

from ranvier.gen.config import Discretisation
from ranvier.gen.network import Network
from ranvier.gen.readers import read_network
from ranvier.gen.simulate import simulate

SEED, SAMPLES, STEPS = 7, 6, 40
EXACT = {"rtol": 0, "atol": 1e-9}
EXPORTED = {"rtol": 0, "atol": 2e-5}  # snnTorch's exporter computes tau in float32
RESETS = {"subtract": "soft", "zero": "hard", "none": "none"}


def stimulus(inputs: int, rate: float = 0.25) -> np.ndarray:
    print(f"seed {SEED}")
    return np.random.default_rng(SEED).random((SAMPLES, STEPS, inputs)) < rate


def agree(
    network: Network,
    spikes: np.ndarray,
    expected: list[tuple[np.ndarray, np.ndarray]],
    within: dict[str, float] = EXACT,
) -> None:
    """All spikes and membrane potentials are those expected, and there are both spikes and silences."""
    traces = simulate(network, spikes)
    assert len(traces) == len(expected)
    for trace, (spike, membrane) in zip(traces, expected, strict=True):
        assert 0.01 < trace.spikes.mean() < 0.9
        assert np.array_equal(trace.spikes, spike.astype(bool))
        assert np.allclose(trace.membrane, membrane, **within)


def snntorch_run(net: torch.nn.Sequential, spikes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Spikes and membrane of each neuron module in float64, ``[samples, steps, neurons]``."""
    net = copy.deepcopy(net).double()
    modules = [module for module in net if not isinstance(module, torch.nn.Linear)]
    records: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in modules]
    for module in modules:
        module.reset_mem()
    for step in range(spikes.shape[1]):
        signal = torch.from_numpy(spikes[:, step].astype(float))
        for module in net:
            signal = module(signal).double()
            if module in modules:
                records[modules.index(module)].append((signal, module.mem))
    stacked = [(torch.stack([s for s, _ in r], 1), torch.stack([v for _, v in r], 1)) for r in records]
    return [(s.detach().numpy(), v.detach().numpy()) for s, v in stacked]


def linear(inputs: int, outputs: int, spread: float) -> torch.nn.Linear:
    layer = torch.nn.Linear(inputs, outputs)
    torch.nn.init.uniform_(layer.weight, -spread, 1.2 * spread)
    return layer


def vector(low: float, high: float, n: int) -> torch.Tensor:
    return torch.empty(n).uniform_(low, high)


@pytest.mark.parametrize("delay", [True, False], ids=["delay", "at_once"])
@pytest.mark.parametrize("mechanism", RESETS)
def test_leaky_networks_of_snntorch(tmp_path: Path, mechanism: str, delay: bool) -> None:
    torch.manual_seed(SEED)
    options = {"reset_mechanism": mechanism, "reset_delay": delay, "init_hidden": True}
    spread = 0.1 if mechanism == "subtract" and not delay else 0.5
    hidden = snntorch.Leaky(beta=vector(0.5, 0.95, 20), threshold=vector(0.8, 1.2, 20), **options)
    out = snntorch.Leaky(beta=torch.full((5,), 0.875), threshold=vector(0.8, 1.2, 5), **options)
    net = torch.nn.Sequential(linear(30, 20, spread), hidden, linear(20, 5, 1.5 * spread), out)
    network = exported(tmp_path, net, mechanism, delay)
    assert np.allclose(network.layers[1].neurons.membrane_decay, 0.875, rtol=0, atol=1e-8)
    assert np.allclose(network.layers[0].connections[0].synapses.weights, net[0].weight.detach().numpy().T, rtol=1e-6)
    spikes = stimulus(30)
    expected = snntorch_run(net, spikes)
    if mechanism == "subtract" and not delay:
        assert_never_above_threshold_after_a_spike(net, expected)
    agree(network, spikes, expected, EXPORTED)


@pytest.mark.parametrize(
    ("mechanism", "delay"), [("subtract", True), ("subtract", False), ("zero", False), ("none", True)]
)  # zero with a delay also drops the input after a spike: a caveat of the reader says so
def test_synaptic_networks_of_snntorch(tmp_path: Path, mechanism: str, delay: bool) -> None:
    torch.manual_seed(SEED)
    spread = 0.015 if mechanism == "subtract" and not delay else 0.2
    neurons = snntorch.Synaptic(
        alpha=vector(0.3, 0.8, 20), beta=vector(0.5, 0.9, 20), threshold=vector(0.8, 1.2, 20),
        reset_mechanism=mechanism, reset_delay=delay, init_hidden=True,
    )  # fmt: skip
    net = torch.nn.Sequential(linear(30, 20, spread), neurons)
    network = exported(tmp_path, net, mechanism, delay)
    spikes = stimulus(30)
    expected = snntorch_run(net, spikes)
    if mechanism == "subtract" and not delay:
        assert_never_above_threshold_after_a_spike(net, expected)
    agree(network, spikes, expected, EXPORTED)


def assert_never_above_threshold_after_a_spike(
    net: torch.nn.Sequential, expected: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    """Else snnTorch subtracts the threshold before it compares: see the last of snnTorch's tests here."""
    modules = [module for module in net if not isinstance(module, torch.nn.Linear)]
    for module, (_, v) in zip(modules, expected, strict=True):
        assert (v <= module.threshold.numpy()).all()


def exported(folder: Path, net: torch.nn.Sequential, mechanism: str, delay: bool) -> Network:
    path = folder / "net.nir"
    nir.write(path, export_to_nir(net, torch.zeros(1, net[0].in_features), ignore_dims=[0]))
    for module in net:
        if not isinstance(module, torch.nn.Linear):
            module.reset_mem()
    timing = "next_step" if delay else "same_step"
    return read_network(path, Discretisation(framework="snntorch", reset=RESETS[mechanism], reset_timing=timing))


def test_double_reset_of_snntorch() -> None:
    """Why networks that stay above their thresholds are excluded above: a caveat of the reader says so too."""
    module = snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract", reset_delay=False)
    mem = torch.zeros(1)
    history = []
    for current in (2.5, 0.0, 0.0):
        spike, mem = module(torch.tensor([current]), mem)
        history.append((float(spike), float(mem)))
    assert history == [(1, 1.5), (0, 1.5), (0, 1.5)]  # 1.5 is above the threshold, but does not fire


def norse_run(net: nt.SequentialState, spikes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Spikes and membrane of a linear layer and a cell in float64, from v = 0: a caveat tells that Norse starts at
    v_leak."""
    linear, cell = copy.deepcopy(net).double()
    rest = torch.zeros(len(spikes), NEURONS, dtype=torch.float64)
    state, record = cell.initial_state(rest)._replace(v=rest), []
    for t in range(spikes.shape[1]):
        spike, state = cell(linear(torch.from_numpy(spikes[:, t].astype(float))), state)
        record.append((spike, state.v))
    stacked = (torch.stack([s for s, _ in record], 1), torch.stack([v for _, v in record], 1))
    return [(stacked[0].detach().numpy(), stacked[1].detach().numpy())]


NEURONS, DT = 15, 1e-3


def inverse(low: float, high: float) -> torch.Tensor:
    return 1 / vector(low, high, NEURONS)


def zeros() -> torch.Tensor:
    return torch.zeros(NEURONS)


NORSE = {
    "LIFBoxCell": lambda: nt.LIFBoxCell(
        LIFBoxParameters(inverse(4e-3, 20e-3), vector(-0.2, 0.2, NEURONS), vector(0.3, 0.6, NEURONS), zeros())
    ),
    "LIFCell": lambda: nt.LIFCell(
        nt.LIFParameters(
            inverse(2e-3, 9e-3), inverse(4e-3, 20e-3), vector(-0.2, 0.2, NEURONS), vector(0.6, 1, NEURONS), zeros()
        )
    ),
    "IAFCell": lambda: IAFCell(IAFParameters(v_th=vector(1, 3, NEURONS), v_reset=zeros())),
    "LIBoxCell": lambda: nt.LIBoxCell(nt.LIBoxParameters(inverse(4e-3, 20e-3), vector(-0.2, 0.2, NEURONS))),
}  # the cells that its exporter knows


@pytest.mark.parametrize("cell", NORSE)
def test_cells_that_norse_exports(tmp_path: Path, cell: str) -> None:
    torch.manual_seed(SEED)
    net = nt.SequentialState(linear(20, NEURONS, 1), NORSE[cell]())
    path = tmp_path / "net.nir"
    nir.write(path, to_nir(net, torch.zeros(1, 20)))
    network = read_network(path, Discretisation(framework="norse"))
    spikes = stimulus(20)
    expected = norse_run(net, spikes)
    if cell == "LIBoxCell":
        assert np.allclose(simulate(network, spikes)[0].membrane, expected[0][1], **EXPORTED)
        assert np.abs(expected[0][1]).max() > 0.1
    else:
        agree(network, spikes, expected, EXPORTED)


def test_time_constants_of_norse_can_be_in_seconds(tmp_path: Path) -> None:
    """As its from_nir takes them: the remedy of a file that looks so."""
    path, one = tmp_path / "net.nir", np.ones(1)
    nir.write(path, nir.NIRGraph.from_list(nir.CubaLIF(4e-3 * one, 8e-3 * one, one, 0 * one, one, w_in=2 * one)))
    (layer,) = read_network(path, Discretisation(framework="norse", tau="seconds")).layers
    assert (layer.neurons.membrane_decay, layer.neurons.current_decay) == (0.875, 0.75)
    assert layer.weights[0] == pytest.approx(2 / 4 / 8)
    slow = Discretisation(framework="norse", tau="times_dt")
    assert read_network(path, slow).layers[0].neurons.membrane_decay == pytest.approx(1 - DT / 8)


@pytest.mark.parametrize("alpha", [None, 0.0], ids=["leaky", "synaptic"])
def test_a_decay_of_0_of_snntorch(tmp_path: Path, alpha: float | None) -> None:
    """tau = dt: the neuron forgets at once."""
    torch.manual_seed(SEED)
    options = {"beta": torch.zeros(20), "threshold": vector(0.3, 0.5, 20), "init_hidden": True}
    neurons = snntorch.Leaky(**options) if alpha is None else snntorch.Synaptic(alpha=torch.zeros(20), **options)
    net = torch.nn.Sequential(linear(30, 20, 0.3), neurons)
    network = exported(tmp_path, net, "subtract", delay=True)
    assert not network.layers[0].neurons.membrane_decay.any()
    spikes = stimulus(30)
    agree(network, spikes, snntorch_run(net, spikes), EXPORTED)


@pytest.mark.parametrize(("comparison", "first"), [("greater", 2), ("greater_equal", 1)])
def test_a_potential_that_equals_the_threshold(tmp_path: Path, comparison: str, first: int) -> None:
    """0.5, 0.75, 0.875 … with a threshold of 0.75."""
    one, path = np.ones(1), tmp_path / "net.nir"
    nir.write(path, nir.NIRGraph.from_list(nir.LIF(2 * DT * one, one, 0 * one, 0.75 * one)))
    network = read_network(path, Discretisation(dt_s=DT, comparison=comparison))
    spikes = simulate(network, np.ones((1, 4, 1), bool))[0].spikes
    assert int(np.argmax(spikes[0, :, 0])) == first


def test_current_of_the_step_before(tmp_path: Path) -> None:
    """next_step against a plain loop: the membrane adds the current that the last step left."""
    random, zero = np.random.default_rng(SEED + 1), np.zeros(NEURONS)
    tau, tau_syn = random.uniform(4e-3, 20e-3, NEURONS), random.uniform(2e-3, 9e-3, NEURONS)
    node = nir.CubaLIF(tau_mem=tau, tau_syn=tau_syn, r=zero + 2, v_leak=zero, v_threshold=zero + 0.3, w_in=zero + 3)
    path = tmp_path / "net.nir"
    nir.write(path, nir.NIRGraph.from_list(node))
    network = read_network(path, Discretisation(dt_s=DT, current_timing="next_step"))
    spikes = stimulus(NEURONS)
    i, v = np.zeros((2, SAMPLES, NEURONS))
    expected = []
    for t in range(STEPS):
        v = v + DT / tau * (2 * i - v)
        i = i + DT / tau_syn * (3 * spikes[:, t] - i)
        s = v > 0.3
        v = np.where(s, 0, v)
        expected.append((s, v))
    agree(network, spikes, [(np.stack([s for s, _ in expected], 1), np.stack([v for _, v in expected], 1))])
