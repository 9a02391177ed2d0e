"""From spikes to input events."""

import numpy as np

from .bench import EventLayout


def encode_sample(layout: EventLayout, spikes: np.ndarray, order: np.random.Generator) -> list[int]:
    """Payloads of one sample, ``spikes`` ``[steps, inputs]``, bool or graded: the spikes of each step in a random
    ``order`` (the chip must take any), one event for each unit of value, then the event that ends the step."""
    index, step_end, sample_end = (layout.fields[name][0] for name in ("index", "step_end", "sample_end"))
    words: list[int] = []
    for step in spikes:
        words += (order.permutation(np.repeat(np.arange(len(step)), step.astype(int))) << index).tolist()
        words.append(1 << step_end)
    words[-1] |= 1 << sample_end
    return words
