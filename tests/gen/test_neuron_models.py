"""Networks of the models that NIR does not have: read, run as floats, quantised, and refused."""

import re
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from ranvier.gen.accuracy import measure
from ranvier.gen.blank import blank_program
from ranvier.gen.config import BlankCore, Configuration, Discretisation, Quantisation
from ranvier.gen.errors import RanvierError
from ranvier.gen.importer.extension import model_node
from ranvier.gen.network import ModelNeurons, Network
from ranvier.gen.quantize import quantize
from ranvier.gen.readers import read_network
from ranvier.gen.simulate import simulate
from ranvier.gen.stimulus import Samples
from ranvier.golden.neurons.fields import models
from ranvier.golden.neurons.leak import Keep
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.neurons.neuron import NEURONS
from ranvier.golden.program import Connection, Layer
from ranvier.golden.synapse import Dense

INPUTS, NEURONS_HIDDEN, OUTPUTS, STEPS = 20, 12, 5, 16
STRENGTH = {
    "AdEx": 60.0,
    "EIF": 60.0,
    "Izhikevich": 25.0,
    "QIF": 25.0,
    "PLIF": 2.0,
    "MT": 1.5,
    "LIFB": 1.0,
}  # of weights; else 0.5


def spikes(seed: int = 3) -> np.ndarray:
    print(f"seed {seed}")
    return np.random.default_rng(seed).random((6, STEPS, INPUTS)) < 0.3


def written(path: Path, kind: str, **values: np.ndarray) -> Path:
    """A network with neurons of ``kind``, whose example's values are for each of them."""
    rng = np.random.default_rng(1)
    fields = NEURONS[kind].FIELDS
    example = {
        name: np.asarray(value, float) if fields[name].whole else np.full(NEURONS_HIDDEN, value, float)
        for name, value in NEURONS[kind].EXAMPLE.items()
    }
    strength = STRENGTH.get(kind, 0.5)
    nodes = {
        "input": nir.Input({"input": np.array([INPUTS])}),
        "synapses1": nir.Affine(rng.normal(0.1, 0.4, (NEURONS_HIDDEN, INPUTS)) * strength, np.zeros(NEURONS_HIDDEN)),
        "hidden": model_node(kind, **example | values),
        "synapses2": nir.Affine(rng.normal(0, 0.4, (OUTPUTS, NEURONS_HIDDEN)), np.zeros(OUTPUTS)),
        "readout": nir.LI(np.full(OUTPUTS, 1e-3), np.full(OUTPUTS, 10.0), np.zeros(OUTPUTS)),
        "output": nir.Output({"output": np.array([OUTPUTS])}),
    }
    nir.write(path, nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False))
    return path


def network(path: Path, kind: str, **values: np.ndarray) -> Network:
    return read_network(written(path, kind, **values), Discretisation(framework="snntorch", dt_s=1e-4))


@pytest.mark.parametrize("kind", models())
def test_integers_follow_the_floats(tmp_path: Path, kind: str):
    read, stimulus = network(tmp_path / "net.nir", kind), spikes()
    assert isinstance(read.layers[0].neurons, ModelNeurons)
    floats = simulate(read, stimulus)[0]
    sixteen = Quantisation(weight_width=16, decay_fraction_bits=14, steps=STEPS)
    program = quantize(read, sixteen)
    report = measure(read, program, Samples(stimulus))
    print(kind, program.layers[0].model, report.layers[0].agreement, report.layers[0].rate)
    greatest, most = np.abs(floats.spikes.astype(int)).max(), program.layers[0].model.levels
    assert report.layers[0].rate > 0.01 and min(most, 2) <= greatest <= most
    assert report.layers[0].agreement > 0.98


def test_a_value_each_and_images(tmp_path: Path):
    """Values of neurons stay with them, whatever the order of an image."""
    decays = np.linspace(0.5, 0.9, NEURONS_HIDDEN)
    read = network(tmp_path / "net.nir", "KLIF", decay=decays)
    neurons = read.layers[0].neurons
    assert isinstance(neurons, ModelNeurons) and np.array_equal(neurons.values["decay"], decays)
    order = np.arange(NEURONS_HIDDEN)[::-1]
    assert np.array_equal(neurons.ordered(order).values["decay"], decays[::-1])
    program = quantize(read, Quantisation(decay_fraction_bits=8))
    assert program.layers[0].parameters["decay"].tolist() == np.rint(decays * 256).astype(int).tolist()


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("KLIF", {"decay": np.full(NEURONS_HIDDEN, 1.5)}, "KLIF needs a finite decay in 0..1, not 1.5"),
        ("KLIF", {"decay": np.full(3, 0.5), "k": np.full(4, 1.0)}, "its parameters differ in shape: [3], [4]"),
        ("KLIF", {"decay": np.full(3, 0.5), "k": np.full(3, 1.0)}, "it takes shape [3] but gets [12]"),
        ("MT", {"v_thresholds": np.array([2.0, 1.0])},
         "MT: v_thresholds must grow from one to the next, not [2.0, 1.0]"),
        ("LIFB", {"v_reset": np.full(NEURONS_HIDDEN, 2.0)},
         "LIFB needs v_reset at or below v_threshold, not 2 above 1"),
    ],
)  # fmt: skip
def test_what_no_such_neuron_has_is_refused(tmp_path: Path, kind: str, values: dict[str, np.ndarray], message: str):
    with pytest.raises(RanvierError, match=re.escape(message)):
        quantize(network(tmp_path / "net.nir", kind, **values), Quantisation())


def test_a_node_must_be_a_models():
    known = ", ".join(models())
    message = f"Neurons must be of a model ({known}) and have its fields, not KLIF with ['tau']"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model_node("KLIF", tau=np.ones(1))


CORE = {"name": "net", "core": {"axons": 4, "neurons": 4}}


@pytest.mark.parametrize(
    ("core", "message"),
    [
        ({}, "either 'threshold' and 'leak_shift', or a 'neuron' must be given"),
        ({"threshold": 3}, "either 'threshold' and 'leak_shift', or a 'neuron' must be given"),
        ({"threshold": 3, "leak_shift": 1, "neuron": {"model": "KLIF", "values": {"decay": 0.5}}},
         "either 'threshold' and 'leak_shift', or a 'neuron' must be given"),
        ({"reset": "soft", "neuron": {"model": "KLIF", "values": {"decay": 0.5}}},
         "a 'neuron' has no 'reset' beside it: its values say what it does"),
        ({"neuron": {"model": "MT", "values": {"decay": 0.5, "v_thresholds": []}}},
         "MT needs a value of v_thresholds at least, not an empty array"),
        ({"neuron": {"model": "LIFE"}}, f"model must be one of {', '.join(models())}, not 'LIFE'"),
        ({"neuron": {"model": "KLIF"}}, "KLIF needs decay, which has no default"),
        ({"neuron": {"model": "KLIF", "values": {"tau": 2}}},
         "KLIF has no tau: its values are decay, k, v_threshold, v_reset, soft_reset"),
        ({"neuron": {"model": "KLIF", "values": {"decay": [0.5, 0.6]}}},
         "KLIF needs one decay, for all neurons of the core, not 2"),
    ],
)  # fmt: skip
def test_a_core_of_no_model_is_refused(core: dict, message: str):
    with pytest.raises(ValueError, match=re.escape(message)):
        Configuration.model_validate(CORE | {"core": CORE["core"] | core})


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("KLIF", {"decay": 0.5, "v_threshold": 1e300},
         "Core net: its threshold becomes 1e+300, too much for 32 bits; set smaller core.neuron.values"),
        ("SlidingPSN", {"weight": [1e200, 1.0]},
         "Core net: Weights over time of a SlidingPSN must have 1..24 bits, not 64"),
    ],
)  # fmt: skip
def test_a_core_of_values_too_great_is_refused(kind: str, values: dict, message: str):
    core = CORE["core"] | {"neuron": {"model": kind, "values": values}}
    with pytest.raises(RanvierError) as error:
        blank_program("net", BlankCore.model_validate(core), Quantisation())
    assert str(error.value) == message


def test_a_parameter_that_does_not_fit_names_its_layer_once(tmp_path: Path):
    """A threshold of three bits, of a state of two."""
    read = network(tmp_path / "net.nir", "KLIF", v_threshold=np.full(NEURONS_HIDDEN, 1.0))
    with pytest.raises(RanvierError) as error:
        quantize(read, Quantisation(state_width=2))
    assert re.match(r"Layer hidden: Parameter threshold must lie in 0\.\.1 \(2 bits\), not ", str(error.value))


def test_delays_of_spikes_below_0_are_refused(tmp_path: Path):
    """Of those spikes, and of others at the same neurons."""
    neurons = np.ones(2)
    nodes = {
        "input": nir.Input({"input": np.array([2])}),
        "synapses1": nir.Linear(np.eye(2)),
        "hidden": model_node("Ternary", decay=0.5 * neurons),
        "delay": nir.Delay(2e-4 * neurons),
        "synapses2": nir.Linear(np.eye(2)),
        "readout": nir.LI(1e-3 * neurons, 10 * neurons, 0 * neurons),
        "output": nir.Output({"output": np.array([2])}),
    }
    nir.write(tmp_path / "net.nir", nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False))
    with pytest.raises(RanvierError) as refusal:
        quantize(read_network(tmp_path / "net.nir", Discretisation(dt_s=1e-4)), Quantisation())
    assert str(refusal.value) == (
        "Layer readout: delays are of spikes from 0 up, but it hears some below 0; take the Delay away, or neurons"
        " without such spikes"
    )
    beside = {"axon_delay": nir.Delay(2e-4 * neurons), "synapses3": nir.Linear(np.eye(2))}
    there = [("input", "axon_delay"), ("axon_delay", "synapses3"), ("synapses3", "readout")]
    del nodes["delay"]
    nir.write(tmp_path / "two.nir", nir.NIRGraph(nodes | beside, [*pairwise(nodes), *there], type_check=False))
    with pytest.raises(RanvierError) as second:
        quantize(read_network(tmp_path / "two.nir", Discretisation(dt_s=1e-4)), Quantisation())
    assert str(second.value) == str(refusal.value)
    below, above = Dense(np.ones((2, 3), np.int64)), Dense(np.ones((4, 3), np.int64))
    connections = Connection(below, negative=True), Connection(above, (-2,), np.array([0, 1, 2, 0]))
    parameters = {name: np.array(0) for name in Lif(8, Keep()).parameter_shapes()}
    with pytest.raises(ValueError) as error:
        Layer("last", connections, 2, Lif(8, Keep()), parameters)
    assert str(error.value) == "Layer last must not have both delays and spikes below 0 at its connections"
