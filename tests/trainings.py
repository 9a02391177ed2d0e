"""A small training: three classes of images of four by four pixels, learned in a second."""

from pathlib import Path

import numpy as np

TOML = """\
name = "corners"

[training]
data = "corners.npz"
layers = [16, 12, 3]
steps = 3
batch = 5
epochs = 2
seed = 3
shifted = 0.5
lanes = 4
"""


def data(train: int = 42, test: int = 13) -> dict[str, np.ndarray]:
    """Images that one of three corners of is bright, with noise."""
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        labels = random.integers(0, 3, count)
        images = random.integers(0, 120, (count, 4, 4))
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 2)
            image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] += 130
        arrays |= {f"{part}_images": images.astype(np.uint8), f"{part}_labels": labels}
    return arrays


def write(folder: Path, text: str = TOML, **arrays: np.ndarray) -> str:
    """``corners.toml`` and ``corners.npz`` in ``folder``, arrays changed as given; the path of the first."""
    np.savez(folder / "corners.npz", allow_pickle=False, **data() | arrays)
    (folder / "corners.toml").write_text(text)
    return str(folder / "corners.toml")


def changed(before: str, after: str) -> str:
    """The configuration with one line changed."""
    assert before in TOML
    return TOML.replace(before, after)
