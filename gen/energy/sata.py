"""SATA's model of training energy: its table, its units, its memory accesses, its workload.

R. Yin, A. Moitra, A. Bhattacharjee, Y. Kim, P. Panda: "SATA: Sparsity-Aware Training Accelerator for Spiking Neural
Networks", IEEE TCAD 42(6), 2023, doi:10.1109/TCAD.2022.3213211 (arXiv:2204.05422), and its authors' simulator, GitHub
RuokaiYin/SATA_Sim: called "simulator" below, with its file.

Where the simulator departs from its own formulas we do not follow: its ``get_workload.py`` assigns the counts of a
fully connected layer where it should add them (the convolutions before are lost), without sparsity, and leaves out
the last layer. Here every layer is added, with sparsity.
"""

from dataclasses import dataclass
from typing import Literal

from .layers import Convolution, Dense, Layer
from .operations import DENSE, Activity, Operations, Rules, Units, energy_pj, expected

OPERATION_PJ = {
    "multiply": 0.239,
    "accumulate": 0.0389,
    "add": 0.00967,
    "and": 0.000794,
    "compare": 0.00309,
    "mux": 0.00172,
    "register": 0.0301,
    "shift": 0.00605,
}
"""Energy of a 16-bit operation in pJ. Simulator: ``training_energy_cal/energy_configs.py``."""

MemoryLevel = Literal["dram", "buffer", "scratchpad"]
StagePhase = Literal["forward", "backward", "weight_gradient"]
MEMORY_PJ: dict[MemoryLevel, float] = {"dram": 55.58, "buffer": 1.95, "scratchpad": 0.2779}
"""Energy of an access, one word, in pJ. Simulator: ``SATA_mem/mem_configs.py`` (its ``dram``, ``sram``, ``spad``)."""

UNITS: Units = {
    "forward": Operations(accumulate=1, and_=1),
    "neuron": Operations(add=1, compare=1, mux=2, register=3, shift=1),
    "neuron_gradient": Operations(multiply=1, add=2, mux=1, shift=2),
    "backward": Operations(multiply=1, accumulate=1),
    "weight_gradient": Operations(accumulate=1, and_=1),
}
"""What its PE, LIF unit and PGU do. Simulator: ``config/sata_config.yaml``."""

RULES = Rules(padding=True, input_gradient=True, pairs=False)
"""Simulator: ``get_workload.py`` (``mac_fwd_n``, ``mac_bwd_n``, ``mac_wup_n``): ``C·R²·K·E²``, layer by layer, the
first layer's backward pass too; weight gradients are gated by spikes alone."""

BUFFER_BYTES = {
    "spikes": 32 << 10,
    "weights": 144 << 10,
    "potentials": 256 << 10,
    "surrogates": 64 << 10,
    "masks": 8 << 10,
}
"""Training specification, section 3."""

VALUE_BITS = 8
"""A word of its memory formulas: ``b`` of ``energy_cal.py`` as first published; a spike is 1/b of a word."""

STEPS = 8
SPARSE = Activity(spikes=1 - 0.9, gradients=1 - 0.8)
"""Sparsity of spikes 0.9 and of gradients 0.8: training specification, section 3. (``energy_cal.py`` of the simulator
has 0.9 and, for the latter, 0.7, at which the gain would be 3.9.)"""

VGG5: tuple[Layer, ...] = (
    Convolution("conv1", 3, 64, size=32),
    Convolution("conv2", 64, 128, size=16),
    Convolution("conv3", 128, 128, size=16),
    Dense("linear4", 8192, 1024),
    Dense("linear5", 1024, 10, spiking=False),
)
"""VGG5 on CIFAR-10; pooling by 2 after conv1 and conv3. Simulator: ``config/vgg5_cifar10.yaml``."""


@dataclass(frozen=True)
class Published:
    """A ratio that the paper gives, and where."""

    value: float
    source: str


COMPUTE_GAIN = Published(5.58, "abstract: compute energy without over with sparsity")
TOTAL_RATIO = Published(1.27, "abstract: total energy of SNN training, with sparsity, over an ANN's")

# Seen only as a quotation of the paper in others' code. That they are without sparsity is our reading: by the table
# itself the compute ratio is 3.4 without sparsity and 0.6 with it.
DENSE_TOTAL_RATIO = Published(1.35, "quoted: total energy, SNN over ANN")
DENSE_COMPUTE_RATIO = Published(3.28, "quoted: compute energy, SNN over ANN")
MEMORY_RATIO = Published(1.28, "quoted: memory energy, SNN over ANN")

Accesses = dict[StagePhase, dict[MemoryLevel, float]]


def accesses(layer: Layer, steps: int, input_words: float = 1 / VALUE_BITS) -> Accesses:
    """Words that one layer moves in one training step, by phase and level of memory.

    With ``W`` weights, ``o`` neurons, ``a`` words of inputs a step (``input_words`` for each input: 1/b for a spike):

    | | DRAM | buffer | scratch-pad |
    |---|---|---|---|
    | forward | W + T(o + a) | 2(W + T(o + a)) | 2(W + T·a) |
    | backward | T(o + a) | W + T(7o + 2a) | W + T·o |
    | weight gradient | 2W | 2(1 + T)W + T(o + a) | 2(1 + T)W + T(o + a) + 2T·W |

    Simulator: ``get_workload.py`` (``dram_fwd_n`` … ``spad_wup_n``). No sparsity enters; no weight comes from DRAM in
    the backward pass; the PE's accumulator belongs to the energy of ``accumulate``.
    """
    W, T, o, a = layer.weights, steps, layer.neurons, input_words * layer.inputs
    partial = 2 * (1 + T) * W + T * (o + a)
    return {
        "forward": {"dram": W + T * (o + a), "buffer": 2 * (W + T * (o + a)), "scratchpad": 2 * (W + T * a)},
        "backward": {"dram": T * (o + a), "buffer": W + T * (7 * o + 2 * a), "scratchpad": W + T * o},
        "weight_gradient": {"dram": 2 * W, "buffer": partial, "scratchpad": partial + 2 * T * W},
    }


def moved_bytes(network: tuple[Layer, ...], steps: int, value_bits: int = VALUE_BITS) -> Accesses:
    """:func:`accesses` of all layers in bytes."""
    total: Accesses = {}
    for layer in network:
        for phase, levels in accesses(layer, steps, 1 / value_bits).items():
            into = total.setdefault(phase, {})
            for level, words in levels.items():
                into[level] = into.get(level, 0.0) + words * value_bits / 8
    return total


def memory_pj(network: tuple[Layer, ...], steps: int, input_words: float = 1 / VALUE_BITS) -> dict[StagePhase, float]:
    """Energy of all accesses in pJ, by phase."""
    total: dict[StagePhase, float] = {"forward": 0.0, "backward": 0.0, "weight_gradient": 0.0}
    for layer in network:
        for phase, levels in accesses(layer, steps, input_words).items():
            total[phase] += sum(words * MEMORY_PJ[level] for level, words in levels.items())
    return total


def ann_compute_pj(network: tuple[Layer, ...]) -> float:
    """Compute energy in pJ of a training step of the same network with real-valued activations: one step, three
    passes of a multiplication and an accumulation for each of ``positions`` (simulator: ``single_ann_mac = 0.239 +
    0.0389``).

    Activation functions are left out: less than a thousandth.
    """
    mac = OPERATION_PJ["multiply"] + OPERATION_PJ["accumulate"]
    return 3 * mac * sum(layer.positions for layer in network)


def ann_memory_pj(network: tuple[Layer, ...]) -> dict[StagePhase, float]:
    """Memory energy in pJ of that network: :func:`accesses` for one step, with an input as a whole word.

    The simulator holds no such count; this one is ours, by the same data flow ("Eyeriss-like" for both, abstract).
    """
    return memory_pj(network, steps=1, input_words=1.0)


def compute_pj(network: tuple[Layer, ...], activity: Activity, steps: int = STEPS) -> float:
    """Compute energy in pJ by its own rules and units."""
    work = [expected(layer, steps, activity, RULES) for layer in network]
    return sum(energy_pj(work, UNITS, OPERATION_PJ).values())


def compute_gain(network: tuple[Layer, ...] = VGG5, activity: Activity = SPARSE, steps: int = STEPS) -> float:
    """Compute energy without over with sparsity, by its own rules and units."""
    return compute_pj(network, DENSE, steps) / compute_pj(network, activity, steps)
