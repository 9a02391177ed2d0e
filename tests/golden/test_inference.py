"""Networks: one synapse at a time against the matrix product; speed; files; what is refused."""

import time

import numpy as np
import pytest

from ranvier.golden.inference import run_program, synaptic_drive
from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, Program, dense

from ..programs import random_layer, random_program
from .test_neuron import expected_traces

SECOND = 1e7  # synaptic operations that one core must do in a second


def lif(axons: int, neurons: int, rng: np.random.Generator, *, spiking: bool = True, name: str = "layer") -> Layer:
    model = Lif(20, Shift(3), spiking=spiking, bias_width=8)
    return random_layer(rng, axons, neurons, model=model, weight_width=8, name=name)


@pytest.mark.parametrize("seed", range(20))
def test_program_equals_one_synapse_at_a_time(seed):
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 14, rng.integers(2, 5))]
    program = random_program(rng, sizes, steps=6, readout=seed % 2 == 1, weight_width=int(rng.choice([1, 2, 4, 8, 16])))
    stimulus = rng.random((3, 6, sizes[0])) < 0.5
    spikes, updates = stimulus, 0
    for layer, trace in zip(program.layers, run_program(program, stimulus), strict=True):
        fired, membrane, saturations = expected_traces(layer, spikes)
        np.testing.assert_array_equal(trace.spikes, fired)
        np.testing.assert_array_equal(trace.membrane, membrane)
        np.testing.assert_array_equal(trace.saturations, saturations)
        spikes, updates = fired, updates + fired.size
    print(f"seed {seed}: sizes {sizes}, {updates} updates")
    assert updates == 18 * sum(sizes[1:])


def test_samples_do_not_influence_each_other():
    rng = np.random.default_rng(3)
    program = random_program(rng, [9, 8, 7], steps=5, readout=False, weight_width=4)
    stimulus = rng.random((6, 5, 9)) < 0.5
    together = run_program(program, stimulus)
    for sample in range(6):
        for all_samples, alone in zip(together, run_program(program, stimulus[sample : sample + 1]), strict=True):
            np.testing.assert_array_equal(all_samples.membrane[sample], alone.membrane[0])
            np.testing.assert_array_equal(all_samples.spikes[sample], alone.spikes[0])


def test_largest_weights_sum_without_rounding():
    weights = np.full((4096, 2), 32767, np.int64)
    weights[0, 1] = 32766
    model = Lif(32, Keep())
    parameters = {"bias": np.array(0), "threshold": np.array(1), "reset_value": np.array(0)}
    drive = synaptic_drive(Layer("wide", dense(weights), 16, model, parameters), [np.ones((1, 1, 4096), bool)])
    assert drive.tolist() == [[[4096 * 32767, 4096 * 32767 - 1]]]


def test_speed_on_the_digits_network(record_property):
    """Synaptic operations (spikes times fan-out) a second, on a network of the size of the digits'."""
    rng = np.random.default_rng(0)
    program = Program("speed", (lif(64, 128, rng, name="a"), lif(128, 10, rng, spiking=False, name="b")), 8)
    stimulus = rng.random((364, 8, 64)) < 0.3
    operations = int(stimulus.sum()) * 128 + int(run_program(program, stimulus)[0].spikes.sum()) * 10
    best = np.inf
    for _ in range(5):
        start = time.process_time()
        run_program(program, stimulus)
        best = min(best, time.process_time() - start)
    rate = operations / best
    record_property("synaptic_operations_per_second", rate)
    print(f"{operations} synaptic operations in {best * 1e3:.1f} ms: {rate:.3g} a second")
    assert rate >= SECOND


def test_a_program_is_read_as_it_was_written(tmp_path):
    rng = np.random.default_rng(11)
    for number in range(20):
        program = random_program(rng, [5, 6, 4], steps=7, readout=number % 2 == 0, weight_width=4)
        program.save(tmp_path / "program.npz")
        again = Program.load(tmp_path / "program.npz")
        assert again.description == program.description
        for before, after in zip(program.layers, again.layers, strict=True):
            assert after.model == before.model
            np.testing.assert_array_equal(after.matrix, before.matrix)
            np.testing.assert_array_equal(after.scale, before.scale)
            assert after.parameters.keys() == before.parameters.keys()
            for name, values in before.parameters.items():
                np.testing.assert_array_equal(after.parameters[name], values)


def test_the_same_program_is_the_same_bytes(tmp_path):
    program = random_program(np.random.default_rng(1), [5, 6, 4], steps=7, readout=True, weight_width=4)
    program.save(tmp_path / "a.npz")
    program.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


GOOD = {"bias": np.array(0), "threshold": np.array(1), "reset_value": np.array(0)}
MODEL = Lif(8, Keep())
SOFT = Lif(8, Keep(), reset="soft")
WEIGHTS = np.array([[1, 2, 3]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", WEIGHTS, 0, MODEL, GOOD), "Weight width must be 1..16 bits, not 0"),
        (("a", WEIGHTS, 17, MODEL, GOOD), "Weight width must be 1..16 bits, not 17"),
        (("a", WEIGHTS * 1.0, 4, MODEL, GOOD), "Weights must be int64, not float64"),
        (("a", WEIGHTS[:0], 4, MODEL, GOOD), "Weights must be a non-empty matrix, not [0, 3]"),
        (("a", WEIGHTS[0], 4, MODEL, GOOD), "Weights must be a non-empty matrix, not [3]"),
        (("a", WEIGHTS, 2, MODEL, GOOD), "Weights of layer a must fit 2 bits (-2..1)"),
        (("a", WEIGHTS - 2, 1, MODEL, GOOD), "Weights of layer a must fit 1 bits (-1..1)"),
        (("a", WEIGHTS, 4, MODEL, {"bias": np.array(0)}),
         "Layer a: Parameters must be ['bias', 'reset_value', 'threshold'], not ['bias']"),
        (("a", WEIGHTS, 4, MODEL, GOOD | {"threshold": np.array([1, 2])}),
         "Layer a: Parameter threshold must have shape () or (3,), not (2,)"),
        (("a", WEIGHTS, 4, MODEL, GOOD | {"threshold": np.array(128)}),
         "Layer a: Parameter threshold must lie in -128..127 (8 bits), not 128..128"),
        (("a", WEIGHTS, 4, SOFT, {"bias": np.array(0), "threshold": np.array(-1)}),
         "Layer a: Parameter threshold must lie in 0..127 (8 bits), not -1..-1"),
    ],
)  # fmt: skip
def test_a_layer_that_contradicts_itself_is_refused(arguments, message):
    name, weights, *others = arguments
    with pytest.raises(ValueError) as error:
        Layer(name, dense(weights), *others)
    assert str(error.value) == message


def test_layers_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^A program must have at least one layer$"):
        Program("empty", (), 1)
    with pytest.raises(ValueError, match=r"^Layer b must have 3 axons, not 4$"):
        Program("sizes", (lif(2, 3, rng, name="a"), lif(4, 2, rng, name="b")), 1)
    with pytest.raises(ValueError, match=r"^Layer a must spike: only the last layer may be a readout$"):
        Program("silent", (lif(2, 3, rng, spiking=False, name="a"), lif(3, 2, rng, name="b")), 1)
    with pytest.raises(ValueError, match=r"^Stimulus must have shape \[samples, steps, 2\], not \[1, 4, 3\]$"):
        run_program(Program("good", (lif(2, 3, rng),), 1), np.zeros((1, 4, 3), bool))
