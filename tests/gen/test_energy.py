"""Costs of a training step: counters against plain loops, ratios against what SATA published."""

import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from ranvier.gen.energy import movement, sata
from ranvier.gen.energy.layers import Convolution, Dense, Layer
from ranvier.gen.energy.movement import Formats, Scheme
from ranvier.gen.energy.operations import (
    DENSE,
    PHASES,
    Activity,
    Operations,
    counted,
    energy_pj,
    expected,
)
from ranvier.gen.energy.results import own_traffic, own_work, results

TINY: list[Layer] = [
    Dense("dense", 7, 5),
    Dense("one", 1, 1),
    Convolution("same", 2, 3, size=4),
    Convolution("point", 3, 2, size=3, kernel=1),
    Convolution("wide", 2, 2, size=2, kernel=5),
]
BY_NAME = {"ids": lambda layer: layer.name}


def within_ten_percent(value: float, published: float) -> bool:
    return abs(value / published - 1) <= 0.10


def synapses(layer: Layer) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every (input, neuron) that a weight joins, found by trying all neurons and all places of the kernel."""
    if isinstance(layer, Dense):
        yield from (((j,), (k,)) for j in range(layer.channels) for k in range(layer.filters))
        return
    reach = layer.kernel // 2
    for k, y, x in itertools.product(range(layer.filters), range(layer.size), range(layer.size)):
        for c, dy, dx in itertools.product(range(layer.channels), range(layer.kernel), range(layer.kernel)):
            source_y, source_x = y + dy - reach, x + dx - reach
            if 0 <= source_y < layer.size and 0 <= source_x < layer.size:
                yield (c, source_y, source_x), (k, y, x)


def tensors(layer: Layer, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random spikes and places of gradients."""
    rng = np.random.default_rng(seed)
    place = () if isinstance(layer, Dense) else (layer.size, layer.size)
    shares = rng.uniform(0.1, 0.9, 2)
    return (
        rng.random((steps, layer.channels, *place)) < shares[0],
        rng.random((steps, layer.filters, *place)) < shares[1],
    )


@pytest.mark.parametrize("layer", TINY, **BY_NAME)
@pytest.mark.parametrize("seed", range(4))
def test_counters_equal_plain_loops(layer: Layer, seed: int) -> None:
    steps = 3
    spikes, gradients = tensors(layer, steps, seed)
    seen: Counter[str] = Counter()
    for t in range(steps):
        for source, target in synapses(layer):
            if spikes[t][source]:
                seen["forward"] += 1
            if gradients[t][target]:
                seen["backward"] += 1
            if spikes[t][source] and gradients[t][target]:
                seen["weight_gradient"] += 1
        for _ in gradients[t].flat:
            seen["neuron"] += 1
            seen["neuron_gradient"] += 1

    work = counted(layer, spikes, gradients)
    assert {phase: work.of(phase) for phase in PHASES} == {phase: seen[phase] for phase in PHASES}
    assert work.spikes == sum(1 for spike in spikes.flat if spike)
    assert work.gradients == sum(1 for gradient in gradients.flat if gradient)
    assert counted(layer, spikes, gradients, first=True).backward == 0


@pytest.mark.parametrize("layer", TINY, **BY_NAME)
def test_dense_counters_are_those_of_all_ones(layer: Layer) -> None:
    spikes, gradients = (np.ones_like(array) for array in tensors(layer, 2, seed=0))
    assert expected(layer, 2, DENSE) == counted(layer, spikes, gradients)
    assert layer.synapses == sum(1 for _ in synapses(layer))


@pytest.mark.parametrize("layer", TINY[:1] + TINY[2:3], **BY_NAME)
def test_means_are_approached(layer: Layer) -> None:
    rng = np.random.default_rng(1)
    activity, steps = Activity(spikes=0.3, gradients=0.6), 20_000
    spikes, gradients = tensors(layer, 1, seed=0)
    drawn = counted(
        layer,
        rng.random((steps, *spikes.shape[1:])) < activity.spikes,
        rng.random((steps, *gradients.shape[1:])) < activity.gradients,
    )
    mean = expected(layer, steps, activity)
    for phase in PHASES:
        assert drawn.of(phase) == pytest.approx(mean.of(phase), rel=0.02)


def test_counted_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"^Layer a must have spikes of shape \(1, 2\), not \(1, 3\)$"):
        counted(Dense("a", 2, 2), np.zeros((1, 3), bool), np.zeros((1, 2), bool))
    with pytest.raises(ValueError, match=r"^Layer a must have gradients of shape \(1, 2, 3, 3\), not \(1, 2\)$"):
        counted(Convolution("a", 1, 2, size=3), np.zeros((1, 1, 3, 3), bool), np.zeros((1, 2), bool))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Convolution("a", 1, 1, size=3, kernel=2), "Layer a must have an odd kernel, not 2"),
        (lambda: Convolution("a", 1, 1, size=0), "Layer a must have size of at least 1, not 0"),
        (lambda: Dense("a", 0, 1), "Layer a must have channels of at least 1, not 0"),
        (lambda: Activity(1.5, 0), "Share of spikes must be 0…1, not 1.5"),
        (lambda: Activity(0, -1), "Share of gradients must be 0…1, not -1"),
        (lambda: Scheme(lanes=0), "Lanes must be at least 1, not 0"),
    ],
)
def test_wrong_values_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_energy_is_counters_times_operations_times_table() -> None:
    work = counted(Dense("a", 2, 1), np.array([[True, True]]), np.array([[True]]))
    units = {phase: Operations(multiply=1, and_=2) for phase in PHASES}
    assert energy_pj([work, work], units, {"multiply": 10.0, "and": 1.0} | _rest()) == {
        "forward": 48.0, "neuron": 24.0, "neuron_gradient": 24.0, "backward": 48.0, "weight_gradient": 48.0,
    }  # fmt: skip


def _rest() -> dict[str, float]:
    return {name: 1e9 for name in Operations().named() if name not in ("multiply", "and")}


# SATA's ratios


def test_sparsity_gains_what_sata_published() -> None:
    found = results()
    assert len(found.compute) == 3
    for compute in found.compute:
        assert within_ten_percent(compute.gain, 5.58), compute.rules


def test_ratio_to_an_ann_is_what_sata_published() -> None:
    ratios = [ratio.value for ratio in results().ratios if ratio.name.startswith("total, sparse / ANN")]
    assert len(ratios) == 2  # by its rules and by ours
    assert all(within_ten_percent(value, 1.27) for value in ratios)


@pytest.mark.parametrize(
    ("name", "published"),
    [("total, dense / ANN", 1.35), ("compute, dense / ANN", 3.28), ("memory, SNN / ANN", 1.28)],
)
def test_ratios_that_others_quote_from_sata(name: str, published: float) -> None:
    (ratio,) = [ratio.value for ratio in results().ratios if ratio.name == name]
    assert within_ten_percent(ratio, published)


def test_backward_share_of_a_run_of_satas_own_model() -> None:
    """86.5 % of the sparse compute energy: training specification, section 2."""
    energies = results().compute[0].sparse_uj
    assert energies["backward"] / sum(energies.values()) == pytest.approx(0.865, abs=0.0005)


def test_vgg5_is_of_the_known_size() -> None:
    """Multiplications for one image, each written out."""
    assert sum(layer.positions for layer in sata.VGG5) == (
        3 * 9 * 64 * 32 * 32 + 64 * 9 * 128 * 16 * 16 + 128 * 9 * 128 * 16 * 16 + 8192 * 1024 + 1024 * 10
    )
    assert 8192 == 128 * 8 * 8  # conv3, pooled by 2


def test_accesses_of_a_layer_by_hand() -> None:
    """Dense, 16 inputs (2 words of spikes a step), 4 neurons, 64 weights, 3 steps."""
    assert sata.accesses(Dense("a", 16, 4), steps=3) == {
        "forward": {"dram": 64 + 3 * 6, "buffer": 2 * 64 + 2 * 3 * 6, "scratchpad": 2 * 64 + 2 * 3 * 2},
        "backward": {"dram": 3 * 6, "buffer": 64 + 3 * (28 + 4), "scratchpad": 64 + 12},
        "weight_gradient": {"dram": 128, "buffer": 8 * 64 + 3 * 6, "scratchpad": 8 * 64 + 3 * 6 + 6 * 64},
    }


# Bytes moved


class Memories:
    """Counts bits that plain loops read and write, by phase and by what they are."""

    def __init__(self) -> None:
        self.bits: Counter[tuple[str, str]] = Counter()

    def move(self, phase: str, what: str, bits: int) -> None:
        self.bits[phase, what] += bits


def bits(count: int) -> int:
    """Width of a number below ``count``."""
    return len(f"{count - 1:b}") if count > 1 else 0


def run_engines(
    layer: Layer, spikes: np.ndarray, gradients: np.ndarray, lanes: int, formats: Formats, first: bool
) -> Memories:
    """Goes through a training step of one layer as the engines would, one access after the other."""
    memories = Memories()
    joined = list(synapses(layer))
    all_inputs, all_neurons = list(np.ndindex(spikes[0].shape)), list(np.ndindex(gradients[0].shape))

    def group(index: tuple[int, ...]) -> tuple[int, ...]:
        return (index[0] // lanes, *index[1:])

    axon, neuron = bits(len(all_inputs)), bits(len(all_neurons))
    place, filters = bits(len({group(j) for j in all_inputs})), bits(len({k[0] // lanes for k in all_neurons}))
    for t in range(len(spikes)):
        listed: set[tuple[int, ...]] = set()
        for _ in all_inputs:  # what is found, and once more for the weights' gradients
            if first:
                memories.move("forward", "spikes and masks", 1)  # the host's
            memories.move("forward", "spikes and masks", 1)
            memories.move("weight_gradient", "spikes and masks", 1)
        for j, _ in sorted({(j, group(k)) for j, k in joined if spikes[t][j]}):
            memories.move("forward", "lists", axon)  # written when it is found, read for every further group
            listed.add(j)
        assert len(listed) == spikes[t].sum()
        for j, _ in joined:
            if spikes[t][j]:
                memories.move("forward", "weights", formats.weight)
        if not first:
            for _ in all_inputs:
                memories.move("backward", "spikes and masks", 2)  # the mask, written and read
                memories.move("backward", "lists", 2 * place)
                memories.move("backward", "states", 2 * formats.arrival)
            for _ in sorted({(group(j), k) for j, k in joined if gradients[t][k]}):
                memories.move("backward", "lists", neuron + formats.gradient)
            for _, k in joined:
                if gradients[t][k]:
                    memories.move("backward", "weights", formats.weight)
        for k in all_neurons:
            memories.move("forward", "states", 2 * formats.state)
            memories.move("backward", "gradients", 2 * formats.gradient)
            if layer.spiking:
                memories.move("forward", "spikes and masks", 2)
                memories.move("backward", "spikes and masks", 2)
            if not first:
                memories.move("backward", "spikes and masks", 1)
                memories.move("backward", "gradients", formats.gradient * int(gradients[t][k]))
            if gradients[t][k]:
                memories.move("weight_gradient", "lists", formats.gradient + filters)
        for j, k in joined:
            if spikes[t][j] and gradients[t][k]:
                memories.move("weight_gradient", "weight gradients", 2 * formats.total)
                memories.move("weight_gradient", "lists", formats.gradient + filters)
    for _ in range(layer.weights):
        memories.move("update", "weights", 2 * formats.weight)
        memories.move("update", "weight gradients", 2 * formats.total)
    return memories


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("layer", [*TINY, Dense("readout", 6, 3, spiking=False)], **BY_NAME)
@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_traffic_equals_plain_loops(layer: Layer, first: bool, lanes: int) -> None:
    formats = Formats(weight=3, state=7, gradient=5, arrival=11, total=13)
    spikes, gradients = tensors(layer, 2, seed=lanes)
    memories = run_engines(layer, spikes, gradients, lanes, formats, first)
    work = counted(layer, spikes, gradients, first=first)
    traffic = movement.layer_traffic(layer, work, 2, Scheme(lanes, formats), first=first)
    flat = {(phase, what): 8 * value for phase, moved in traffic.items() for what, value in moved.items() if value}
    assert flat == {key: value for key, value in memories.bits.items() if value}


def sata_bytes() -> float:
    return sum(sum(levels.values()) for levels in sata.moved_bytes(sata.VGG5, sata.STEPS).values())


def test_at_most_half_of_satas_bytes() -> None:
    """Every access to a memory, in the order in which the engines in hw.train go."""
    moved = movement.total_bytes(own_traffic())
    assert moved + movement.total_bytes(movement.off_chip_resident(sata.VGG5, sata.STEPS)) <= sata_bytes() / 2


def test_streamed_layers_fit_satas_buffers() -> None:
    """What :func:`off_chip_streamed` takes for granted: one layer's gradients of all steps are on chip."""
    most = max(max(layer.neurons, layer.inputs) for layer in sata.VGG5[1:]) * sata.STEPS
    assert most <= sata.BUFFER_BYTES["potentials"]
    assert sum(layer.weights for layer in sata.VGG5) > sata.BUFFER_BYTES["weights"]


def test_streamed_weights_cross_the_edge_three_times() -> None:
    network = [Dense("a", 16, 4), Dense("b", 4, 2, spiking=False)]
    weights = 16 * 4 + 4 * 2
    assert movement.off_chip_streamed(network, steps=3) == {
        "forward": {"weights": weights, "spikes and masks": (2 * 3 * 4 + 3 * 16) / 8},
        "backward": {"weights": weights, "spikes and masks": 2 * 3 * 4 / 8},
        "update": {"weights": weights},
    }


def test_nobody_computes_the_gradient_of_the_input() -> None:
    first, *others = own_work(sata.SPARSE)
    assert first.backward == 0
    assert all(work.backward > 0 for work in others)


def test_command_prints_tables_and_json() -> None:
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "ranvier.gen.energy", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    found = json.loads(run("--json"))
    assert {"ratios", "compute", "movement"} == set(found)
    assert "5.58" in run()
