"""All figures for VGG5 at T = 8: ratios beside the published ones, energy by phase, bytes by phase."""

from collections.abc import Callable
from dataclasses import dataclass

from . import movement, sata
from .movement import Formats, Scheme, Traffic
from .operations import DENSE, ENGINE, Activity, Units, Work, energy_pj, expected
from .sata import OPERATION_PJ, SPARSE, STEPS, VGG5

PJ_PER_UJ = 1e6


@dataclass(frozen=True)
class Ratio:
    """A ratio of this model beside the published one; ``source`` says where that stands."""

    name: str
    value: float
    published: float
    source: str


@dataclass(frozen=True)
class Compute:
    """Compute energy in µJ of each phase, by one set of rules and units."""

    rules: str
    dense_uj: dict[str, float]
    sparse_uj: dict[str, float]

    @property
    def gain(self) -> float:
        return sum(self.dense_uj.values()) / sum(self.sparse_uj.values())


@dataclass(frozen=True)
class Movement:
    """Bytes of each phase. ``ratio``: to what SATA's formulas count with words of ``value_bits``; ``memory_uj``: at
    its prices, memories on chip as its buffer (µJ)."""

    name: str
    value_bits: int
    phases: dict[str, float]
    dram: float
    total: float
    ratio: float
    memory_uj: float


@dataclass(frozen=True)
class Results:
    ratios: list[Ratio]
    compute: list[Compute]
    movement: list[Movement]


def sata_work(activity: Activity) -> list[Work]:
    """Counters of VGG5's layers by SATA's rules."""
    return [expected(layer, STEPS, activity, sata.RULES) for layer in VGG5]


def own_work(activity: Activity) -> list[Work]:
    """Counters of VGG5's layers by our rules."""
    return [expected(layer, STEPS, activity, first=index == 0) for index, layer in enumerate(VGG5)]


def results() -> Results:
    compute = [
        _compute("SATA's rules, SATA's units", sata_work, sata.UNITS),
        _compute("our rules, SATA's units", own_work, sata.UNITS),
        _compute("our rules, our engines", own_work, ENGINE),
    ]
    rows = [*_movements(8, movement.LIKE_SATA), *_movements(16, movement.TRAINER)]
    return Results(_ratios(*compute), compute, rows)


def _compute(rules: str, work: Callable[[Activity], list[Work]], units: Units) -> Compute:
    dense, sparse = (
        {str(phase): pj / PJ_PER_UJ for phase, pj in energy_pj(work(activity), units, OPERATION_PJ).items()}
        for activity in (DENSE, SPARSE)
    )
    return Compute(rules, dense, sparse)


def _ratios(by_sata: Compute, own: Compute, engines: Compute) -> list[Ratio]:
    memory = sum(sata.memory_pj(VGG5, STEPS).values()) / PJ_PER_UJ
    ann_memory = sum(sata.ann_memory_pj(VGG5).values()) / PJ_PER_UJ
    ann_compute = sata.ann_compute_pj(VGG5) / PJ_PER_UJ
    dense, sparse, own_sparse = (
        sum(energies.values()) for energies in (by_sata.dense_uj, by_sata.sparse_uj, own.sparse_uj)
    )
    ann = ann_compute + ann_memory

    def ratio(name: str, value: float, published: sata.Published) -> Ratio:
        return Ratio(name, value, published.value, published.source)

    return [
        ratio("compute, dense / sparse; SATA's rules", by_sata.gain, sata.COMPUTE_GAIN),
        ratio("compute, dense / sparse; our rules", own.gain, sata.COMPUTE_GAIN),
        ratio("compute, dense / sparse; our rules, our engines", engines.gain, sata.COMPUTE_GAIN),
        ratio("total, sparse / ANN; SATA's rules", (sparse + memory) / ann, sata.TOTAL_RATIO),
        ratio("total, sparse / ANN; our rules", (own_sparse + memory) / ann, sata.TOTAL_RATIO),
        ratio("total, dense / ANN", (dense + memory) / ann, sata.DENSE_TOTAL_RATIO),
        ratio("compute, dense / ANN", dense / ann_compute, sata.DENSE_COMPUTE_RATIO),
        ratio("memory, SNN / ANN", memory / ann_memory, sata.MEMORY_RATIO),
    ]


def _movements(value_bits: int, formats: Formats) -> list[Movement]:
    """SATA's formulas, then our scheme by places of the weights."""
    counted = sata.moved_bytes(VGG5, STEPS, value_bits)
    theirs = {str(phase): sum(levels.values()) for phase, levels in counted.items()}
    total = sum(theirs.values())
    rows = [
        Movement(
            name="SATA's formulas",
            value_bits=value_bits,
            phases=theirs,
            dram=sum(levels["dram"] for levels in counted.values()),
            total=total,
            ratio=1.0,
            memory_uj=sum(sata.memory_pj(VGG5, STEPS, 1 / value_bits).values()) / PJ_PER_UJ,
        )
    ]
    resident = movement.off_chip_resident(VGG5, STEPS)
    streamed = movement.off_chip_streamed(VGG5, STEPS, formats)

    def row(name: str, inside: Traffic, outside: Traffic) -> Movement:
        moved = movement.combined([inside, outside])
        chip_bytes, edge_bytes = movement.total_bytes(inside), movement.total_bytes(outside)
        word = value_bits / 8
        pj = (chip_bytes * sata.MEMORY_PJ["buffer"] + edge_bytes * sata.MEMORY_PJ["dram"]) / word
        both = chip_bytes + edge_bytes
        return Movement(name, value_bits, movement.phase_bytes(moved), edge_bytes, both, both / total, pj / PJ_PER_UJ)

    built = own_traffic(formats)
    return [
        *rows,
        row("ours", built, resident),
        row("  weights streamed", movement.combined([built, movement.refill(streamed)]), streamed),
    ]


def own_traffic(formats: Formats = movement.LIKE_SATA) -> Traffic:
    """Bytes on chip of our scheme on VGG5 at SATA's sparsity."""
    return movement.on_chip(VGG5, own_work(SPARSE), STEPS, Scheme(formats=formats))
