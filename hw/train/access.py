"""The port behind which all training state lies: read and written word by word while nothing is at work."""

from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden import generator

from ..config import index_width
from .config import REPLY_WIDTH, TrainerConfig
from .counters import NAMES, WIDTH
from .wiring import split

PENDING, FIRST_COUNTER = 1, 2  # addresses of the region MISCELLANY; 0: generators, one a lane


class Region(IntEnum):
    """What a request is about."""

    WEIGHTS = 0
    MOMENTA = 1
    SUMS = 2
    MISCELLANY = 3


def access_layout(config: TrainerConfig) -> data.StructLayout:
    """A request: ``write`` ``data``, or read, the word of ``lane`` at ``address`` in a :class:`Region`.

    Weights, momenta and sums of gradients lie as :class:`LayerGeometry` says, in two's complement; of the miscellany
    address 0 is the lane's generator, 1 the number of samples in the batch so far, and from 2 on the counters
    :data:`NAMES`, which a write sets to zero.
    """
    address = index_width(max(config.weight_words, FIRST_COUNTER + len(NAMES)))
    return data.StructLayout(
        {"write": 1, "region": 2, "lane": index_width(config.lanes), "address": address, "data": REPLY_WIDTH}
    )


class Access(wiring.Component):
    """Carries out requests, one at a time, and wipes the memories after reset.

    A request is taken while ``enable`` and not ``busy``. Latency: 4 cycles from a read to its reply. Throughput: a
    write in 2 cycles, a read in 5. ``wiping``: ``wipe_address`` of each memory is to be set to zero.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        setup, lanes = config.setup, config.lanes
        address = index_width(config.weight_words)
        super().__init__(
            {
                "requests": In(stream.Signature(access_layout(config))),
                "replies": Out(stream.Signature(REPLY_WIDTH)),
                "enable": In(1),
                "busy": Out(1),
                "reading": Out(1),
                "address": Out(address),
                "written": Out(REPLY_WIDTH),
                "weights": In(lanes * setup.weight_width),
                "momenta": In(lanes * setup.optimiser.momentum_width),
                "sums": In(lanes * setup.sum_width),
                "generators": In(lanes * generator.WIDTH),
                "pending": In(range(setup.batch + 1)),
                "count": In(WIDTH),
                "counter": Out(range(len(NAMES))),
                "write_weights": Out(lanes),
                "write_momenta": Out(lanes),
                "write_sums": Out(lanes),
                "load_generator": Out(lanes),
                "load_pending": Out(1),
                "clear_counter": Out(1),
                "wiping": Out(1, init=1),
                "wipe_address": Out(address),
            }
        )

    def to_all(self, width: int) -> Value:
        """What is written, offered to every lane."""
        return Cat(*[self.written[:width]] * self.config.lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes = self.config, self.config.lanes
        request = Signal(access_layout(config))
        acting, waiting, answered = Signal(), Signal(), Signal()  # the request is carried out; memories answer
        m.d.comb += [
            self.requests.ready.eq(self.enable & ~self.busy),
            self.busy.eq(acting | waiting | answered | self.replies.valid),
            self.reading.eq(acting & ~request.write),
            self.address.eq(request.address),
            self.written.eq(request.data),
            self.counter.eq(request.address - FIRST_COUNTER),
        ]
        m.d.sync += [
            acting.eq(self.requests.valid & self.requests.ready),
            waiting.eq(self.reading),
            answered.eq(waiting),
        ]
        with m.If(self.requests.ready):
            m.d.sync += request.eq(self.requests.payload)

        lane = Signal(lanes)
        m.d.comb += lane.eq(1 << request.lane)
        with m.If(acting & request.write), m.Switch(request.region):
            with m.Case(Region.WEIGHTS):
                m.d.comb += self.write_weights.eq(lane)
            with m.Case(Region.MOMENTA):
                m.d.comb += self.write_momenta.eq(lane)
            with m.Case(Region.SUMS):
                m.d.comb += self.write_sums.eq(lane)
            with m.Default():
                with m.If(request.address == 0):
                    m.d.comb += self.load_generator.eq(lane)
                with m.Elif(request.address == PENDING):
                    m.d.comb += self.load_pending.eq(1)
                with m.Else():
                    m.d.comb += self.clear_counter.eq(1)

        answers = {
            Region.WEIGHTS: (self.weights, True),
            Region.MOMENTA: (self.momenta, True),
            Region.SUMS: (self.sums, True),
        }
        with m.If(self.replies.ready):
            m.d.sync += self.replies.valid.eq(0)
        with m.If(answered):
            m.d.sync += self.replies.valid.eq(1)
            with m.Switch(request.region):
                for region, (word, is_signed) in answers.items():
                    with m.Case(region):
                        m.d.sync += self.replies.payload.eq(
                            _chosen(m, word, request.lane, lanes, is_signed, region.name)
                        )
                with m.Default():
                    generators = _chosen(m, self.generators, request.lane, lanes, False, "GENERATOR")
                    miscellany = Mux(request.address == PENDING, self.pending, self.count)
                    m.d.sync += self.replies.payload.eq(Mux(request.address == 0, generators, miscellany))

        with m.If(self.wiping):
            m.d.sync += self.wipe_address.eq(self.wipe_address + 1)
            with m.If(self.wipe_address == config.weight_words - 1):
                m.d.sync += self.wiping.eq(0)
        return m


def _chosen(m: Module, word: Value, lane: Value, lanes: int, is_signed: bool, name: str) -> Value:
    parts = split(word, lanes, is_signed=is_signed)
    chosen = Signal(parts[0].shape(), name=f"{name.lower()}_of_lane")
    with m.Switch(lane):
        for index, part in enumerate(parts):
            with m.Case(index):
                m.d.comb += chosen.eq(part)
    return chosen
