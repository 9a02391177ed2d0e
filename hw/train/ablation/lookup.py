"""Forward by look-up: the sums of all subsets of ``fused`` weights lie in memory, the spikes are the address."""

from amaranth.hdl import Module, Mux, Signal, signed

from ..config import TrainerConfig
from ..memories import Banks
from ..wiring import joined, split
from .blocks import BlockReader
from .front import Front


class LookupTables(Front):
    """Reads what up to ``fused`` additions give, for ``lanes`` neurons at a time (H2Learn, Liang et al., TCAD 2021).

        weights → BlockReader → ± → tables
                 block, spikes → tables → sums of the lanes

    After each update of the weights the tables are made again, an entry of all lanes a cycle, each from the one before
    by a single addition or subtraction (Gray's code). Size: ``forward_words * 2 ** fused`` words of ``lanes`` sums.

    Latency: 2 cycles from ``row_address`` to ``sums``; to make the tables ``forward_words * 2 ** fused + 6`` cycles.
    Throughput: a block and a group a cycle, ``fused * lanes`` additions; blocks without a spike cost nothing.
    """

    def __init__(self, config: TrainerConfig) -> None:
        super().__init__(config, BlockReader(config, gray=True), behind=1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes, width, reader = self.config, self.config.lanes, self.config.partial_width, self.reader
        m.submodules.reader = reader
        m.submodules.tables = tables = Banks(
            lanes=1, depth=config.forward_words << config.fused, width=lanes * width, registered=True
        )
        self.connect_reader(m)
        entries = [Signal(signed(width), name=f"entry{lane}", reset_less=True) for lane in range(lanes)]
        for lane, entry in enumerate(entries):
            weight = reader.weights[lane]
            moved = Mux(reader.falling, entry - weight, entry + weight)
            with m.If(reader.valid):
                m.d.sync += entry.eq(Mux(reader.first, 0, moved))
        write = Signal()
        write_address = Signal.like(tables.write.address[0])
        m.d.sync += [write.eq(reader.valid), write_address.eq((reader.word << config.fused) | reader.spikes)]
        m.d.comb += [
            tables.write.enable.eq(write),
            tables.write.address[0].eq(write_address),
            tables.write.data[0].eq(joined(entries)),
            tables.read0.enable.eq(1),
            tables.read0.address[0].eq((self.row_address << config.fused) | self.spikes),
            self.sums.eq(joined(split(tables.read0.data[0], lanes, is_signed=True))),
            self.engine_valid.eq(self.valid),
            self.engine_operation.eq(self.operation),
        ]
        return m
