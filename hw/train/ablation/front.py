"""What stands between the forward pass and its engine where spikes do not come one by one."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import index_width
from ..config import LayerGeometry, TrainerConfig
from ..forward import forward_operation
from .blocks import BlockReader, visits


class Front(wiring.Component):
    """Gives the engine, for each of the pass's operations, the sum of the weights of the block's spikes.

    ``valid``, ``operation``, ``row_address`` and ``spikes`` come from the pass; ``engine_valid`` and
    ``engine_operation`` go on to the engine, ``sums`` 2 cycles after them; ``busy``: an operation is on its way. The
    weights' memory answers ``address`` with ``banks`` 2 cycles later. ``changed``: a weight is written; ``wanted`` asks
    for copies that are up to date, ``ready`` says that they are, ``reading`` that they are being made.

    Cycles of a step and layer: :func:`step_cycles`.
    """

    def __init__(self, config: TrainerConfig, reader: BlockReader, *, behind: int) -> None:
        self.config, self.reader, self.behind = config, reader, behind
        super().__init__(
            {
                "valid": In(1),
                "operation": In(forward_operation(config)),
                "row_address": In(index_width(config.forward_words)),
                "spikes": In(config.fused),
                "changed": In(1),
                "wanted": In(1),
                "ready": Out(1),
                "reading": Out(1),
                "address": Out(index_width(config.weight_words)),
                "banks": In(config.lanes * config.setup.weight_width),
                "engine_valid": Out(1),
                "engine_operation": Out(forward_operation(config)),
                "sums": Out(config.lanes * config.partial_width),
                "busy": Out(1),
            }
        )

    def connect_reader(self, m: Module) -> None:
        """Join the reader to the ports; what it reads has been written ``behind`` cycles after it is ``valid``."""
        reader = self.reader
        written = reader.busy
        late = Signal(self.behind)
        if self.behind:
            m.d.sync += late.eq((late << 1) | reader.busy)
            written = written | late.any()
        m.d.comb += [
            reader.changed.eq(self.changed),
            reader.wanted.eq(self.wanted),
            reader.banks.eq(self.banks),
            self.address.eq(reader.address),
            self.reading.eq(written),
            self.ready.eq(reader.ready & ~written),
        ]


def copy_cycles(config: TrainerConfig) -> int:
    """Cycles to make the copies, from ``wanted`` to ``ready``."""
    lookup = config.forward == "lookup"
    return config.forward_words * visits(config, gray=lookup) + BlockReader.STAGES + (2 if lookup else 1)


def step_cycles(config: TrainerConfig, layer: LayerGeometry, sent: Sequence[int]) -> int:
    """Cycles of a step of ``layer`` without own spikes; ``sent``: of each word of its inputs, how many axons spiked, or
    how many blocks were looked at when it had been read."""
    scan = sum(max(number, 1) for number in sent) + 3 + (sent[-1] != 0)
    delay = config.fused - 1 if config.forward == "systolic" else 0
    return scan + sum(sent) * (layer.groups - 1) + layer.groups + 9 + delay


def front(config: TrainerConfig) -> Front:
    """The one that ``config.forward`` names."""
    from .lookup import LookupTables
    from .systolic import SystolicArray

    return LookupTables(config) if config.forward == "lookup" else SystolicArray(config)
