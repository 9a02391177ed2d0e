"""The trained digits network as it lies in the repository: its data, its accuracy in snnTorch, its reading."""

import subprocess
import sys
from pathlib import Path

import nir
import numpy as np
import pytest
import snntorch
import torch
from sklearn.datasets import load_digits

from ranvier.gen.config import load_configuration
from ranvier.gen.quantize import quantize
from ranvier.gen.readers import read_network
from ranvier.gen.simulate import simulate
from ranvier.golden.inference import run_program

STEPS = 8


@pytest.fixture(scope="module")
def configuration():
    return load_configuration("digits")


@pytest.fixture(scope="module")
def test_split(configuration):
    with np.load(configuration.stimulus.file) as file:
        return file["spikes"], file["labels"]


def snntorch_run(path: Path, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hidden spikes, hidden membrane and readout membrane, in float64, from the file and snnTorch alone."""
    nodes = nir.read(path).nodes

    def leaky(node, mechanism):
        beta = torch.from_numpy(1 - 1 / node.r.astype(np.float64))  # r = 1 / (1 - beta)
        return snntorch.Leaky(beta=beta, threshold=torch.ones(()), reset_mechanism=mechanism, reset_delay=False)

    def synapses(node, signal):
        weight, bias = (torch.from_numpy(array.astype(np.float64)) for array in (node.weight, node.bias))
        return torch.nn.functional.linear(signal, weight, bias)

    hidden, readout = leaky(nodes["hidden"], "zero"), leaky(nodes["readout"], "none")
    v, w = torch.zeros(len(spikes), 128).double(), torch.zeros(len(spikes), 10).double()
    record = []
    for step in range(spikes.shape[1]):
        fired, v = hidden(synapses(nodes["synapses1"], torch.from_numpy(spikes[:, step]).double()), v)
        _, w = readout(synapses(nodes["synapses2"], fired.double()), w)
        record.append((fired, v, w))
    fired, v, w = (torch.stack(values, dim=1).numpy() for values in zip(*record, strict=True))
    return fired > 0, v, w


def test_stimulus_is_the_test_split_of_the_real_images(test_split):
    """Every fifth image of each class, pixel p as p of 16 spikes spread evenly, cut at eight steps."""
    spikes, labels = test_split
    data = load_digits()
    seen, chosen = dict.fromkeys(range(10), 0), []
    for index, digit in enumerate(data.target):
        if seen[digit] % 5 == 0:
            chosen.append(index)
        seen[digit] += 1
    assert len(chosen) == 364
    np.testing.assert_array_equal(labels, data.target[chosen])
    expected = np.zeros((len(chosen), STEPS, 64), np.uint8)
    for sample, index in enumerate(chosen):
        for axon, pixel in enumerate(data.images[index].ravel()):
            sent = 0
            for step in range(STEPS):
                due = int(pixel) * (step + 1) // 16
                expected[sample, step, axon], sent = due - sent, due
    assert spikes.dtype == np.uint8
    np.testing.assert_array_equal(spikes, expected)


def test_accuracy_in_snntorch(configuration, test_split):
    spikes, labels = test_split
    fired, _, readout = snntorch_run(configuration.model, spikes)
    accuracy = (readout.sum(axis=1).argmax(axis=1) == labels).mean()
    print(f"{len(labels)} images: {accuracy:.2%}, {fired.sum() / len(labels):.1f} hidden spikes an image")
    assert accuracy >= 0.96
    assert 20 < fired.sum() / len(labels) < 100


def test_reader_means_what_snntorch_computes(configuration, test_split):
    spikes = test_split[0]
    fired, membrane, readout = snntorch_run(configuration.model, spikes)
    network = read_network(configuration.model, configuration.discretisation)
    hidden_trace, readout_trace = simulate(network, spikes.astype(bool))
    np.testing.assert_array_equal(hidden_trace.spikes, fired)
    np.testing.assert_allclose(hidden_trace.membrane, membrane, rtol=0, atol=1e-6)
    np.testing.assert_allclose(readout_trace.membrane, readout, rtol=0, atol=1e-6)
    assert fired.any()


def test_eight_bits_lose_at_most_a_point(configuration, test_split):
    spikes, labels = test_split
    network = read_network(configuration.model, configuration.discretisation)
    answers = [
        traces[-1].membrane.sum(axis=1).argmax(axis=1)
        for traces in (
            simulate(network, spikes.astype(bool)),
            run_program(quantize(network, configuration.quantisation), spikes.astype(bool)),
        )
    ]
    in_float, in_integers = ((answer == labels).mean() for answer in answers)
    print(f"float {in_float:.2%}, integer {in_integers:.2%}")
    assert in_integers >= 0.96
    assert in_integers >= in_float - 0.01


def test_training_script_keeps_what_is_there(configuration):
    before = configuration.model.read_bytes()
    script = Path(__file__).parents[2] / "scripts" / "train_digits.py"
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].endswith("digits.nir exists: pass --force to overwrite it, or --output FOLDER")
    assert configuration.model.read_bytes() == before
