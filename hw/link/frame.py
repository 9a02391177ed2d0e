"""What a serial link sends: frames of one length, each with all that the other side must know."""

from dataclasses import dataclass

from amaranth.hdl import unsigned
from amaranth.lib import crc, data, enum

# CRC-16/DNP keeps a Hamming distance of 6 for words of up to 135 bits, as far as a CRC of 16 bits can
# (P. Koopman and T. Chakravarty, Cyclic Redundancy Code Polynomial Selection For Embedded Networks, 2004).
# Eight bits would give a distance of 4 at such lengths, and let one misread frame in 256 pass.
CHECK = crc.catalog.CRC16_DNP
CHECK_WIDTH = 16
LONGEST_BODY = 135  # bits


class Kind(enum.Enum, shape=unsigned(3)):
    """What a frame is for. A session is open when each side knows the other's sequence number."""

    HELLO = 0  # my numbers begin with ``sequence``; I know nothing of yours, answer
    WELCOME = 1  # my numbers begin with ``sequence``; I know yours, answer
    STATUS = 2  # what I have got, and what I have room for
    PROBE = 3  # the same; answer
    FLIT = 4  # the same, and flit number ``sequence``; answer


@dataclass(frozen=True)
class FrameFormat:
    """Frames for flits of ``width`` bits over ``wires``, of which ``window`` may be on their way.

        symbols:  start (all low) | body, padded with zeros | CRC | stop (all high)
        body:     kind | sequence | acknowledge | credit | flit          first bit first

    A symbol is a bit on each wire. Numbers count modulo ``2**number_width``. ``acknowledge``: all flits before this
    number have come. ``credit``: the first number for which there is no room; as a number, not as an increment, so that
    a lost frame loses no credit.

    The CRC covers the body. All frames are of one length: no flipped bit changes where the CRC is looked for, and all
    frames with up to 5 flipped bits in body and CRC, or a burst of up to 16, are found out. A frame whose beginning was
    missed is taken for a good one in one case of 2**16.

    Raises ValueError for a width below 1, wires not in 1..8, a window below 1, and a body beyond 135 bits.
    """

    width: int
    wires: int
    window: int

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"Width of a flit must be at least 1 bit, not {self.width}")
        if not 1 <= self.wires <= 8:
            raise ValueError(f"Wires of a link must be 1..8, not {self.wires}")
        if self.window < 1:
            raise ValueError(f"Window of a link must be at least 1 flit, not {self.window}")
        if self.body_symbols * self.wires > LONGEST_BODY:
            raise ValueError(
                f"Body of a frame must be at most {LONGEST_BODY} bits, not {self.body_symbols * self.wires}"
            )

    @property
    def number_width(self) -> int:
        """Bits of a sequence number: one number more than there may be flits on their way."""
        return self.window.bit_length()

    @property
    def body(self) -> data.StructLayout:
        number = self.number_width
        return data.StructLayout(
            {"kind": Kind, "sequence": number, "acknowledge": number, "credit": number, "flit": self.width}
        )

    @property
    def body_symbols(self) -> int:
        return -(-(3 + 3 * self.number_width + self.width) // self.wires)

    @property
    def check_symbols(self) -> int:
        return -(-CHECK_WIDTH // self.wires)

    @property
    def symbols(self) -> int:
        """Symbols of a frame: start, body, CRC, stop."""
        return 2 + self.body_symbols + self.check_symbols

    @property
    def check(self) -> crc.Parameters:
        """The CRC, over a symbol at a time."""
        return CHECK(self.wires)
