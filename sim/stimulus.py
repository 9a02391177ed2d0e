"""From spikes to input events."""

import numpy as np

from .bench import EventLayout


def encode_sample(layout: EventLayout, spikes: np.ndarray, order: np.random.Generator) -> list[int]:
    """Payloads of one sample, ``spikes`` bool ``[steps, inputs]``: the spikes of each step in a random
    ``order`` (the chip must take any), then the event that ends the step."""
    index, step_end, sample_end = (layout.fields[name][0] for name in ("index", "step_end", "sample_end"))
    words: list[int] = []
    for step in spikes:
        words += (order.permutation(np.flatnonzero(step)) << index).tolist()
        words.append(1 << step_end)
    words[-1] |= 1 << sample_end
    return words
