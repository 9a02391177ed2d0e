"""Blocks of axons: their spikes as a stream, their addresses, and the copying of their weights."""

from itertools import pairwise

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Member, Out

from ...config import index_width
from ..config import TrainerConfig
from ..dense import listed_layout, listed_part
from ..replay import entry_layout
from ..wiring import by_layer, lowest_bit, rotated, split


def block_bases(config: TrainerConfig) -> list[int]:
    """First word of each layer's blocks: a word is a block of axons and a group of neurons, groups within blocks."""
    sizes = [config.blocks(layer) * layer.groups for layer in config.layers]
    return [sum(sizes[:index]) for index in range(len(sizes))]


def block_layout(config: TrainerConfig) -> data.StructLayout:
    """A block of a layer's axons and which of them spiked."""
    most = max(config.blocks(layer) for layer in config.layers)
    return data.StructLayout({"index": index_width(most), "spikes": config.fused})


def part_layout(config: TrainerConfig) -> data.StructLayout:
    """A part of a block: word ``row + position``, and the block's ``spikes``; ``rotation`` is 0."""
    return data.StructLayout(
        {
            "row": index_width(config.forward_words),
            "position": index_width(config.most_groups),
            "rotation": index_width(config.lanes),
            "spikes": config.fused,
        }
    )


def block_ports(config: TrainerConfig) -> dict[str, Member]:
    """What a forward pass over blocks has beyond one over events: ``block_spikes`` of the part at ``row_address``;
    ``blocks_wanted`` until ``blocks_ready``: the copies of the weights must be up to date."""
    if config.forward == "events":
        return {}
    return {"block_spikes": Out(config.fused), "blocks_wanted": Out(1), "blocks_ready": In(1)}


def scan_blocks(
    m: Module, config: TrainerConfig, depth: int
) -> tuple["BlockScanner", "BlockRows", data.StructLayout, int]:
    """In place of the scanner and the rows of a pass over events; what is listed, and how many of it at most."""
    m.submodules.scanner = scanner = BlockScanner(config, depth=depth, skipping=config.forward == "lookup")
    m.submodules.rows = rows = BlockRows(config)
    return scanner, rows, block_layout(config), max(config.blocks(layer) for layer in config.layers)


class BlockScanner(wiring.Component):
    """Reads ``words`` words of ``lanes`` spikes from ``address`` on and sends them by blocks of ``fused``.

    ``first``: the axon of the first word's low bit; the blocks are counted from the next multiple of ``fused``.
    ``skipping``: blocks without any spike are not sent. A last block that the words do not fill has zeros. Ports and
    protocol are those of :class:`.scanner.Scanner`.

    Latency: the first block is offered 3 cycles after ``start``, ``fused / lanes`` - 1 later where that is more than 0.
    Throughput: a block a cycle, but no more than a word a cycle.
    """

    def __init__(self, config: TrainerConfig, *, depth: int, skipping: bool) -> None:
        self.config, self.skipping = config, skipping
        super().__init__(
            {
                "start": In(1),
                "address": In(range(depth)),
                "words": In(range(depth + 1)),
                "first": In(range(config.most_rows)),
                "read_enable": Out(1),
                "read_address": Out(range(depth)),
                "read_data": In(config.lanes),
                "indices": Out(stream.Signature(block_layout(config))),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fused, lanes = self.config.fused, self.config.lanes
        words, parts = max(fused // lanes, 1), max(lanes // fused, 1)  # of a block, of a word
        bits, gathered = Signal(words * lanes), Signal(range(words))
        flags, rest = Signal(parts), Signal(parts)  # parts of ``bits`` that are still to be sent
        base, next_base = Signal.like(self.indices.payload.index), Signal.like(self.indices.payload.index)
        left = Signal.like(self.words)  # words still to be read
        ahead = Signal()  # the memory's output is the word after this one
        take, complete = Signal(), Signal()
        whole = Signal.like(bits)  # with the word that is taken
        position = lowest_bit(m, flags, "position")
        m.d.comb += [
            rest.eq(flags & (flags - 1)),
            self.indices.valid.eq(flags.any()),
            self.indices.payload.index.eq(base + position),
            self.indices.payload.spikes.eq(bits.word_select(position, fused)),
            take.eq(ahead & Mux(self.indices.ready, ~rest.any(), ~flags.any())),
            complete.eq((gathered == words - 1) | (left == 0)),
            self.read_enable.eq((left != 0) & (~ahead | take)),
            self.done.eq(~flags.any() & ~ahead & (left == 0)),
        ]
        if words > 1:
            m.d.comb += [whole.eq(Mux(gathered == 0, 0, bits)), whole.word_select(gathered, lanes).eq(self.read_data)]
        else:
            m.d.comb += whole.eq(self.read_data)
        with m.If(self.indices.ready):
            m.d.sync += flags.eq(rest)
        with m.If(take):
            m.d.sync += [bits.eq(whole), ahead.eq(0), gathered.eq(gathered + 1)]
            with m.If(complete):
                sent = [whole[part * fused : (part + 1) * fused].any() if self.skipping else 1 for part in range(parts)]
                m.d.sync += [flag.eq(one) for flag, one in zip(flags, sent, strict=True)]
                m.d.sync += [base.eq(next_base), next_base.eq(next_base + parts), gathered.eq(0)]
        with m.If(self.read_enable):
            m.d.sync += [ahead.eq(1), left.eq(left - 1), self.read_address.eq(self.read_address + 1)]
        with m.If(self.start):
            m.d.sync += [self.read_address.eq(self.address), left.eq(self.words)]
            m.d.sync += next_base.eq((self.first + fused - 1) >> (fused - 1).bit_length())
        return m


class BlockRows(wiring.Component):
    """For every entry of a list of blocks the part of it that belongs to the group of neurons of its round.

    Latency: 1 cycle. Throughput: 1 a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        entry = entry_layout(block_layout(config), config.most_groups)
        super().__init__(
            {
                "layer": In(range(len(config.layers))),
                "entries": In(stream.Signature(entry, always_ready=True)),
                "parts": Out(stream.Signature(listed_layout(part_layout(config)), always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, block = Module(), self.entries.payload.item
        part = listed_part(m, self, block_bases(self.config), block.index)
        m.d.sync += part.spikes.eq(block.spikes)
        return m


def visits(config: TrainerConfig, *, gray: bool) -> int:
    """How often :class:`BlockReader` visits a word."""
    return 1 << config.fused if gray else config.fused


class BlockReader(wiring.Component):
    """Reads all weights again, block by block, after any of them was ``changed``.

        address → weights of all banks, 2 cycles later → rotate → weights of the lanes, with what they are for

    A pass begins when ``wanted``; ``ready``: no weight has changed since the last. It visits every word of the blocks
    (:func:`block_bases`) ``2 ** fused`` times if ``gray``, to flip one spike of the block at a time as Gray's code
    does, from none on; otherwise ``fused`` times, a spike after the other. Of each visit, when ``valid``: the ``word``;
    ``spikes``, the code or the spike's number; ``first`` of its word; ``falling``: the spike is taken away;
    ``weights``: of the spike, in the order of the lanes. What lies beyond a layer's axons is read too: whatever it is,
    no spike takes it.

    Latency of a pass: ``forward_words`` times the visits of a word, and 5 cycles from ``wanted`` to ``ready``.
    Throughput: a visit a cycle.
    """

    STAGES = 4  # the address; the memory; its register; rotated

    def __init__(self, config: TrainerConfig, *, gray: bool) -> None:
        self.config = config
        self.gray, self.visits = gray, visits(config, gray=gray)
        super().__init__(
            {
                "changed": In(1),
                "wanted": In(1),
                "ready": Out(1),
                "busy": Out(1),
                "address": Out(index_width(config.weight_words)),
                "banks": In(config.lanes * config.setup.weight_width),
                "valid": Out(1),
                "first": Out(1),
                "falling": Out(1),
                "word": Out(index_width(config.forward_words)),
                "spikes": Out(index_width(self.visits)),
                "weights": Out(data.ArrayLayout(signed(config.setup.weight_width), config.lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layers, lanes, fused = self.config, self.config.layers, self.config.lanes, self.config.fused
        layer, visit = Signal(range(len(layers))), Signal(range(self.visits))
        block = Signal(range(max(config.blocks(geometry) for geometry in layers)))
        group = Signal(range(config.most_groups))
        word, row = Signal.like(self.word), Signal.like(self.address)  # of the block; its first axon's weights
        turned = Signal((lanes - 1).bit_length())  # rotation of those
        stale, running = Signal(init=1), Signal()
        m.d.comb += self.ready.eq(~stale & ~self.busy)
        with m.If(self.wanted & stale & ~self.busy):
            m.d.sync += [running.eq(1), stale.eq(0), layer.eq(0), block.eq(0), group.eq(0), visit.eq(0), word.eq(0)]
            m.d.sync += [row.eq(0), turned.eq(0)]
        with m.If(self.changed):
            m.d.sync += stale.eq(1)

        groups = by_layer(layer, [geometry.groups for geometry in layers])
        ends = {  # of the counters, each of those within it at its end too
            "visit": visit == self.visits - 1,
            "group": group == groups - 1,
            "block": block == by_layer(layer, [config.blocks(geometry) - 1 for geometry in layers]),
            "layer": layer == len(layers) - 1,
        }
        own = [config.input_blocks(geometry) - 1 for geometry in layers]  # the block before the own spikes
        own_rows = [geometry.weight_base + geometry.input_words * lanes * geometry.groups for geometry in layers]
        next_base = [geometry.weight_base + geometry.weight_words for geometry in layers]
        with m.If(running):
            m.d.sync += visit.eq(visit + 1)
            with m.If(ends["visit"]):
                m.d.sync += [visit.eq(0), group.eq(group + 1), word.eq(word + 1)]
                with m.If(ends["group"]):
                    m.d.sync += [group.eq(0), block.eq(block + 1)]
                    m.d.sync += [row.eq(row + (groups << (fused - 1).bit_length())), turned.eq(turned + fused)]
                    with m.If(block == by_layer(layer, own)):
                        m.d.sync += [row.eq(by_layer(layer, own_rows)), turned.eq(0)]
                    with m.If(ends["block"]):
                        m.d.sync += [block.eq(0), layer.eq(layer + 1), row.eq(by_layer(layer, next_base)), turned.eq(0)]
                        with m.If(ends["layer"]):
                            m.d.sync += running.eq(0)

        spike, code = self._visit(m, visit)
        below = Const(0)  # rows between the block's first axon and the spike's
        for index, geometry in enumerate(layers):
            below = Mux(layer == index, spike * geometry.groups, below)
        m.d.sync += self.address.eq(row + group + below)
        layout = data.StructLayout(
            {
                "valid": 1,
                "first": 1,
                "falling": 1,
                "word": len(self.word),
                "spikes": len(self.spikes),
                "rotation": index_width(lanes),
            }
        )
        stages = [Signal(layout, name=f"visit_s{index}") for index in range(self.STAGES + 1)]
        m.d.comb += [
            stages[0].valid.eq(running),
            stages[0].first.eq(visit == 0),
            stages[0].falling.eq(~code.bit_select(spike, 1)),
            stages[0].word.eq(word),
            stages[0].spikes.eq(code if self.gray else visit),
            stages[0].rotation.eq(turned + spike),
        ]
        m.d.sync += [after.eq(before) for before, after in pairwise(stages)]
        banks = split(self.banks, lanes, is_signed=True)
        aligned = rotated(m, banks, stages[-2].rotation, "rotated")
        m.d.sync += [self.weights[lane].eq(value) for lane, value in enumerate(aligned)]
        busy: Value = running
        for stage in stages[1:]:
            busy = busy | stage.valid
        m.d.comb += self.busy.eq(busy)
        outputs = ("valid", "first", "falling", "word", "spikes")
        m.d.comb += [getattr(self, name).eq(getattr(stages[-1], name)) for name in outputs]
        return m

    def _visit(self, m: Module, visit: Signal) -> tuple[Value, Value]:
        """The number of the spike that a visit is about, and Gray's code."""
        if not self.gray:
            return visit, Const(-1, self.config.fused)
        return lowest_bit(m, visit, "flipped"), visit ^ (visit >> 1)
