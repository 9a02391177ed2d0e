"""Write gen/presets/digits_pixels.npz: the digits' test images as pixels, for an encoder on the chip.

    python scripts/digits_pixels.py [--output FOLDER]

``values`` uint8 ``[364, 64]``, 0 to 16, and ``labels``: the test split of scripts/train_digits.py, whose network the
preset runs; the same run writes the same bytes.
"""

import argparse
from pathlib import Path

import numpy as np
from train_digits import PRESET, load_split


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=PRESET, help="folder (default: gen/presets)")
    _, (pixels, labels) = load_split()
    file = parser.parse_args().output / "digits_pixels.npz"
    np.savez_compressed(file, allow_pickle=False, values=pixels.numpy().astype(np.uint8), labels=labels.numpy())
    print(f"{file} written: {len(labels)} images")


if __name__ == "__main__":
    main()
