"""The PyTorch twin and golden, bit for bit, over batches and their updates."""

import numpy as np
import pytest
import torch

from ranvier.golden.torch_training import TorchTrainer
from ranvier.golden.train.bptt import learn, update
from ranvier.golden.train.synapse import Convolution

from .setups import pick, random_samples, random_setup, random_state

CONVOLUTIONS = [
    (),
    (Convolution(1, 5, 4, 2, (3, 3)),),
    (Convolution(2, 4, 5, 3, (2, 3), (2, 1), (1, 1)), Convolution(3, 3, 5, 2, (3, 3), (2, 2), (1, 1))),
    (Convolution(3, 3, 3, 2, (1, 1), (2, 2)),),
]


@pytest.mark.parametrize("seed", range(12))
def test_twin_equals_golden(seed):
    rng = np.random.default_rng(seed)
    compared = nonzero = 0

    def equal(found: torch.Tensor, wanted: np.ndarray):
        nonlocal compared, nonzero
        np.testing.assert_array_equal(found.numpy(), wanted)
        compared, nonzero = compared + wanted.size, nonzero + np.count_nonzero(wanted)

    for _ in range(4):
        sizes = [int(n) for n in rng.integers(2, 16, rng.integers(2, 5))]
        convolutions = pick(rng, CONVOLUTIONS)
        if convolutions:
            sizes = [convolutions[0].inputs, *(each.neurons for each in convolutions), *sizes[1:]]
        setup = random_setup(rng, sizes, convolutions=convolutions)
        state = random_state(rng, setup)
        trainer = TorchTrainer(setup, state)
        for _ in range(3):
            rate, count = int(rng.integers(1, setup.optimiser.top_rate + 1)), int(rng.integers(1, setup.batch))
            for samples in (count, setup.batch - count):  # a batch in two parts
                spikes, labels = random_samples(rng, setup, samples)
                batch = learn(setup, state, spikes, labels)
                assessment = trainer.learn(torch.from_numpy(spikes), torch.from_numpy(labels))
                equal(torch.stack(assessment.gradient, 1), batch.assessment.gradient)
                equal(assessment.loss, batch.assessment.loss)
                equal(assessment.prediction, batch.assessment.prediction)
                for twin, ran, back in zip(trainer.layers, batch.forward, batch.backward, strict=True):
                    for name, wanted in (
                        ("spikes", ran.spikes),
                        ("membrane", ran.membrane),
                        ("derivative", ran.derivative),
                        ("spike_gradient", back.spike),
                        ("membrane_gradient", back.membrane),
                    ):
                        equal(torch.stack([getattr(step, name) for step in twin.steps], 1), wanted)
                    equal(twin.saturations, ran.saturations)
                    equal(twin.gradient_saturations, back.saturations)
                for twin, wanted in zip(trainer.layers, state.gradient, strict=True):
                    equal(twin.gradient, wanted)
            assert trainer.update(rate) == update(setup, state, rate)
            for twin, weights, momentum in zip(trainer.layers, state.weights, state.momentum, strict=True):
                equal(twin.weights, weights)
                equal(twin.momentum, momentum)
                assert not twin.gradient.any()
            equal(trainer.generators, state.generators)
    print(f"seed {seed}: {compared} values, {nonzero} of them not 0")
    assert compared > 10_000
    assert nonzero > compared // 10
