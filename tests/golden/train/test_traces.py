"""OTTT against its own definition: leaky traces of the axons' spikes, forward in time, in floating point."""

import numpy as np
import pytest

from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train import bptt
from ranvier.golden.train.loss import CountError
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle


def traced_setup(decay) -> TrainingSetup:
    model = Lif(20, decay, reset="soft")
    parameters = {"bias": 0, "threshold": 256}
    layers = [
        TrainedLayer(f"l{k}", a, b, model, parameters, Rectangle(200)) for k, (a, b) in enumerate([(20, 12), (12, 5)])
    ]
    options = {"weight_width": 12, "weight_fraction": 8, "gradient_width": 24, "temporal": False, "traces": True}
    return TrainingSetup("traced", tuple(layers), CountError(5, 6, 0, 8), Sgd(clip=2047), 8, **options)


@pytest.mark.parametrize(
    ("decay", "leak", "exact"), [(Keep(), 1.0, True), (Shift(1), 0.5, False), (Shift(3), 0.875, False)]
)
def test_weight_gradient_is_that_of_traces(decay, leak, exact):
    setup, rng = traced_setup(decay), np.random.default_rng(7)
    weights = [rng.integers(-400, 600, layer.weight_shape) for layer in setup.layers]
    spikes, labels = rng.random((16, 8, 20)) < 0.3, rng.integers(0, 5, 16)
    batch = bptt.run_batch(setup, weights, spikes, labels)
    compared = 0
    for forward, backward, found in zip(batch.forward, batch.backward, batch.gradient, strict=True):
        trace, expected = np.zeros(forward.axons[:, 0].shape), np.zeros(found.shape)
        for t in range(setup.steps):
            trace = leak * trace + forward.axons[:, t]
            expected += trace.T @ backward.membrane[:, t]
        assert np.abs(expected).max() > 0
        if exact:
            np.testing.assert_array_equal(found, expected)
        cosine = (found * expected).sum() / np.linalg.norm(found) / np.linalg.norm(expected)
        assert cosine > 0.9999
        compared += found.size
    print(f"{decay}: {compared} weights")


def test_traces_stand_in_for_gradients_that_go_back():
    setup = traced_setup(Keep())
    with pytest.raises(ValueError) as error:
        TrainingSetup(**{**vars(setup), "temporal": True})
    assert str(error.value) == (
        "Traces of axons (OTTT) must stand in for gradients that go back in time: temporal must be False"
    )
