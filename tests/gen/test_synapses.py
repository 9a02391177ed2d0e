"""Which layers' synapses are sparse, and meshes of them."""

import numpy as np
import pytest

from ranvier.gen.design import load_design
from ranvier.gen.emit import emit_shared
from ranvier.gen.errors import RanvierError
from ranvier.gen.mapping.config import Mesh
from ranvier.gen.mapping.design import MeshDesign
from ranvier.gen.synapses import sparse_layers
from ranvier.hw.config import core_config
from ranvier.sim.mesh.device import MeshDevice
from ranvier.sim.mesh.run import simulator_of

from ..programs import random_program


@pytest.fixture(scope="module")
def pruned():
    return load_design("digits_pruned")


def test_the_smaller_is_the_one_of_fewer_bits(pruned):
    for design, expected in ((pruned, [True, True]), (load_design("digits"), [False, False])):
        assert sparse_layers(design.program, [8, 2], "smaller") == expected
        for layer, lanes, sparse in zip(design.program.layers, (8, 2), expected, strict=True):
            dense = layer.axons * layer.neurons * layer.weight_width  # lanes divide: no padding
            rows = {name: count * width for name, count, width in core_config(layer, lanes, True).memories}
            assert (rows["weights"] + rows["rows"] < dense) == sparse
    assert sparse_layers(pruned.program, 8, ["dense", "sparse"]) == [False, True]


def test_weights_of_a_bit_are_never_the_smaller_when_sparse():
    program = random_program(np.random.default_rng(1), [9, 9], steps=1, readout=False, weight_width=1)
    assert sparse_layers(program, 2, "smaller") == [False]


def test_a_list_of_another_length_is_refused(pruned):
    with pytest.raises(ValueError, match=r"^Synapses must be one word or one for each of the 2 layers, not \['den"):
        sparse_layers(pruned.program, 2, ["dense"])


def test_sparse_cores_in_a_mesh(pruned):
    design = MeshDesign(pruned, Mesh(slices=[2, 2]))
    assert all(tile.core.rows for tile in design.tiles)
    device = MeshDevice.of(design, emit_shared(design.top, design.name), simulator_of("compiled"))
    spikes = pruned.measured.spikes[:8]
    run = device.run(spikes, np.random.default_rng(1))
    print(run.cycles, device.comparison)
    assert not device.comparison.different and device.faults == {}
    assert device.comparison.spikes == device.comparison.membranes == 8 * 8 * 138
    predicted = design.predict(spikes[0]).cycles
    measured = device.run(spikes[:1], np.random.default_rng(2)).cycles
    print(f"predicted {predicted}, measured {measured}")
    assert abs(predicted / measured - 1) < 0.1


def test_sparse_layers_do_not_share_axons(pruned):
    with pytest.raises(RanvierError, match=r"^Layer hidden must be dense to share its axons: take fewer groups of"):
        assert MeshDesign(pruned, Mesh(slices=[1, 1], axon_groups=[2, 1])).mapping
