"""The float simulation of what was read from NIR equals the frameworks' own simulations."""

import copy
from pathlib import Path

import nir
import norse.torch.functional as norse
import numpy as np
import pytest
import snntorch
import torch
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
    assert np.allclose(network.layers[0].weights, net[0].weight.detach().numpy().T, rtol=1e-6)
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


def norse_run(step: object, state: object, drive: np.ndarray, p: object) -> tuple[np.ndarray, np.ndarray]:
    record = []
    for t in range(drive.shape[1]):
        spike, state = step(torch.from_numpy(drive[:, t]), state, p)
        record.append((spike, state.v))
    return torch.stack([s for s, _ in record], 1).numpy(), torch.stack([v for _, v in record], 1).numpy()


NEURONS, DT = 15, 1e-3


def norse_case(folder: Path, node: nir.NIRNode) -> tuple[Network, np.ndarray, np.ndarray]:
    """The network of a matrix and ``node`` as Norse means it, a stimulus, and the neurons' input."""
    random = np.random.default_rng(SEED)
    weights = random.uniform(-1, 2, (NEURONS, 20))
    path = folder / "net.nir"
    nir.write(path, nir.NIRGraph.from_list(nir.Linear(weights), node))
    spikes = stimulus(20)
    return read_network(path, Discretisation(framework="norse")), spikes, spikes.astype(float) @ weights.T


def spread(low: float, high: float) -> np.ndarray:
    return np.random.default_rng(SEED + 1).uniform(low, high, NEURONS)


def test_lif_box_of_norse(tmp_path: Path) -> None:
    tau, leak, threshold, rest = spread(4e-3, 20e-3), spread(-0.2, 0.2), spread(0.3, 0.6), spread(-0.3, 0)
    node = nir.LIF(tau=tau, r=np.ones(NEURONS), v_leak=leak, v_threshold=threshold, v_reset=rest)
    network, spikes, drive = norse_case(tmp_path, node)
    p = norse.lif_box.LIFBoxParameters(*(torch.from_numpy(x) for x in (1 / tau, leak, threshold, rest)))
    state = norse.lif_box.LIFBoxFeedForwardState(v=torch.zeros(SAMPLES, NEURONS, dtype=torch.float64))
    agree(network, spikes, [norse_run(norse.lif_box.lif_box_feed_forward_step, state, drive, p)])


def test_lif_cell_of_norse(tmp_path: Path) -> None:
    """The cell adds its input whole to the current: in NIR's terms, w_in = tau_syn / dt."""
    tau, tau_syn, leak, threshold = spread(4e-3, 20e-3), spread(2e-3, 9e-3), spread(-0.2, 0.2), spread(0.6, 1)
    zero = np.zeros(NEURONS)
    node = nir.CubaLIF(
        tau_mem=tau, tau_syn=tau_syn, r=zero + 1, v_leak=leak, v_threshold=threshold, v_reset=zero, w_in=tau_syn / DT
    )
    network, spikes, drive = norse_case(tmp_path, node)
    p = norse.lif.LIFParameters(*(torch.from_numpy(x) for x in (1 / tau_syn, 1 / tau, leak, threshold, zero)))
    state = norse.lif.LIFFeedForwardState(*(torch.zeros(SAMPLES, NEURONS, dtype=torch.float64) for _ in range(2)))
    agree(network, spikes, [norse_run(norse.lif.lif_feed_forward_step, state, drive, p)])


def test_integrator_of_norse(tmp_path: Path) -> None:
    """IAFCell takes its input whole, though its exporter writes r = 1."""
    threshold, zero = spread(2, 5), np.zeros(NEURONS)
    network, spikes, drive = norse_case(tmp_path, nir.IF(r=zero + 1, v_threshold=threshold))
    p = norse.iaf.IAFParameters(v_th=torch.from_numpy(threshold), v_reset=torch.from_numpy(zero))
    state = norse.iaf.IAFFeedForwardState(v=torch.zeros(SAMPLES, NEURONS, dtype=torch.float64))
    agree(network, spikes, [norse_run(norse.iaf.iaf_feed_forward_step, state, drive, p)])


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
    tau, tau_syn, zero = spread(4e-3, 20e-3), spread(2e-3, 9e-3), np.zeros(NEURONS)
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
