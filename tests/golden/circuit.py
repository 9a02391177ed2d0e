"""Golden arithmetic as a circuit in Amaranth's simulator."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.sim import Simulator

from ranvier.golden.fixed import let
from ranvier.hw.arith import naming


def in_amaranth(
    function: Callable[..., Iterable], shapes: Sequence[Shape], cases: Iterable[Sequence[int]]
) -> np.ndarray:
    """What a circuit of ``function`` with operands of ``shapes`` gives for each of ``cases``: ``[cases, results]``."""
    m = Module()
    operands = [Signal(shape, name=f"operand{k}") for k, shape in enumerate(shapes)]
    with naming(m):
        results = [let(Value.cast(r), f"result{k}") for k, r in enumerate(function(*operands))]
    rows = []

    async def bench(ctx):
        for case in cases:
            for signal, value in zip(operands, case, strict=True):
                ctx.set(signal, value)
            await ctx.delay(1e-9)
            rows.append([ctx.get(result) for result in results])

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(rows)
