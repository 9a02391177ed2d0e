"""The page over a training: whole at any length, its drawings well-formed."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from ranvier.gen.report.curves import curves, stack
from ranvier.gen.report.training import PHASES, render_training
from ranvier.gen.training.config import Training
from ranvier.gen.training.results import Check, EpochFigures, TrainingResult


def epoch(number: int, engine: str) -> EpochFigures:
    return EpochFigures(
        epoch=number,
        engine=engine,
        rate=(255, 3),
        train_loss=2 / number,
        train_accuracy=1 - 0.5 / number,
        test_loss=0.0,
        test_accuracy=1.0,
        spikes={"input": 0.2, "hidden": 0.1, "readout": 0.0},
        gradients={"hidden": 0.0, "readout": 0.5},
        saturations={"forward": 0, "backward": 3, "momentum": 0},
        cycles=dict.fromkeys([*PHASES, "busy"], 100.0) if engine == "rtl" else None,
        seconds=1.5,
        samples_per_second=1234.5,
    )


def page(engines: list[str], **fields) -> str:
    training = Training(layers=[16, 12, 3], data="<b>.npz")
    result = TrainingResult(
        name="net",
        hash="0" * 64,
        configuration=training.model_dump(mode="json"),
        layers=training.layers,
        loss_unit="nats",
        train_samples=40,
        test_samples=10,
        epochs=[epoch(number, engine) for number, engine in enumerate(engines, 1)],
        finished=False,
        **fields,
    )
    return render_training(result)


@pytest.mark.parametrize("engines", [["golden"], ["rtl"], ["golden"] * 3 + ["rtl"] * 2, ["rtl"] * 300])
def test_drawings_are_well_formed(engines):
    text = page(engines)
    drawings = re.findall(r"<svg.*?</svg>", text)
    assert len(drawings) == (5 if "rtl" in engines else 4)
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    assert "nan" not in text
    assert "<b>.npz" not in text
    assert ("ranvier train MODEL --on rtl" in text) == ("rtl" not in engines)


def test_before_the_first_epoch_and_after_a_check():
    assert "No epoch has ended yet" in page([])
    good = Check(samples=8, compared=1000, mismatches=0, first=None)
    assert "The RTL equals the golden model" in page(["golden"], check=good)
    bad = Check(samples=8, compared=1000, mismatches=2, first="hidden.spikes[0] must be 1, not 0")
    assert "The RTL does not equal the golden model" in page(["golden"], check=bad)


def test_axes_have_round_values_within_their_ends():
    text = curves("t", {"a": [0.3, 0.7]}, low=0.2, high=1.0, tick=lambda value: f"<{value:.1f}>")
    assert re.findall(r"&lt;(.*?)&gt;", text) == ["0.2", "0.4", "0.6", "0.8", "1.0"]
    text = stack("t", {"a": [0.0], "b": [0.0]}, tick=str)
    ElementTree.fromstring(text)
