"""The weight-gradient engine: adds the gradient of every neuron that has one to the weights of every axon that
spiked."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .config import TrainerConfig
from .dense import row_layout
from .memories import Banks, WordMemory
from .wiring import joined, largest, rotated, split

PAIR = 2  # list entries that a lane reads at a time: more than it can add, so that its queue is seldom empty
QUEUE_DEPTH = 16


class GradientLists(wiring.Component):
    """The non-zero gradients of one lane's neurons, in the order of their groups: ``(group, value)``, two a word.

    ``restart`` empties the list; ``append`` adds to it. Latency: ``entries`` follow ``position`` by 1 cycle, ``filled``
    says which of the two are there. Throughput: an entry in and two out a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.groups = config.most_groups
        entry = data.StructLayout({"group": index_width(self.groups), "value": config.setup.gradient_width})
        super().__init__(
            {
                "restart": In(1),
                "append": In(1),
                "entry": In(entry),
                "count": Out(range(self.groups + 1)),
                "position": In(index_width(config.most_groups)),
                "read_enable": In(1),
                "entries": Out(data.ArrayLayout(entry, PAIR)),
                "filled": Out(PAIR),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for slot in range(PAIR):
            m.submodules[f"slot{slot}"] = half = WordMemory(
                depth=-(-self.groups // PAIR), width=len(self.entry.as_value())
            )
            there = Signal(name=f"there{slot}")
            m.d.comb += [
                half.write_enable.eq(self.append & (self.count[0] == slot)),
                half.write_address.eq(self.count >> 1),
                half.write_data.eq(self.entry.as_value()),
                half.read_enable.eq(self.read_enable),
                half.read_address.eq(self.position),
                self.entries[slot].as_value().eq(half.read_data),
                self.filled[slot].eq(there),
            ]
            with m.If(self.read_enable):
                m.d.sync += there.eq(self.position * PAIR + slot < self.count)
        with m.If(self.append):
            m.d.sync += self.count.eq(self.count + 1)
        with m.If(self.restart):
            m.d.sync += self.count.eq(0)
        return m


class Adder(wiring.Component):
    """One bank's part of the engine: a queue of pairs, and one addition to the gradients of the bank a cycle.

    ``room`` falls while there is still place for what is on its way. ``idle``: everything has been added. ``read_data``
    follows ``read_address`` by 2 cycles. Latency: at least 5 cycles from ``push``. Throughput: an entry a cycle, unless
    the same weight comes twice within 3.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        width = config.setup.gradient_width
        entry = data.StructLayout({"filled": 1, "group": index_width(config.most_groups), "value": width})
        self.item = data.StructLayout(
            {"row": index_width(config.weight_words), "entries": data.ArrayLayout(entry, PAIR)}
        )
        super().__init__(
            {
                "push": In(1),
                "pushed": In(self.item),
                "room": Out(1),
                "idle": Out(1),
                "read_address": Out(index_width(config.weight_words)),
                "read_data": In(signed(config.setup.sum_width)),
                "write_enable": Out(1),
                "write_address": Out(index_width(config.weight_words)),
                "write_data": Out(signed(config.setup.sum_width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=self.item.size, depth=QUEUE_DEPTH)
        head = data.View(self.item, queue.r_data)
        second = Signal()  # the head's first entry has been taken
        both = Signal()
        m.d.comb += [
            queue.w_en.eq(self.push),
            queue.w_data.eq(self.pushed.as_value()),
            self.room.eq(queue.w_level <= QUEUE_DEPTH - 6),
            both.eq(head.entries[0].filled & head.entries[1].filled),
        ]
        entry = Mux(second | ~head.entries[0].filled, head.entries[1].as_value(), head.entries[0].as_value())
        entry = data.View(head.entries[0].shape(), entry)
        stages = [  # the address is out; the memory's word is; the sum is
            (
                Signal(name=f"valid_{stage}"),
                Signal.like(self.read_address, name=f"address_{stage}"),
                Signal(signed(self.config.setup.gradient_width), name=f"value_{stage}"),
            )
            for stage in ("read", "wait", "add")
        ]
        # The word may be on its way to be written, where little lies between two steps' gradients.
        place, last, before_last = (
            Signal(len(head.row) + len(entry.group), name=f"place{name}") for name in ("", "_s1", "_s2")
        )
        clash = (stages[0][0] & (place == last)) | (stages[1][0] & (place == before_last))
        go = Signal()
        m.d.sync += [last.eq(place), before_last.eq(last)]
        m.d.comb += [
            place.eq(Cat(head.row, entry.group)),
            go.eq(queue.r_rdy & ~clash),
            queue.r_en.eq(go & (~both | second)),
        ]
        with m.If(go):
            m.d.sync += second.eq(both & ~second)
        for before, after in zip(
            [(go, head.row + entry.group, entry.value.as_signed()), *stages], stages, strict=False
        ):
            m.d.sync += [register.eq(value) for register, value in zip(after, before, strict=True)]
        adding, written, value = stages[-1]
        m.d.comb += [
            self.read_address.eq(stages[0][1]),
            self.write_enable.eq(adding),
            self.write_address.eq(written),
            self.write_data.eq(self.read_data + value),
            self.idle.eq(~queue.r_rdy & (queue.w_level == 0) & ~Cat(valid for valid, _, _ in stages).any()),
        ]
        return m


class GradientEngine(wiring.Component):
    """Outer products of spikes and gradients, where both are not zero; the weights' gradients lie beside it.

        gradients → lists        (of each lane its non-zero ones)
        axon's row → lists → rotate → queue of each bank → + → sums

    The passes over a step's neurons write the lists (``restart`` before the first). Then for every part of a row the
    lists give each bank up to two gradients, and each bank adds one a cycle: the banks need not keep pace with each
    other, which a queue of 16 pairs evens out. ``words``: parts of a row, pairs of the longest list, 2 cycles after the
    last ``append``; 0: there is no gradient.

    Latency: 7 cycles from a part to the first of its additions. Throughput: a part a cycle while every queue has room.
    With ``parts = spikes * words`` all is added after at least ``parts`` cycles and at most ``2 * parts + 39``, unless
    additions to one weight clash (:class:`Adder`); in about ``spikes * gradients / lanes`` cycles where both are spread
    evenly and that is more than ``parts``.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        lanes, setup = config.lanes, config.setup
        super().__init__(
            {
                "restart": In(1),
                "append": In(1),
                "group": In(index_width(config.most_groups)),
                "gradients": In(lanes * setup.gradient_width),
                "nonzero": In(lanes),
                "words": Out(range(-(-config.most_groups // PAIR) + 1)),
                "parts": In(stream.Signature(row_layout(config))),
                "queued": Out(1),
                "pairs": Out(range(lanes + 1)),
                "own": In(1),
                "address": In(index_width(config.weight_words)),
                "sums": Out(lanes * setup.sum_width),
                "write_enable": In(lanes),
                "write_address": In(index_width(config.weight_words)),
                "write_data": In(lanes * setup.sum_width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes, setup = self.config, self.config.lanes, self.config.setup
        m.submodules.memory = banks = Banks(
            lanes=lanes, depth=config.weight_words, width=setup.sum_width, registered=True
        )
        lists = [GradientLists(config) for _ in range(lanes)]
        adders = [Adder(config) for _ in range(lanes)]
        values = split(self.gradients, lanes, is_signed=False)
        go, moving, arrived = Signal(), Signal(), Signal()
        part = self.parts.payload
        m.d.comb += [
            go.eq(self.parts.valid & self.parts.ready),
            self.queued.eq(moving | arrived | ~Cat(adder.idle for adder in adders).all()),
        ]
        m.d.sync += [
            moving.eq(go),
            arrived.eq(moving),
            self.parts.ready.eq(Cat(adder.room for adder in adders).all()),
        ]
        row, rotation = Signal.like(part.row), Signal.like(part.rotation)
        row_behind = Signal.like(part.row, name="row_s2")
        m.d.sync += [row.eq(part.row), rotation.eq(part.rotation), row_behind.eq(row)]
        listed, pairs = [], []
        for lane, unit in enumerate(lists):
            m.submodules[f"list{lane}"] = unit
            m.d.comb += [
                unit.restart.eq(self.restart),
                unit.append.eq(self.append & self.nonzero[lane]),
                unit.entry.group.eq(self.group),
                unit.entry.value.eq(values[lane]),
                unit.position.eq(part.position),
                unit.read_enable.eq(go),
            ]
            pairs.append(Signal.like(self.words, name=f"words{lane}"))
            m.d.comb += pairs[-1].eq((unit.count + 1) >> 1)
            listed.append(Cat(*(Cat(unit.filled[slot], unit.entries[slot].as_value()) for slot in range(PAIR))))
        m.d.sync += self.words.eq(largest(m, pairs, "longest"))

        back = Signal.like(rotation)  # lane k's gradients go to bank k + axon
        m.d.comb += back.eq(-rotation)
        taken: Value = Signal.like(self.pairs, name="none_taken")
        for lane, (adder, entries) in enumerate(zip(adders, rotated(m, listed, back, "rotated"), strict=True)):
            m.submodules[f"adder{lane}"] = adder
            held = Signal(len(entries), name=f"held{lane}", reset_less=True)
            m.d.sync += held.eq(entries)
            item = data.View(data.ArrayLayout(adder.item["entries"].shape.elem_shape, PAIR), held)
            m.d.comb += [
                adder.push.eq(arrived & (item[0].filled | item[1].filled)),
                adder.pushed.row.eq(row_behind),
                adder.pushed.entries.as_value().eq(held),
                adder.read_data.eq(banks.read0.data[lane]),
                banks.read0.address[lane].eq(Mux(self.own, self.address, adder.read_address)),
                banks.write.enable[lane].eq(Mux(self.own, self.write_enable[lane], adder.write_enable)),
                banks.write.address[lane].eq(Mux(self.own, self.write_address, adder.write_address)),
                banks.write.data[lane].eq(
                    Mux(
                        self.own,
                        self.write_data[lane * setup.sum_width : (lane + 1) * setup.sum_width],
                        adder.write_data,
                    )
                ),
            ]
            taken = taken + adder.write_enable
        m.d.comb += [
            banks.read0.enable.eq(1),
            self.sums.eq(joined([banks.read0.data[lane] for lane in range(lanes)])),
            self.pairs.eq(taken),
        ]
        return m
