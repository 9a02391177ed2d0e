"""Words of any width as arrays: uint64 ``[n, chunks]``, the low 64 bits first."""

import operator
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

CHUNK = 64
Words: TypeAlias = np.ndarray | Sequence[int]


def chunks_of(width: int) -> int:
    """Chunks of a word of ``width`` bits."""
    return -(-width // CHUNK)


def pack_words(words: Words, width: int) -> np.ndarray:
    """``words`` as uint64 ``[n, chunks]``: Python ints, an integer array ``[n]``, or chunks ``[n, chunks]``.

    Raises TypeError for what is no integers, ValueError for a word that does not fit ``width`` bits, and for an array
    of another shape.
    """
    chunks = chunks_of(width)
    if isinstance(words, np.ndarray):
        return _from_array(words, width, chunks)
    values = [operator.index(word) for word in words]
    for value in values:
        if value < 0 or value >> width:
            raise _misfit(value, width)
    data = b"".join(value.to_bytes(chunks * CHUNK // 8, "little") for value in values)
    return np.frombuffer(data, "<u8").astype(np.uint64).reshape(len(values), chunks)


def _from_array(words: np.ndarray, width: int, chunks: int) -> np.ndarray:
    if words.dtype.kind not in "iu":
        raise TypeError(f"Words must be integers, not {words.dtype}")
    if words.ndim not in (1, 2) or (words.ndim == 2 and words.shape[1] != chunks):
        raise ValueError(f"Words must have shape [n] or [n, {chunks}], not {list(words.shape)}")
    if words.size and words.min() < 0:
        raise _misfit(int(words.min()), width)
    packed = np.zeros((len(words), chunks), np.uint64)
    if words.ndim == 1:
        packed[:, 0] = words
    else:
        packed[:] = words
    used = width - CHUNK * (chunks - 1)  # bits of the last chunk
    wrong = np.flatnonzero(packed[:, -1] >> np.uint64(used - 1) >> np.uint64(1))  # a shift by 64 is not defined
    if len(wrong):
        raise _misfit(integers(packed[wrong[:1]])[0], width)
    return packed


def _misfit(value: int, width: int) -> ValueError:
    return ValueError(f"Words must be 0 to 2**{width} - 1, not {value}")


def integers(packed: np.ndarray) -> list[int]:
    """The words of uint64 ``[n, chunks]`` as Python ints."""
    return [int.from_bytes(row.astype("<u8").tobytes(), "little") for row in packed]


def unpack_fields(packed: np.ndarray, width: int, count: int, *, at: int = 0, signed: bool = False) -> np.ndarray:
    """``count`` fields side by side, ``width`` (up to 63) bits each, the first at bit ``at``: int64 ``[n, count]``."""
    if not 1 <= width < CHUNK:
        raise ValueError(f"Width of a field must be 1..{CHUNK - 1} bits, not {width}")
    positions = at + width * np.arange(count)
    chunk, shift = positions // CHUNK, (positions % CHUNK).astype(np.uint64)
    following = np.minimum(chunk + 1, packed.shape[1] - 1)
    # A shift by 64 is not defined: the part from the next chunk is shifted in two steps.
    above = (packed[:, following] << (np.uint64(CHUNK - 1) - shift)) << np.uint64(1)
    fields = (packed[:, chunk] >> shift) | np.where(shift == 0, np.uint64(0), above)
    spare = np.uint64(CHUNK - width)
    lifted = fields << spare
    values: np.ndarray = lifted.view(np.int64) >> np.int64(spare) if signed else (lifted >> spare).view(np.int64)
    return values
