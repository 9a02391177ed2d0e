"""Softmax and losses against floats, with the errors that their tables allow."""

import math

import numpy as np
import pytest

from ranvier.golden.train.loss import LOSS_FRACTION_BITS, CountError, CrossEntropy, Softmax


def draw(classes: int, spread: float, unit_bits: int, samples: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    scores = (rng.normal(0, spread, (samples, 1, classes)) * 2**unit_bits).astype(np.int64)
    return scores, rng.integers(0, classes, samples)


def softmax(nats: np.ndarray) -> np.ndarray:
    exponentials = np.exp(nats - nats.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("spread", [0.1, 1, 4, 30])
@pytest.mark.parametrize("step_bits", [2, 4, 6])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_probabilities_and_loss_against_floats(classes, step_bits, spread):
    """A score is rounded down to a step of ``h = 2**-step_bits`` nats: each probability is wrong by a factor within
    ``exp(±h)``, by half a unit of each exponential over their sum, and by its reciprocal's rounding and its own."""
    made = Softmax(classes, 10, step_bits, entries=16 << step_bits)
    scores, labels = draw(classes, spread, made.unit_bits)
    result = CrossEntropy(made).assess(scores, labels)
    expected = softmax(scores[:, 0] / 2**made.unit_bits)
    target = np.eye(classes)[labels]
    unit, h = 2.0**-made.probability_bits, 2.0**-step_bits
    found = result.gradient[:, 0] * unit + target
    rounding = (1 + expected * classes) * 2.0 ** -(made.exponential_bits + 1) + 2 * unit + math.exp(-15)
    assert (found <= expected * math.exp(h) + rounding).all()
    assert (found >= expected * math.exp(-h) - rounding).all()
    assert (found >= 0).all()
    assert np.abs(1 - found.sum(axis=1)).max() <= classes * unit, "each within a unit"

    shown = expected[np.arange(len(labels)), labels]
    loss = result.loss / 2**LOSS_FRACTION_BITS
    inside = -np.log(shown) < 8  # further out exponentials are too small for their bits
    worst = np.abs(loss + np.log(np.maximum(shown, 1e-300)))[inside].max()
    print(f"loss off by at most {worst:.4f} nats over {inside.sum()} of {len(labels)} samples")
    assert worst <= h + 1 / 32 + classes * 2.0 ** -(made.exponential_bits + 1) + 2.0**-LOSS_FRACTION_BITS
    assert inside.any()
    assert (result.prediction == scores[:, 0].argmax(axis=1)).all()


def test_the_first_of_the_largest_outputs_is_predicted():
    outputs = np.array([[[3, 5, 5]], [[1, 1, 1]], [[0, 1, 2]]])
    labels = np.zeros(3, np.int64)
    assert CrossEntropy(Softmax(3, 4)).assess(outputs, labels).prediction.tolist() == [1, 0, 2]
    assert CountError(3, 4).assess(outputs, labels).prediction.tolist() == [1, 0, 2]


def test_a_score_far_below_the_largest_has_no_probability():
    made = Softmax(2, 8, entries=32)
    result = CrossEntropy(made).assess(np.array([[[0, -(2**40)]], [[0, -31 << 4]], [[0, -30 << 4]]]), np.zeros(3, int))
    assert result.gradient[:, 0, 1].tolist()[:2] == [0, 0]
    assert result.gradient[2, 0, 1] > 0
    assert result.gradient[:2, 0, 0].tolist() == [0, 0]


def test_tet_is_the_sum_of_each_steps_cross_entropy():
    scores, labels = draw(10, 2, 10, samples=50)
    steps = np.concatenate([scores, scores[::-1], scores * 2], axis=1)
    made = Softmax(10, 10)
    together = CrossEntropy(made, every_step=True).assess(steps, labels)
    alone = [CrossEntropy(made).assess(steps[:, t : t + 1], labels) for t in range(3)]
    np.testing.assert_array_equal(together.loss, sum(part.loss for part in alone))
    np.testing.assert_array_equal(together.gradient, np.concatenate([part.gradient for part in alone], axis=1))
    summed = CrossEntropy(made).assess(steps, labels)
    np.testing.assert_array_equal(summed.loss, CrossEntropy(made).assess(steps.sum(1, keepdims=True), labels).loss)
    np.testing.assert_array_equal(summed.prediction, together.prediction)
    assert (summed.gradient[:, 0] == summed.gradient[:, 2]).all()


def test_count_error():
    outputs = np.array([[[1, 0, 1], [1, 0, 0]]])
    result = CountError(3, on=2, off=0, gain_shift=3).assess(outputs, np.array([1]))
    assert result.gradient.tolist() == [[[16, -16, 8]] * 2]
    assert result.loss.tolist() == [4 + 4 + 1]
