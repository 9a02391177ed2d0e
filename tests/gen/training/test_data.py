"""Samples: the split and code of the preset's digits, shifts, order, and what is refused."""

import numpy as np
import pytest

from ranvier.gen.config import PRESETS
from ranvier.gen.training.coding import Course, coded, in_parts, rate_code, shifted
from ranvier.gen.training.config import Training
from ranvier.gen.training.data import DataSet, Split, load_data


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load_data("digits", Training(layers=[64, 128, 10], shifted=0.3))


def test_the_digits_are_those_of_the_inference_preset(digits):
    """scripts/train_digits.py wrote the spikes of its test images there."""
    with np.load(PRESETS / "digits.npz") as file:
        np.testing.assert_array_equal(coded(digits, digits.test.values, 8), file["spikes"].astype(bool))
        np.testing.assert_array_equal(digits.test.labels, file["labels"])
    assert len(digits.train) == 1433


def test_the_rate_code_spreads_a_pixel_evenly():
    spikes = rate_code(np.array([[0, 16, 8, 4, 255]], np.uint8), 8, 16)
    assert spikes[0].sum(axis=0).tolist() == [0, 8, 4, 2, 8]
    assert spikes[0, :, 2].tolist() == [False, True] * 4


def test_shifts_move_an_image_by_its_offset():
    image = np.arange(9).reshape(1, 9)
    moved = shifted(np.repeat(image, 3, axis=0), np.array([[0, 0], [1, 0], [0, -1]]), (3, 3))
    assert moved.reshape(3, 3, 3).tolist() == [
        [[0, 1, 2], [3, 4, 5], [6, 7, 8]],
        [[0, 0, 0], [0, 1, 2], [3, 4, 5]],
        [[1, 2, 0], [4, 5, 0], [7, 8, 0]],
    ]


def test_an_epoch_is_the_same_again_and_another_is_not(digits):
    whole, again = (Course(digits, 8, 5, 2, 0.3).part(0, 1433) for _ in range(2))
    np.testing.assert_array_equal(whole.spikes, again.spikes)
    np.testing.assert_array_equal(np.sort(whole.labels), np.sort(digits.train.labels))
    part = Course(digits, 8, 5, 2, 0.3).part(700, 710)
    np.testing.assert_array_equal(part.spikes, whole.spikes[700:710])
    for seed, epoch in ((5, 3), (6, 2)):
        assert (Course(digits, 8, seed, epoch, 0.3).part(0, 1433).labels != whole.labels).any()


def test_the_share_of_shifted_images_is_as_asked(digits):
    plain, moved = (Course(digits, 8, 5, 2, share).part(0, 1433) for share in (0.0, 0.3))
    np.testing.assert_array_equal(plain.labels, moved.labels)
    differ = (plain.spikes != moved.spikes).any(axis=(1, 2)).mean()
    assert 0.2 < differ < 0.3  # an image in nine of those chosen stays where it is


def test_spikes_are_taken_as_they_are():
    spikes = np.random.default_rng(0).random((5, 3, 4)) < 0.5
    data = DataSet(Split(spikes, np.zeros(5, np.int64)), Split(spikes, np.zeros(5, np.int64)))
    parts = list(in_parts(data, data.test, 3, 2))
    assert [len(part.labels) for part in parts] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([part.spikes for part in parts]), spikes)


def test_images_of_another_shape_keep_their_sides(tmp_path):
    images, labels = np.zeros((3, 2, 8), np.uint8), np.arange(3)
    arrays = {"train_images": images, "train_labels": labels, "test_images": images, "test_labels": labels}
    np.savez(tmp_path / "wide.npz", **arrays)
    assert load_data("wide", Training(data=str(tmp_path / "wide.npz"), layers=[16, 3])).shape is None
    np.savez(tmp_path / "flat.npz", **arrays | {"train_images": images.reshape(3, 16)})
    data = load_data("flat", Training(data=str(tmp_path / "flat.npz"), layers=[16, 3], levels=16))
    assert (data.shape, data.levels) == ((4, 4), 16)
