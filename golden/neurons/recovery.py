"""The recovery variable of neurons that adapt: slow, coupled to the potential, lifted by each spike.

    u[t] = u[t-1] + rate * (coupling * v[t] - u[t-1])    and after a spike + jump

with the new potential ``v[t]``, before its reset (Izhikevich 2003; Brette and Gerstner 2005, by Euler's rule). ``u`` is
kept as what it takes from the potential in a step, with more fraction bits than that has, as ``rate`` is small: with
none of them ``u`` would stand still as soon as it were within ``1 / (2 * rate)`` units of its target.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..fixed import Value, cut, let, narrow, round_shift, select
from .factors import built_in, fraction_of, started
from .neuron import Format, Formats


@dataclass(frozen=True)
class Recovery:
    """``width``: signed bits of ``u``, which has ``finer`` more bits of fraction than the guard bits. ``factor_bits``:
    of the magnitudes of ``rate`` and ``coupling``, which have ``rate_shift`` and ``coupling_shift`` fraction bits.
    ``start``: the initial ``u``. Two multiplications.

    Raises ValueError for a ``start`` that does not fit.
    """

    width: int
    finer: int
    factor_bits: int
    rate_shift: int
    coupling_shift: int
    start: float = 0.0

    def __post_init__(self) -> None:
        self.initial()

    def initial(self) -> int:
        """The integer from which it starts."""
        return started("recovery", self.start, self.width)

    def parameter_shapes(self) -> dict[str, Format]:
        factor = (self.factor_bits + 1, True)
        return {"rate": factor, "coupling": factor, "jump": (self.width, True)}

    def step(self, v: Value, u: Value, spike: Value, parameters: Mapping[str, Value]) -> tuple[Value, Value, Value]:
        """The next ``u``; what it takes from the potential, in guard bits; whether it or its distance from the target
        was limited."""
        pulled = cut(let(v * parameters["coupling"], "pulled"))
        target = cut(let(round_shift(pulled, self.coupling_shift), "target"))
        distance, far = cut(*narrow(let(target - u, "distance_total"), self.width, "distance"))
        change = cut(let(distance * parameters["rate"], "change"))
        lifted = cut(let(u + select(spike, parameters["jump"], 0), "lifted"))
        total = cut(let(lifted + round_shift(change, self.rate_shift), "recovery_total"))
        recovered, overflow = cut(*narrow(total, self.width, "recovered"))
        taken = cut(let(round_shift(recovered, self.finer), "taken"))
        return recovered, taken, far | overflow

    @classmethod
    def fitted(
        cls,
        kind: str,
        formats: Formats,
        guard_bits: int,
        gain: np.ndarray,
        *,
        rate: np.ndarray,
        coupling: np.ndarray,
        jump: np.ndarray,
        u: np.ndarray,
    ) -> tuple["Recovery", dict[str, np.ndarray]]:
        """For a float ``rate``, and ``coupling``, ``jump`` and the initial ``u`` in units of the potential.

        ``gain``: how much of a recovery variable its equation takes in a step. ``u`` gets as many more fraction bits,
        and two more bits than the potential: with three guard bits a variable may have half the potential's range.
        """
        bits, finer = formats.fraction_bits, max(int(np.floor(-np.log2(gain.max()))), 0)
        one = 2.0 ** (guard_bits + finer)
        shifts = fraction_of(rate, bits), fraction_of(one * coupling, bits)
        parameters = {
            "rate": rate * 2.0 ** shifts[0],
            "coupling": one * coupling * 2.0 ** shifts[1],
            "jump": one * jump,
        }
        start = built_in(kind, "the initial recovery", one * u)
        return cls(formats.state_width + 2, finer, bits, *shifts, start), parameters
