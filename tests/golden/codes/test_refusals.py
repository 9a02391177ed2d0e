"""What codes refuse, with the whole text."""

import re

import numpy as np
import pytest

from ranvier.golden.codes.registry import CODES

SMALL = {"inputs": 2, "steps": 3, "maximum": 9}
RATE = SMALL | {"seed": 1}
CAMERA = {"rows": 2, "columns": 3, "steps": 4, "interval": 10}
TUNED = SMALL | {"neurons": 3, "curve": "gaussian", "width": 1.0, "seed": 1}

REFUSED = [
    ("latency", SMALL | {"inputs": 0}, "Inputs of code latency must be 1..1048576, not 0"),
    ("regular", SMALL | {"steps": 65537}, "Steps of code regular must be 1..65536, not 65537"),
    ("latency", SMALL | {"maximum": 0}, "Maximum of code latency must be 1..65535, not 0"),
    ("rate", SMALL | {"seed": 0}, "Seed of code rate must be 1..4294967295, not 0"),
    ("rate", SMALL | {"seed": 1 << 32}, "Seed of code rate must be 1..4294967295, not 4294967296"),
    ("population", TUNED | {"neurons": 1}, "Neurons of code population must be 2..10, not 1"),
    ("population", TUNED | {"width": 0.0}, "Width of code population must be 0.01..100, not 0.0"),
    ("population", TUNED | {"seed": 0}, "Seed of code population must be 1..4294967295, not 0"),
    ("direct", SMALL | {"maximum": 256}, "Maximum of code direct must be 1..255, not 256"),
    ("delta", SMALL | {"inputs": 0, "threshold": 1}, "Inputs of code delta must be 1..1048576, not 0"),
    ("delta", SMALL | {"steps": 0, "threshold": 1}, "Steps of code delta must be 1..65536, not 0"),
    ("delta", SMALL | {"maximum": 65536, "threshold": 1}, "Maximum of code delta must be 1..65535, not 65536"),
    ("delta", SMALL | {"threshold": 9}, "Threshold of code delta must be 0..8, not 9"),
    ("address", CAMERA | {"rows": 0}, "Rows of code address must be 1..4096, not 0"),
    ("address", CAMERA | {"columns": 4097}, "Columns of code address must be 1..4096, not 4097"),
    ("address", CAMERA | {"steps": 0}, "Steps of code address must be 1..65536, not 0"),
    ("address", CAMERA | {"interval": 1 << 30}, "Interval of code address must be 1..1073741823, not 1073741824"),
    ("address", CAMERA | {"levels": 256}, "Levels of code address must be 1..255, not 256"),
]


@pytest.mark.parametrize(("name", "fields", "text"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_parameters_out_of_range(name, fields, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        CODES[name](**fields)


WRONG = [
    (
        "latency",
        SMALL,
        np.zeros((1, 3), int),
        "Values for code latency must be integers [samples, 2], not int64 [1, 3]",
    ),
    ("latency", SMALL, np.zeros(2, int), "Values for code latency must be integers [samples, 2], not int64 [2]"),
    ("latency", SMALL, np.zeros((1, 2)), "Values for code latency must be integers [samples, 2], not float64 [1, 2]"),
    ("latency", SMALL, np.array([[0, 9], [4, 10]]), "Values for code latency must be 0..9, not 10 at [1, 1]"),
    ("latency", SMALL, np.array([[-1, 9]]), "Values for code latency must be 0..9, not -1 at [0, 0]"),
    (
        "delta",
        SMALL | {"threshold": 1},
        np.zeros((1, 2), int),
        "Values for code delta must be integers [samples, steps, 2], not int64 [1, 2]",
    ),
    (
        "delta",
        SMALL | {"threshold": 1},
        np.zeros((1, 4, 2), int),
        "Values for code delta must have at most 3 steps, not 4",
    ),
    (
        "address",
        CAMERA,
        np.zeros((1, 4), int),
        "Events for code address must be integers [samples, events, 4], not int64 [1, 4]",
    ),
    (
        "address",
        CAMERA,
        np.array([[[0, 0, 0, 0], [3, 0, 0, 1]]]),
        "Events for code address must have x 0..2, not 3 of event 1 in sample 0",
    ),
    (
        "address",
        CAMERA,
        np.array([[[-1, -1, -1, -1]], [[0, 2, 0, 0]]]),
        "Events for code address must have y 0..1, not 2 of event 0 in sample 1",
    ),
    (
        "address",
        CAMERA,
        np.array([[[0, 0, -1, 0]]]),
        "Events for code address must have polarity 0..1, not -1 of event 0 in sample 0",
    ),
    (
        "address",
        CAMERA,
        np.array([[[0, 0, 0, 40]]]),
        "Events for code address must have time 0..39, not 40 of event 0 in sample 0",
    ),
    (
        "address",
        CAMERA,
        np.array([[[0, 0, 0, 3], [0, 0, 0, 3], [0, 0, 0, 2]]]),
        "Events for code address must be in the order of their time, not 2 of event 2 in sample 0 after 3",
    ),
]


@pytest.mark.parametrize(("name", "fields", "values", "text"), WRONG)
def test_values_that_do_not_fit(name, fields, values, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        CODES[name](**fields).encode(values)
