"""Forward by a systolic array: weights stay in the elements, partial sums flow, spikes gate."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed

from ..config import TrainerConfig
from ..memories import WordMemory
from ..wiring import joined, split
from .blocks import BlockReader
from .front import Front


class SystolicArray(Front):
    """``fused`` by ``lanes`` elements that AND and accumulate (SATA, Yin et al., TCAD 2022: 8 by 16).

        spike 0 → & weights 0        of the lanes
                      ↓ register
        spike 1 → & + weights 1
                      ↓ …
                    sums

    Row ``r`` holds the weights of the ``r``-th axon of each block, column ``k`` those of lane ``k``'s neurons. Sums go
    down a row a cycle, and each row does its block that much later. Without its spike a row neither reads its weights
    nor adds; the cycles are the same. After each update the weights are copied into the rows, a word a cycle.

    Latency: ``fused + 1`` cycles from ``row_address`` to ``sums``; to copy ``forward_words * fused + 5`` cycles.
    Throughput: a block and a group a cycle, ``fused * lanes`` additions.
    """

    def __init__(self, config: TrainerConfig) -> None:
        super().__init__(config, BlockReader(config, gray=False), behind=0)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes, fused, reader = self.config, self.config.lanes, self.config.fused, self.reader
        width = config.setup.weight_width
        m.submodules.reader = reader
        self.connect_reader(m)

        address, gates = self.row_address, Mux(self.valid & ~self.operation.update, self.spikes, 0)
        above = [Const(0)] * lanes
        for row in range(fused):
            m.submodules[f"row{row}"] = memory = WordMemory(depth=config.forward_words, width=lanes * width)
            read, gate = Signal(name=f"read{row}"), Signal(name=f"gate{row}")
            weights = Signal(lanes * width, name=f"weights{row}", reset_less=True)
            m.d.comb += [
                memory.write_enable.eq(reader.valid & (reader.spikes == row)),
                memory.write_address.eq(reader.word),
                memory.write_data.eq(reader.weights.as_value()),
                memory.read_enable.eq(gates[0]),
                memory.read_address.eq(address),
            ]
            m.d.sync += [read.eq(gates[0]), gate.eq(read), weights.eq(memory.read_data)]
            sums = []
            for lane, weight in enumerate(split(weights, lanes, is_signed=True)):
                total = Signal(signed(width + row.bit_length()), name=f"sum{row}_{lane}")
                m.d.comb += total.eq(above[lane] + Mux(gate, weight, 0))
                sums.append(total)
            if row == fused - 1:
                m.d.comb += self.sums.eq(joined([_extended(total, config.partial_width) for total in sums]))
                break
            above = [Signal.like(total, name=f"flow{row}_{lane}", reset_less=True) for lane, total in enumerate(sums)]
            m.d.sync += [register.eq(total) for register, total in zip(above, sums, strict=True)]
            later, spikes = Signal.like(address, name=f"address{row}"), Signal(fused - row - 1, name=f"spikes{row}")
            m.d.sync += [later.eq(address), spikes.eq(gates >> 1)]
            address, gates = later, spikes

        valid, operation, waiting = self.valid, self.operation, []
        for row in range(fused - 1):
            follows = Signal(name=f"valid{row}")
            behind = Signal(self.operation.shape(), name=f"operation{row}", reset_less=True)
            m.d.sync += [follows.eq(valid), behind.eq(operation)]
            valid, operation = follows, behind
            waiting.append(follows)
        m.d.comb += [
            self.engine_valid.eq(valid),
            self.engine_operation.eq(operation),
            self.busy.eq(Cat(waiting).any() if waiting else 0),
        ]
        return m


def _extended(value: Signal, width: int) -> Signal:
    """``value`` in ``width`` bits."""
    return value if len(value) == width else Cat(value, *[value[-1]] * (width - len(value)))
