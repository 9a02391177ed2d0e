"""What the whole suite shares: the threads of its numerics, and its order."""

import os
from pathlib import Path

import pytest

# There is a worker for each core: more threads than that wait for each other, and take twice the CPU time.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# The files that take longest, the longest first. scripts/test gives each file to one worker, so that what its tests
# share is made once; begun late, one of these would keep one worker busy after the other has finished.
SLOWEST = (
    "formal/test_proofs.py",
    "sim/test_mesh_chip.py",
    "cosim/test_networks.py",
    "cosim/test_trainer.py",
    "sim/test_two_chips.py",
    "sim/test_random_meshes.py",
    "hw/router/test_torus.py",
    "flow/test_synth.py",
    "sim/test_training.py",
    "golden/test_recipe.py",
    "flow/test_bad_input.py",
    "cosim/test_random_chips.py",
    "hw/train/test_cycles.py",
    "sim/test_mesh_traffic.py",
    "golden/train/test_autograd.py",
    "flow/test_mesh.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = [Path(__file__).parent / name for name in SLOWEST]
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        raise pytest.UsageError(f"SLOWEST must name files of tests, not {', '.join(missing)}")
    place = {file: number for number, file in enumerate(files)}
    items.sort(key=lambda item: place.get(item.path, len(files)))
