"""Networks that people train, in emitted Verilog: every spike and potential of 20 samples each, in the cycles of the
formula. ``ranvier sim MODEL --images 200`` does the same with 200."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import generate
from ranvier.golden.attention import Tokens
from ranvier.hw.config import CoreConfig
from ranvier.sim.runner import simulate_build

MODELS = Path(__file__).parents[2] / "build" / "models"
SAMPLES = 20


def fetched(name: str) -> str:
    """A network that scripts/test has fetched."""
    path = MODELS / f"{name}.toml"
    assert path.exists(), "run scripts/fetch_mnist.py and scripts/fetch_networks.py first"
    return str(path)


def simulated(folder: Path, source: str, simulator: str) -> Design:
    design = load_design(source)
    generate(design, folder / design.program.name)
    samples = design.samples(seed=1, random_samples=SAMPLES).first(SAMPLES)
    result = simulate_build(folder / design.program.name, samples, simulator=simulator, seed=2)
    print(f"{design.program.name}: {result.compared}, {result.cycles}")
    assert result.passed, result.problem
    neurons = sum(layer.neurons for layer in design.program.layers)
    played = SAMPLES * samples.spikes.shape[1] * neurons
    assert len(samples.spikes) == SAMPLES
    assert result.compared.spikes == result.compared.membranes == played
    assert result.compared.output_events > 0
    return design


def test_the_convolutional_network_of_sinabs(tmp_path):
    """Three convolutions, sum pooling before the third and before a dense layer, on MNIST's digits as events."""
    design = simulated(tmp_path, fetched("scnn_mnist"), "verilator")
    assert [len(layer.convolutions) for layer in design.program.layers] == [1, 1, 1, 1, 0]
    assert design.report.integer_accuracy >= 0.9
    # A kernel is stored once, without a gap; an event inside an image costs its weights divided by the lanes.
    for layer, core in zip(design.program.layers, design.chip.cores, strict=True):
        (weights,) = layer.weights
        stored = {name: words * width for name, words, width in core.memories}
        assert stored == {"weights": weights.size * layer.weight_width}
    costs = event_costs(design)
    print(f"cycles of an event over weights divided by lanes: {costs}")
    assert all(1 <= cost <= 1.05 for cost in costs)


def event_costs(design: Design) -> list[float]:
    """Cycles of one event at each axon of each layer, over the weights that these add, divided by the lanes."""
    costs = []
    for layer, core in zip(design.program.layers, design.chip.cores, strict=True):
        weights = sum(fan_out(layer.connections[0].synapses))
        costs.append(sum(core.event_cycles) / (weights / core.lanes))
    return costs


def fan_out(synapses) -> list[int]:
    """Neurons that each axon reaches, all weights counted."""
    ones = replace(synapses, weights=np.ones_like(synapses.weights))
    found = []
    for first in range(0, synapses.axons, 256):
        spikes = np.zeros((min(256, synapses.axons - first), synapses.axons), bool)
        spikes[np.arange(len(spikes)), first + np.arange(len(spikes))] = True
        found += ones.drive(spikes).sum(axis=1).tolist()
    return found


def test_the_recurrent_network_of_norse(tmp_path):
    design = simulated(tmp_path, fetched("braille"), "icarus")
    sources = [[connection.sources for connection in layer.connections] for layer in design.program.layers]
    assert sources == [[(-1,), (0,)], [(-1,)]]


def test_the_residual_network(tmp_path):
    """Trained here, by scripts/train_digits_residual.py: a convolution of the sum of two layers' spikes."""
    design = simulated(tmp_path, "digits_residual", "verilator")
    report = design.report
    print(f"float {report.float_accuracy:.2%}, integer {report.integer_accuracy:.2%} of {report.samples}")
    assert report.samples == 364 and report.integer_accuracy >= 0.97 and report.float_accuracy >= 0.97
    sources = {layer.name: [c.sources for c in layer.connections] for layer in design.program.layers}
    assert sources["down"] == [(-1, -2)]
    assert all(cost == pytest.approx(1) for cost in event_costs(design))


def test_the_transformer(tmp_path):
    """Trained here, by scripts/train_digits_transformer.py: a block of Spikformer, with sums of up to three spikes."""
    design = simulated(tmp_path, "digits_transformer", "verilator")
    report = design.report
    print(f"float {report.float_accuracy:.2%}, integer {report.integer_accuracy:.2%} of {report.samples}")
    assert report.samples == 364 and report.integer_accuracy >= 0.95 and report.float_accuracy >= 0.95
    attentions = [core.attention for core in design.chip.cores if core.attention is not None]
    assert attentions == [Tokens(16, 16, 2)]
    assert max(connection.repeats for layer in design.program.layers for connection in layer.connections) == 3


def test_the_recurrent_network_of_vowels(tmp_path):
    """Trained here, by scripts/train_vowels.py, on JapaneseVowels."""
    design = simulated(tmp_path, "vowels", "icarus")
    report = design.report
    print(f"float {report.float_accuracy:.2%}, integer {report.integer_accuracy:.2%} of {report.samples}")
    assert report.samples == 370 and report.integer_accuracy >= 0.93 and report.float_accuracy >= 0.93
    assert [connection.sources for connection in design.program.layers[0].connections] == [(-1,), (0,)]


def test_a_core_that_does_not_fit_is_refused():
    layer = load_design("digits_residual").program.layers[0]
    with pytest.raises(ValueError, match=r"^Lanes of core stem must divide the 8 filters of a group, or be some"):
        CoreConfig("stem", layer.axons, layer.neurons, 3, 8, layer.model, convolutions=layer.convolutions)
