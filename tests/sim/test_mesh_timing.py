"""What the model of packets and cores says of a chip's cycles and traffic, against RTL."""

import numpy as np
import pytest

from ranvier.gen.design import load_design
from ranvier.gen.emit import emit_shared
from ranvier.gen.mapping.config import Mesh
from ranvier.gen.mapping.design import MeshDesign
from ranvier.golden.routing import MESH_PORTS
from ranvier.hw.manycore import MeshChip
from ranvier.sim.mesh.device import MeshDevice
from ranvier.sim.mesh.run import simulator_of


@pytest.mark.parametrize(
    ("mesh", "error"),
    [
        (Mesh(), 0.02),
        (Mesh(width=3, height=3), 0.05),
        (Mesh(width=3, height=3, slices=[2, 1], axon_groups=[3, 2]), 0.2),
    ],
)
def test_cycles_are_near_and_the_traffic_of_links_is_exact(mesh, error):
    design = MeshDesign(load_design("digits"), mesh)
    text = emit_shared(MeshChip(design.chip), design.name)
    device = MeshDevice.of(design, text, simulator_of("compiled"))
    spikes = design.design.measured.spikes
    errors = []
    for sample in range(5):
        before = {place: flits.copy() for place, flits in device.flits.items()}
        run, model = device.run(spikes[sample : sample + 1], np.random.default_rng(1)), design.predict(spikes[sample])
        errors.append(model.cycles / run.cycles - 1)
        late = 0  # credits that are still under way when the last output has come
        for place, flits in device.flits.items():
            missing = flits - before[place] - model.flits[place]
            assert missing.min() >= 0 and missing.sum() <= len(MESH_PORTS)
            late += missing.sum()
        assert late <= 3 * len(design.chip.tiles)
    print(f"{design.name}: cycles off by {', '.join(f'{error:+.1%}' for error in errors)}")
    assert max(map(abs, errors)) <= error


def test_the_model_is_not_for_a_barrier():
    design = MeshDesign(load_design("digits"), Mesh(pace="barrier"))
    assert design.predict(design.design.measured.spikes[0]) is None
