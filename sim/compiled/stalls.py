"""Where the random stalls of a simulation begin; every simulator draws the same ones."""

from collections.abc import Sequence

import numpy as np


def draws(seed: int | None, share: float, streams: Sequence[str]) -> tuple[int, dict[str, int]]:
    """Of 2**32 how many draws stall, and where the generator of each of ``streams`` starts; ``seed`` None:
    none. Raises ValueError."""
    if not 0 <= share <= 1:
        raise ValueError(f"Share of stalls must be 0..1, not {share}")
    seeds = np.random.SeedSequence(seed or 0).generate_state(len(streams), np.uint64).tolist()
    return 0 if seed is None else round(share * 2**32), dict(zip(streams, seeds, strict=True))
