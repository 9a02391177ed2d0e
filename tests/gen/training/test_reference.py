"""docs/training.md lists every field, and what the files hold."""

import re
from pathlib import Path

from ranvier.gen.training.reference import reference
from ranvier.gen.training.results import Check, EpochFigures, TrainingResult

PAGE = (Path(__file__).parents[3] / "docs" / "training.md").read_text()


def test_the_page_has_the_fields_of_the_configuration():
    """Otherwise: python -m ranvier.gen.training.reference, into the page."""
    assert reference() in PAGE


def test_the_page_has_the_fields_of_the_results():
    named = set(re.findall(r"`(\w+)`", PAGE))
    fields = {name for record in (TrainingResult, EpochFigures, Check) for name in record.model_fields}
    assert fields - named == set()
