"""Random programs over random meshes, every layer's options, every way to cut it: equal to golden in every value."""

import numpy as np
import pytest

from ranvier.gen.config import Configuration
from ranvier.gen.design import Design
from ranvier.gen.emit import emit_shared
from ranvier.gen.mapping.config import Mesh
from ranvier.gen.mapping.design import MeshDesign
from ranvier.hw.config import chip_config
from ranvier.hw.manycore import MeshChip
from ranvier.sim.mesh.device import MeshDevice
from ranvier.sim.mesh.run import simulator_of
from ranvier.sim.mesh.stalls import stalled_mesh
from ranvier.sim.mesh.system import System, noise_rate

from ..programs import random_program

SIZES = [(1, 2), (2, 2), (3, 2), (2, 3), (4, 1), (3, 3)]


def random_mesh(rng: np.random.Generator, sizes: list[int], chips: int) -> Mesh:
    """A mesh, and slices and groups of axons that fit it."""
    pace = "barrier" if chips == 1 and rng.random() < 0.3 else "credits"
    while True:
        width, height = SIZES[rng.integers(len(SIZES))]
        slices = [int(rng.integers(1, min(neurons, 4) + 1)) for neurons in sizes[1:]]
        groups = [1 if pace == "barrier" else int(rng.integers(1, min(axons, 4) + 1)) for axons in sizes[:-1]]
        needed = sum(a * b for a, b in zip(slices, groups, strict=True))
        if (chips - 1) * width * height < needed <= chips * width * height:
            depth = int(rng.integers(2, 6))
            return Mesh(
                width=width, height=height, chips=chips, pace=pace, depth=depth, slices=slices, axon_groups=groups
            )


@pytest.mark.parametrize("seed", range(8))
def test_random_meshes_equal_golden(seed):
    """In Icarus, from the Verilog; some over two chips and lines that err, some with links or a host that pause."""
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(1, 14, rng.integers(2, 5))]
    program = random_program(rng, sizes, steps=3, readout=bool(seed % 2), weight_width=int(rng.integers(1, 8)))
    configuration = Configuration.model_validate(
        {"name": "random", "core": {"axons": 1, "neurons": 1, "threshold": 1, "leak_shift": 1}}
    )
    chip = chip_config(program, [int(rng.integers(1, size + 1)) for size in sizes[1:]])
    chips = 2 if seed % 5 == 4 else 1
    design = MeshDesign(Design(configuration, None, None, program, chip), random_mesh(rng, sizes, chips))
    mesh = (stalled_mesh(seed, int(rng.integers(4, 14))),) if seed % 3 else ()
    top = MeshChip(design.chip, *mesh) if chips == 1 else System(design.chips, *mesh)
    device = MeshDevice.of(design, emit_shared(top, design.name), simulator_of("icarus"))
    if chips > 1:
        device.model.write("rate", noise_rate(0.02, design.chip.frame.symbols))
    if seed % 2:
        device.model.stall(seed, 0.5)
    spikes = rng.random((5, 3, sizes[0])) < rng.choice([0.2, 0.6])
    spikes[0], spikes[1] = True, False
    device.run(spikes, rng)
    print(f"seed {seed}: {sizes}, {design.mesh.size}, {len(design.tiles)} tiles, {device.comparison}")
    assert not device.comparison.different, device.comparison.first
    assert device.comparison.spikes == 15 * sum(sizes[1:]) and device.faults == {}
