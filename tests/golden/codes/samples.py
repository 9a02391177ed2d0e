"""Random codes of every kind, and values for them."""

from typing import Any

import numpy as np

from ranvier.golden.codes.registry import CODES, Code


def random_code(name: str, rng: np.random.Generator) -> Code:
    """Small, with parameters of their whole kind: sizes of one, odd and even ones, powers of two."""
    steps, inputs = int(rng.integers(1, 7)), int(rng.integers(1, 7))
    maximum = int(rng.choice([1, 2, 3, 15, 16, 100, 255, 256, 4095]))
    sized = {"inputs": inputs, "steps": steps, "maximum": maximum}
    seed = int(rng.integers(1, 1 << 32))
    fields: dict[str, dict[str, Any]] = {
        "rate": sized | {"seed": seed},
        "regular": sized,
        "latency": sized,
        "population": sized
        | {
            "maximum": max(maximum, 3),
            "neurons": int(rng.integers(2, 5)),
            "curve": str(rng.choice(["gaussian", "triangular"])),
            "width": float(rng.choice([0.3, 1, 2.5])),
            "seed": seed,
        },
        "direct": sized | {"maximum": min(maximum, 5)},
        "delta": sized | {"threshold": int(rng.integers(0, min(maximum, 20)))},
        "address": {
            "rows": int(rng.integers(1, 6)),
            "columns": int(rng.integers(1, 6)),
            "steps": steps,
            "interval": int(rng.integers(1, 40)),
            "levels": int(rng.integers(1, 4)),
        },
    }
    return CODES[name](**fields[name])


def random_values(code: Code, rng: np.random.Generator, samples: int) -> np.ndarray:
    """The ends of the range among them; of address events some rows that are none, and samples without any."""
    if code.name == "address":
        events = int(rng.integers(1, 60))
        bounds = code.columns, code.rows, 2, code.duration
        values = np.stack([rng.integers(0, bound, (samples, events)) for bound in bounds], axis=-1)
        values[..., 3].sort(axis=1)
        for sample in range(samples):
            values[sample, rng.integers(0, events + 1) :] = -1
        return values
    shape = (samples, code.steps, code.inputs) if code.name == "delta" else (samples, code.inputs)
    ends = rng.choice([0, code.maximum], shape)
    return np.where(rng.random(shape) < 0.3, ends, rng.integers(0, code.maximum + 1, shape))
