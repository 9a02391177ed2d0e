"""Products of integers by BLAS."""

import numpy as np

_EXACT = 1 << 53  # float64 holds every integer below, so that a BLAS product of integers is exact


def exact_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a @ b`` of integers. Raises ValueError where float64 could round."""
    bound = int(np.abs(a).max(initial=0)) * int(np.abs(b).max(initial=0)) * a.shape[-1]
    if bound >= _EXACT:
        raise ValueError(f"Product of integers must stay below 2**53, not {bound}")
    product: np.ndarray = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
    return product
