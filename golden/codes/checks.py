"""What codes refuse, in one line each."""

import numpy as np

MAX_MAXIMUM = (1 << 16) - 1
MAX_STEPS = 1 << 16


def check_range(code: str, name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError where parameter ``name`` of ``code`` is not in ``low … high``."""
    if not low <= value <= high:
        raise ValueError(f"{name} of code {code} must be {low}..{high}, not {value}")


def check_values(code: str, values: np.ndarray, shape: tuple[int | str, ...], maximum: int) -> None:
    """Raise ValueError where ``values`` are no integers of ``0 … maximum`` in ``shape``, whose first axes, given by
    names, may have any length."""
    fits = values.ndim == len(shape) and all(
        isinstance(size, str) or size == n for size, n in zip(shape, values.shape, strict=True)
    )
    if values.dtype.kind not in "iu" or not fits:
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"Values for code {code} must be integers [{wanted}], not {values.dtype} {list(values.shape)}")
    wrong = (values < 0) | (values > maximum)
    if wrong.any():
        where = [int(i) for i in np.argwhere(wrong)[0]]
        raise ValueError(f"Values for code {code} must be 0..{maximum}, not {values[tuple(where)]} at {where}")
