"""The chip: cores chained by streams, behind one load port."""

from amaranth.hdl import Cat, Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .config import ChipConfig
from .core import Core
from .core.fetch import COUNTER_WIDTH
from .stream import event_stream


def load_layout(config: ChipConfig) -> data.StructLayout:
    """Payload of the load port: one word of one memory."""
    return data.StructLayout({"address": config.load_address_width, "data": config.load_data_width})


class ChipSignature(wiring.Signature):
    """Ports of a chip, apart from clock and reset."""

    def __init__(self, config: ChipConfig) -> None:
        first, last = config.cores[0], config.cores[-1]
        members = {
            "events_in": In(event_stream(first.axons)),
            "events_out": Out(event_stream(last.neurons, last.value_width)),
            "load": In(stream.Signature(load_layout(config))),
            "idle": Out(1),
        }
        for core in config.cores:
            members |= {f"{core.name}_saturations": Out(COUNTER_WIDTH), f"{core.name}_rejected": Out(COUNTER_WIDTH)}
        super().__init__(members)


class Chip(wiring.Component):
    """Cores in a chain; core ``k + 1`` works on a step while core ``k`` works on the next one.

        events_in → core → core → … → events_out
        load      → weight and parameter memories (:attr:`ChipConfig.memory_map`)

    ``load`` is always ready and writes one word; memories may be loaded while ``idle``. Each core has the
    outputs ``<core>_saturations`` and ``<core>_rejected`` (see :class:`Core`). One clock; reset is
    synchronous and active high, and does not touch weights and parameters.
    """

    def __init__(self, config: ChipConfig) -> None:
        self.config = config
        super().__init__(ChipSignature(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cores = {}
        source = wiring.flipped(self.events_in)
        for config in self.config.cores:
            m.submodules[config.name] = core = cores[config.name] = Core(config)
            wiring.connect(m, source, core.events)
            source = core.spikes
            m.d.comb += [
                getattr(self, f"{config.name}_saturations").eq(core.saturations),
                getattr(self, f"{config.name}_rejected").eq(core.rejected),
            ]
        wiring.connect(m, source, wiring.flipped(self.events_out))
        m.d.comb += self.idle.eq(Cat(core.idle for core in cores.values()).all())

        m.d.comb += self.load.ready.eq(1)
        word = self.load.payload
        for region in self.config.memory_map:
            load = getattr(cores[region.core], f"load_{region.memory}")
            bits = (region.words - 1).bit_length()
            m.d.sync += [
                load.enable.eq(self.load.valid & (word.address[bits:] == region.base >> bits)),
                load.address.eq(word.address),
                load.data.eq(word.data),
            ]
        return m
