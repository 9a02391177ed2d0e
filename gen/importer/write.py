"""The two files that a draft becomes."""

from pathlib import Path

import nir

from .draft import Draft, Rule

_WHY = {
    "comparison": "what the surrogate does at the threshold",
    "reset": "of the neurons' reset_mechanism, v_reset or reset_method",
    "reset_timing": "of the neurons",
    "current_timing": "the membrane reads the current of the same step",
}


def graph(draft: Draft, dt_s: float) -> nir.NIRGraph:
    """NIR's graph of ``draft``, delays in seconds."""
    nodes = {name: nir.Delay(node.delay * dt_s) if isinstance(node, nir.Delay) else node
             for name, node in draft.nodes.items()}  # fmt: skip
    return nir.NIRGraph(nodes, draft.edges, type_check=False)


def toml(name: str, source: str, draft: Draft, rule: Rule, steps: int) -> str:
    """The configuration beside ``name.nir``; ``source``: what it was made of."""
    notes = "".join(f"# Approximated: {name}: {note}.\n" for name, note in draft.notes.items())
    given = {field: getattr(rule, field) for field in _WHY if getattr(rule, field) is not None}
    lines = [f'{field} = "{value}"'.ljust(32) + f"# {_WHY[field]}" for field, value in given.items()]
    discretisation = "\n".join(lines)
    return f"""\
# Made by ranvier import {source}.
{notes}name = "{name}"
model = "{name}.nir"

[discretisation]                # read from the modules; change nothing here, but the module, and import again
framework = "{rule.framework}"
dt_s = {rule.dt_s!r}
method = "euler"                # 1 - dt/tau is the factor of the module
tau = "seconds"
{discretisation}

[quantisation]
steps = {steps}
"""


def files(folder: Path, name: str, draft: Draft, rule: Rule, source: str, steps: int) -> tuple[Path, Path]:
    """Write both into ``folder``."""
    model, configuration = folder / f"{name}.nir", folder / f"{name}.toml"
    nir.write(model, graph(draft, rule.dt_s))
    configuration.write_text(toml(name, source, draft, rule, steps), encoding="utf-8")
    return model, configuration
