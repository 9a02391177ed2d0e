"""From spikes, or values for an encoder, to what a chip takes."""

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


def transfer_words(layout: EventLayout, transfers: np.ndarray) -> list[int]:
    """Payloads of a sample for an encoder: ``transfers`` ``[transfers, fields]``; those that begin with -1 are none."""
    places = [low for low, _ in layout.fields.values()]
    rows = transfers[transfers[:, 0] >= 0].tolist()
    return [sum(value << low for value, low in zip(row, places, strict=True)) for row in rows]
