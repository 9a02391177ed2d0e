"""The static configuration: cost formulas, memory map, messages."""

import numpy as np
import pytest

from ranvier.golden.neurons.leak import Multiply, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, Program, dense
from ranvier.hw.config import ChipConfig, CoreConfig, chip_config

MODEL = Lif(state_width=12, membrane_decay=Shift(4))
FIXED = (("bias", 0), ("threshold", 300), ("reset_value", 0))


def core(**changes) -> CoreConfig:
    fields = {
        "name": "core",
        "axons": 256,
        "neurons": 256,
        "lanes": 4,
        "weight_width": 4,
        "model": MODEL,
        "fixed": FIXED,
    }
    return CoreConfig(**fields | changes)


def test_the_reference_core():
    config = core()
    assert (config.groups, config.weight_words, config.weight_word_width) == (64, 16384, 16)
    assert config.accumulator_width == 13  # -2048 - 256*8 = -4096
    assert config.total_width == 13  # a bias of 0 needs nothing


def test_lanes_that_do_not_divide_the_neurons_round_up():
    assert core(neurons=10, lanes=4).groups == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axons": 0}, "Axons of core core must be at least 1, not 0"),
        ({"neurons": -1}, "Neurons of core core must be at least 1, not -1"),
        ({"lanes": 0}, "Lanes of core core must be at least 1, not 0"),
        ({"neurons": 3}, "Lanes of core core must be at most its 3 neurons, not 4"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, message):
    with pytest.raises(ValueError) as error:
        core(**changes)
    assert str(error.value) == message


def layer(name: str, axons: int, neurons: int) -> Layer:
    model = Lif(state_width=8, membrane_decay=Multiply(4), bias_width=3)
    parameters = {
        "bias": np.arange(neurons) % 3,
        "threshold": np.array(9),
        "reset_value": np.array(0),
        "membrane_factor": np.array(13),
    }
    return Layer(name, dense(np.ones((axons, neurons), np.int64)), 4, model, parameters)


def test_memories_do_not_overlap_and_are_decoded_by_their_high_bits():
    program = Program("net", (layer("a", 5, 7), layer("b", 7, 3)), 4)
    config = chip_config(program, [2, 3])
    taken: set[int] = set()
    for region in config.memory_map:
        size = 1 << (region.words - 1).bit_length()
        assert region.base % size == 0
        addresses = set(range(region.base, region.base + size))
        assert not addresses & taken
        taken |= addresses
    assert [(r.core, r.memory, r.words, r.width) for r in config.memory_map] == [
        ("a", "weights", 20, 8),
        ("a", "parameters", 4, 6),
        ("b", "weights", 7, 12),
        ("b", "parameters", 1, 9),
    ]
    assert max(taken) < 1 << config.load_address_width


def test_one_number_of_lanes_is_the_most_a_layer_gets():
    program = Program("net", (layer("a", 5, 7), layer("b", 7, 3)), 4)
    assert [c.lanes for c in chip_config(program, 4).cores] == [4, 3]
    assert isinstance(chip_config(program, 4), ChipConfig)


def test_a_list_of_lanes_names_every_layer():
    program = Program("net", (layer("a", 5, 7),), 4)
    with pytest.raises(ValueError) as error:
        chip_config(program, [1, 2])
    assert str(error.value) == "Lanes must be one number or one for each of the 1 layers, not [1, 2]"
