"""``python -m ranvier.gen.energy``: what a training step of VGG5 costs, beside what SATA published."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from .results import Results, results


def main(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False) -> None:
    """Operations, energy and bytes of a training step: VGG5 on CIFAR-10, 8 steps, one sample."""
    found = results()
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        _print_tables(found)


def _print_tables(found: Results) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)

    def show(title: str, columns: list[str], rows: list[list[str]]) -> None:
        table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), min_width=len(title))
        for column in columns:
            table.add_column(column, justify="left" if column == "" else "right", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)

    show(
        "Ratios beside SATA's",
        ["", "here", "published", "difference"],
        [
            [ratio.name, f"{ratio.value:.3f}", f"{ratio.published:.2f}", f"{ratio.value / ratio.published - 1:+.1%}"]
            for ratio in found.ratios
        ],
    )
    for compute in found.compute:
        phases = [[phase, f"{compute.dense_uj[phase]:.3f}", f"{uj:.3f}"] for phase, uj in compute.sparse_uj.items()]
        sums = [f"{sum(energies.values()):.3f}" for energies in (compute.dense_uj, compute.sparse_uj)]
        show(f"Compute energy, µJ: {compute.rules}", ["", "dense", "sparse"], [*phases, ["all", *sums]])
    short = {"forward": "fwd", "backward": "bwd", "weight_gradient": "dW", "update": "update", "refill": "refill"}
    for bits in sorted({row.value_bits for row in found.movement}):
        show(
            f"Bytes moved, MB, {bits}-bit words; to SATA's; memory energy, µJ",
            ["", *short.values(), "all", "DRAM", "ratio", "µJ"],
            [
                [
                    row.name,
                    *(f"{row.phases.get(phase, 0.0) / 1e6:.0f}" for phase in short),
                    f"{row.total / 1e6:.0f}",
                    f"{row.dram / 1e6:.1f}",
                    f"{row.ratio:.2f}",
                    f"{row.memory_uj:.0f}",
                ]
                for row in found.movement
                if row.value_bits == bits
            ],
        )


if __name__ == "__main__":
    typer.run(main)
