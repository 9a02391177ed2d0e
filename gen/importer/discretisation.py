"""The one discretisation of a network, that its neurons agree on."""

from dataclasses import fields

from ..errors import RanvierError
from .draft import Draft, Rule


def agreed(draft: Draft, name: str) -> Rule:
    """What all neurons of ``draft`` ask for. Raises RanvierError where two differ; ``name``: of the model."""
    taken: dict[str, tuple[object, str]] = {}
    for node, rule in draft.rules.items():
        for field in fields(rule):
            value = getattr(rule, field.name)
            if value is None:
                continue
            other, first = taken.setdefault(field.name, (value, node))
            if other != value:
                raise RanvierError(
                    f"Model {name}: neurons '{first}' and '{node}' differ in {field.name}, {other} and {value}; a"
                    " network has one discretisation: make them agree"
                )
    values = {field: value for field, (value, _) in taken.items()}
    return Rule(**({"framework": "nir", "dt_s": 1e-4} | values))  # type: ignore[arg-type]
