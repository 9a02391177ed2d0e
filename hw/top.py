"""The chip: cores chained by streams, behind one load port."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .codes.ports import counters, value_layout
from .codes.registry import encoder_of
from .config import ChipConfig
from .core import Core
from .core.fetch import COUNTER_WIDTH
from .decoder.decoder import Decoder, answer_layout
from .decoder.registry import decoder
from .join import Join
from .router.fork import Fork
from .step_buffer import StepBuffer
from .stream import event_stream


def load_layout(config: ChipConfig) -> data.StructLayout:
    """Payload of the load port: one word of one memory."""
    return data.StructLayout({"address": config.load_address_width, "data": config.load_data_width})


def input_ports(config: ChipConfig) -> dict[str, wiring.Member]:
    """``events_in``; or with an encoder ``values_in``, and its counters."""
    if config.encoder is None:
        return {"events_in": In(event_stream(config.axons_of(-1)))}
    told = {f"values_in_{name}": member for name, member in counters(config.encoder).items()}
    return {"values_in": In(stream.Signature(value_layout(config.encoder)))} | told


class ChipSignature(wiring.Signature):
    """Ports of a chip, apart from clock and reset."""

    def __init__(self, config: ChipConfig) -> None:
        last = config.cores[-1]
        members = input_ports(config) | {
            "events_out": Out(event_stream(last.neurons, last.value_width, negative=last.model.signed)),
            "load": In(stream.Signature(load_layout(config))),
            "idle": Out(1),
        }
        for core in config.cores:
            members |= {f"{core.name}_saturations": Out(COUNTER_WIDTH), f"{core.name}_rejected": Out(COUNTER_WIDTH)}
        if config.decoder is not None:
            members |= {
                "answers": Out(stream.Signature(answer_layout(config.decoder))),
                "answers_rejected": Out(COUNTER_WIDTH),
            }
        super().__init__(members)


class Chip(wiring.Component):
    """Cores in a chain, or as :attr:`ChipConfig.feeds` join them; core ``k + 1`` works on a step while core ``k`` works
    on the next one.

        events_in → core → core → … → events_out
                                      └ decoder → answers
        load      → weight and parameter memories (:attr:`ChipConfig.memory_map`)

    With an encoder (:attr:`ChipConfig.encoder`), ``values_in`` takes the place of ``events_in``.

    A core that hears several layers has a :class:`.join.Join` before it; what several cores hear, each takes when it
    can. Spikes that go back wait for the next step in a buffer that holds a whole step, so that they never hold up the
    core that sends them. With :attr:`ChipConfig.decoder`, ``answers`` come from it (:mod:`.decoder`), and an event of
    ``events_out`` is gone when both have taken it.

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
        for config in self.config.cores:
            m.submodules[config.name] = cores[config.name] = Core(config)
        idle = [core.idle for core in cores.values()]
        decoders = [] if self.config.decoder is None else [self._decode(m)]
        idle += [each.idle for each in decoders]
        idle += self._join(m, list(cores.values()), [each.events for each in decoders])
        m.d.comb += self.idle.eq(Cat(idle).all())

        self._load(m, cores)
        return m

    def _decode(self, m: Module) -> Decoder:
        m.submodules.answers = behind = decoder(self.config.decoder)
        wiring.connect(m, behind.answers, wiring.flipped(self.answers))
        m.d.comb += self.answers_rejected.eq(behind.rejected)
        return behind

    def _join(self, m: Module, cores: list[Core], beside: list[wiring.PureInterface]) -> list[Value]:
        """Connect the cores as the feeds say, and ``beside`` the output to the last; the joins, whether each is at
        rest."""
        config, idle = self.config, []
        inputs, rejected = [], []  # of each core what its feeds go to, and the events that were refused before it
        for core, feeds in zip(cores, config.feeds, strict=True):
            if len(feeds) == 1 and feeds[0].direct:
                inputs.append([core.events])
                rejected.append(core.rejected)
                continue
            name = core.config.name
            negative = tuple(config.signed(feed.source) for feed in feeds)
            join = Join(feeds, tuple(config.axons_of(feed.source) for feed in feeds), negative)
            m.submodules[f"{name}_join"] = join
            wiring.connect(m, join.events, core.events)
            both = Signal(COUNTER_WIDTH + 1, name=f"{name}_both")
            m.d.comb += both.eq(core.rejected + join.rejected)
            idle.append(join.idle)
            rejected.append(Mux(both[-1], ~0, both))
            inputs.append([getattr(join, f"events_{number}") for number in range(len(feeds))])
            for number, feed in enumerate(feeds):
                if feed.back:
                    sender = config.cores[feed.source]
                    buffer = StepBuffer(sender.neurons, sender.longest_step, sender.model.signed)
                    m.submodules[f"{name}_{number}_back"] = buffer
                    wiring.connect(m, buffer.step, inputs[-1][number])
                    inputs[-1][number] = buffer.events
        self._hand_on(m, "input", self._input(m, idle), self._takers(inputs, -1))
        for source, core in enumerate(cores):
            name, takers = core.config.name, self._takers(inputs, source)
            m.d.comb += [
                getattr(self, f"{name}_saturations").eq(core.saturations),
                getattr(self, f"{name}_rejected").eq(rejected[source]),
            ]
            if core is cores[-1]:
                takers += [*beside, wiring.flipped(self.events_out)]
            self._hand_on(m, name, core.spikes, takers)
        return idle

    def _input(self, m: Module, idle: list[Value]) -> wiring.PureInterface:
        """The spikes that come in, or that an encoder makes of the values that do."""
        if self.config.encoder is None:
            return wiring.flipped(self.events_in)
        m.submodules.values_in_encoder = encoder = encoder_of(self.config.encoder)
        wiring.connect(m, wiring.flipped(self.values_in), encoder.values)
        idle.append(encoder.idle)
        m.d.comb += [getattr(self, f"values_in_{name}").eq(getattr(encoder, name)) for name in counters(encoder.code)]
        return encoder.events

    def _takers(self, inputs: list[list[wiring.PureInterface]], source: int) -> list[wiring.PureInterface]:
        return [inputs[place][number] for place, number in self.config.takers(source)]

    def _hand_on(self, m: Module, name: str, stream: wiring.PureInterface, takers: list[wiring.PureInterface]) -> None:
        """Let each of ``takers`` take every event of ``stream``."""
        if len(takers) == 1:
            wiring.connect(m, stream, takers[0])
        else:
            self._fork(m, name, stream, takers)

    @staticmethod
    def _fork(m: Module, name: str, stream: wiring.PureInterface, takers: list[wiring.PureInterface]) -> None:
        """Let each of ``takers`` take every event of ``stream``."""
        m.submodules[f"{name}_fork"] = fork = Fork(len(takers))
        m.d.comb += [fork.requests.eq(stream.valid.replicate(len(takers))), stream.ready.eq(fork.take)]
        for number, taker in enumerate(takers):
            m.d.comb += [
                taker.payload.eq(stream.payload),
                taker.valid.eq(fork.pending[number]),
                fork.moved[number].eq(fork.pending[number] & taker.ready),
            ]

    def _load(self, m: Module, cores: dict[str, Core]) -> None:
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
