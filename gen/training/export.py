"""A trained network for inference: as NIR with its configuration and test samples, and as a Program."""

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np

from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.train.setup import TrainedLayer

from ..errors import RanvierError
from ..files import written_aside
from ..identifiers import LONGEST
from .coding import coded
from .plan import TrainingPlan

_SAMPLES = 1000  # of the test samples, that go along
_CHIP = "_chip"  # what the name of the chip ends in


def export(plan: TrainingPlan, weights: list[np.ndarray], folder: Path) -> list[str]:
    """Write ``NAME.nir``, ``NAME.toml`` and ``NAME.npz`` beside each other, and ``program.npz``; their names.

    The configuration has the trained formats, so that the chip made of the ``.nir`` file computes the very integers of
    the training.
    """
    name = plan.name
    try:
        program = plan.setup.program(weights)
    except ValueError as error:
        raise RanvierError(f"Training {name}: {error}") from None
    with written_aside(folder / "program.npz", "Program") as aside:
        program.save(aside)
    with written_aside(folder / f"{name}.npz", "Samples") as aside, open(aside, "wb") as file:
        test = plan.data.test
        spikes = coded(plan.data, test.values[:_SAMPLES], plan.setup.steps).astype(np.uint8)
        np.savez_compressed(file, allow_pickle=False, spikes=spikes, labels=test.labels[:_SAMPLES])
    with written_aside(folder / f"{name}.nir", "Model") as aside:
        nir.write(aside, _graph(plan, weights))
    with written_aside(folder / f"{name}.toml", "Configuration") as aside:
        aside.write_text(_configuration(plan), encoding="utf-8")
    return [f"{name}.nir", f"{name}.toml", f"{name}.npz", "program.npz"]


def _graph(plan: TrainingPlan, weights: list[np.ndarray]) -> nir.NIRGraph:
    """A chain of Linear nodes and neurons, some of which feed back; a time step is a second, and all gains are 1."""
    setup = plan.setup
    one = 1 << setup.weight_fraction
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array([setup.inputs])})}
    for layer, matrix in zip(setup.layers, weights, strict=True):
        nodes[f"{layer.name}_synapses"] = nir.Linear(layer.split(matrix)[0].T / one)
        nodes[layer.name] = _neurons(layer, one)
    nodes["output"] = nir.Output({"output": np.array([setup.classes])})
    edges = list(pairwise(nodes))
    for layer, matrix in zip(setup.layers, weights, strict=True):
        if layer.recurrent:
            back = f"{layer.name}_recurrent"
            nodes[back] = nir.Linear(layer.split(matrix)[1].T / one)
            edges += [(layer.name, back), (back, layer.name)]
    return nir.NIRGraph(nodes, edges, type_check=False)


def _neurons(layer: TrainedLayer, one: int) -> nir.NIRNode:
    ones = np.ones(layer.neurons)
    kept = _kept(layer.model.membrane_decay, layer.parameters.get("membrane_factor", 0))
    threshold = layer.parameters.get("threshold", 0) / one * ones
    if kept == 1:
        return nir.IF(ones, threshold) if layer.model.spiking else nir.I(ones)
    tau = ones / (1 - kept)  # of steps; r of the same size makes the gain 1
    if layer.model.spiking:
        return nir.LIF(tau=tau, r=tau, v_leak=0 * ones, v_threshold=threshold)
    return nir.LI(tau=tau, r=tau, v_leak=0 * ones)


def _kept(decay: Decay, factor: int) -> float:
    """The part of a potential that a step keeps."""
    if isinstance(decay, Keep):
        return 1.0
    if isinstance(decay, Shift):
        return 1 - 2.0**-decay.amount
    assert isinstance(decay, Multiply)
    return factor / (1 << decay.fraction_bits)


def _configuration(plan: TrainingPlan) -> str:
    setup, formats, neurons = plan.setup, plan.training.formats, plan.training.neurons
    return f"""\
# The network that 'ranvier train' trained as {plan.name}, for inference: the same integers.
name = "{plan.name[: LONGEST - len(_CHIP)]}{_CHIP}"
model = "{plan.name}.nir"

[discretisation]
framework = "nir"
dt_s = 1.0
method = "euler"
comparison = "{neurons.comparison}"
reset = "{neurons.reset}"
reset_timing = "{neurons.reset_timing}"

[quantisation]
weight_width = {setup.weight_width}
weight_fraction = {setup.weight_fraction}
state_width = {formats.state_width}
decay_fraction_bits = {formats.leak_fraction_bits}
steps = {setup.steps}

[hardware]
lanes = {min(plan.config.lanes, *(layer.neurons for layer in setup.layers))}

[stimulus]
file = "{plan.name}.npz"
"""
