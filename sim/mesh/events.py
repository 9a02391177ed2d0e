"""Events as words of a stream, and back."""

from typing import Any

import numpy as np
from amaranth.hdl import Shape

from ranvier.hw.stream import event_layout


def event_words(spikes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``spikes`` (bool ``[samples, steps, inputs]``) as the words of a chip's input: the events of each step in random
    order, then its end. uint64 ``[words, 1]``."""
    samples, steps, inputs = spikes.shape
    layout = event_layout(inputs)
    flat = spikes.reshape(samples * steps, inputs)
    keys = np.where(flat, rng.random(flat.shape), 2.0)
    order = np.argsort(keys, axis=1)
    counts = flat.sum(axis=1)
    words = []
    for step, count in enumerate(counts):
        sample_end = step % steps == steps - 1
        words.append(order[step, :count] << layout["index"].offset)
        words.append([1 << layout["step_end"].offset | int(sample_end) << layout["sample_end"].offset])
    return np.concatenate(words).astype(np.uint64)[:, None]


def fields_of(layout: Any, words: np.ndarray) -> dict[str, np.ndarray]:
    """Each field of ``words`` (uint64 ``[n, 1]``) of ``layout``, int64 ``[n]``."""
    fields = {}
    for name, field in layout:
        shape = Shape.cast(field.shape)
        value = (words[:, 0] >> np.uint64(field.offset)).astype(np.int64) & ((1 << shape.width) - 1)
        fields[name] = (
            np.where(value >> (shape.width - 1), value - (1 << shape.width), value) if shape.signed else value
        )
    return fields
