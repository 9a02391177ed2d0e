"""Frames: sizes, what is refused, and what the CRC finds."""

import itertools

import numpy as np
import pytest

from ranvier.hw.link.frame import CHECK, LONGEST_BODY, FrameFormat, Kind


def remainders(bits):
    """What each single bit of a word adds to a CRC of 16 bits, by long division: x**n modulo the polynomial."""
    value, result = 1, []
    for _ in range(bits):
        result.append(value)
        value = (value << 1) ^ (0x13D65 if value >> 15 else 0)
    return result


def test_up_to_five_flipped_bits_are_found_in_the_longest_frame():
    """Hamming distance 6: no odd number of bits, no two and no four have remainders that cancel."""
    single = remainders(LONGEST_BODY + 16)
    assert (0x13D65).bit_count() % 2 == 0  # divisible by x + 1: an odd number of bits is always found
    pairs = np.array([a ^ b for a, b in itertools.combinations(single, 2)])
    assert len(pairs) == 11325
    assert 0 not in pairs
    assert len(np.unique(pairs)) == len(pairs)


def test_one_bit_more_loses_the_distance():
    """The bound that longer frames are refused by is tight."""
    single = remainders(LONGEST_BODY + 17)
    pairs = [a ^ b for a, b in itertools.combinations(single, 2)]
    assert len(set(pairs)) < len(pairs)


@pytest.mark.parametrize("wires", range(1, 9))
def test_the_crc_of_words_is_that_of_their_bits(wires):
    """A link sends first what the catalogue's algorithm takes first: bits in order, the lowest of a symbol first."""
    form = FrameFormat(24, wires, 4)
    rng = np.random.default_rng(wires)
    bits = rng.integers(0, 2, form.body_symbols * wires).tolist()
    register = 0
    for bit in bits:
        register = (register << 1) ^ (0x13D65 if (register >> 15) ^ bit else 0)
        register &= 0xFFFF
    words = [sum(bit << n for n, bit in enumerate(bits[at : at + wires])) for at in range(0, len(bits), wires)]
    assert form.check.compute(words) == int(f"{register:016b}"[::-1], 2) ^ 0xFFFF
    assert CHECK(1).compute(bits) == form.check.compute(words)


@pytest.mark.parametrize(
    ("width", "wires", "window", "number", "body", "check", "symbols"),
    [(16, 1, 4, 3, 28, 16, 46), (8, 4, 4, 3, 5, 4, 11), (8, 3, 1, 1, 5, 6, 13), (32, 8, 7, 3, 6, 2, 10)],
)
def test_sizes(width, wires, window, number, body, check, symbols):
    form = FrameFormat(width, wires, window)
    assert (form.number_width, form.body_symbols, form.check_symbols, form.symbols) == (number, body, check, symbols)
    assert form.body.size == 3 + 3 * number + width
    assert [kind.name for kind in Kind] == ["HELLO", "WELCOME", "STATUS", "PROBE", "FLIT"]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 1, 4), "Width of a flit must be at least 1 bit, not 0"),
        ((8, 0, 4), "Wires of a link must be 1..8, not 0"),
        ((8, 9, 4), "Wires of a link must be 1..8, not 9"),
        ((8, 1, 0), "Window of a link must be at least 1 flit, not 0"),
        ((124, 1, 4), "Body of a frame must be at most 135 bits, not 136"),
        ((120, 8, 4), "Body of a frame must be at most 135 bits, not 136"),
    ],
)
def test_bad_values_are_refused(sizes, message):
    with pytest.raises(ValueError) as error:
        FrameFormat(*sizes)
    assert str(error.value) == message
    assert FrameFormat(123, 1, 4).body.size == 135
