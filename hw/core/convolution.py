"""Convolutions: of each event the neurons that it reaches, position by position, with weights that all share."""

from collections.abc import Callable
from math import gcd

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.synapse import Geometry

from ..config import CoreConfig, blocks_of, index_width, sharers
from .fetch import COUNTER_WIDTH, clear_pending, delay_port, fetched_stream, may_take, operation_layout
from .lane import last_stage
from .locate import Locate, choose, walk_layout


class ConvolutionFetch(wiring.Component):
    """Walks through the neurons that one event after another reaches, and sequences the updates.

        events → Locate → [event whose neurons are walked through] → operation and weight address, one group a cycle

    Neurons are numbered with channels last, so that a group is ``lanes`` channels of one position. Words of weights:
    for each input channel and place in the kernel, from its last place on, those of the filters of its group. A walk
    goes through the blocks of ``lanes`` filters of a position, then to the next column, then to the next row. Where the
    groups of a convolution have fewer filters than there are lanes, several share a word, and ``mask`` says whose lanes
    an operation is for. Several convolutions may lead to the same neurons, each with axons of its own.

    ``parameter_address``: beside ``operation``, the word of its group's parameters. All else is as with
    :class:`.fetch.Fetch`.

    Latency: an event that is taken in cycle c issues its first group in c + ``LOCATE_STAGES`` + 1. Throughput: an event
    takes a cycle for each ``lanes`` weights that it adds, or for those of its group at one place, at least one; an
    update ``groups`` and, since what follows may read any group, :func:`last_stage` more.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.masks = any(sharers(shape, config.lanes) > 1 for shape in config.convolutions)
        super().__init__(
            {
                "events": In(fetched_stream(config)),
                "may_update": In(1),
                "operation": Out(operation_layout(config)),
                "weight_address": Out(index_width(config.weight_words)),
                "parameter_address": Out(index_width(config.parameter_words)),
                "rejected": Out(COUNTER_WIDTH),
                "waiting": Out(1),
            }
            | ({"mask": Out(config.lanes)} if self.masks else {})
            | delay_port(config)
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, drain = self.config, last_stage(self.config.model)
        m.submodules.locate = locate = Locate(config)
        wiring.connect(m, wiring.flipped(self.events), locate.events)
        next_walk = locate.walks.payload
        clearing = Signal(init=1)
        held = Signal()
        walk = Signal(walk_layout(config))  # rows and columns that are left, first group and weight of the row
        columns = Signal.like(walk.columns)  # of a whole row
        group, weight = Signal.like(walk.group), Signal.like(walk.weight)
        block = Signal(range(max(blocks_of(shape, config.lanes) for shape in config.convolutions)))
        pause = Signal(range(drain + 1))
        ready, done, updates = Signal(), Signal(), Signal()
        last_block, last_group = Signal(), Signal()
        at_end = last_block & (walk.columns == 0) & (walk.rows == 0)
        m.d.comb += [
            updates.eq(clearing | walk.step_end),
            ready.eq(clearing | (held & (pause == 0) & (self.may_update | ~walk.step_end))),
            last_block.eq(block == self._of(walk, lambda shape: blocks_of(shape, config.lanes) - 1)),
            last_group.eq(group == config.groups - 1),
            done.eq(ready & Mux(updates, last_group, at_end | ~walk.reaches)),
            self.operation.valid.eq(ready & (updates | walk.reaches)),
            self.operation.update.eq(updates),
            self.operation.clear.eq(clearing | (walk.step_end & walk.sample_end)),
            self.operation.emit.eq(walk.step_end & ~clearing),
            self.operation.last.eq(last_group),
            self.operation.group.eq(group),
            self.weight_address.eq(weight),
            locate.walks.ready.eq(~clearing & may_take(config, held, done, walk.step_end & walk.sample_end)),
            self.waiting.eq(~clearing & ~held & locate.empty),
            self.rejected.eq(locate.rejected),
        ]
        with m.If(ready):
            with m.If(updates | ~last_block):
                m.d.sync += [group.eq(group + 1), weight.eq(weight + 1), block.eq(block + 1)]
            with m.Else():
                m.d.sync += block.eq(0)
                self._to_next_place(m, walk, columns, group, weight)
        with m.If(done):
            m.d.sync += [held.eq(0), clearing.eq(0), group.eq(0), block.eq(0)]
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(done & updates):
            m.d.sync += pause.eq(drain)
        with m.If(locate.walks.valid & locate.walks.ready):
            m.d.sync += [
                held.eq(1),
                walk.eq(next_walk),
                columns.eq(next_walk.columns),
                group.eq(next_walk.group),
                weight.eq(next_walk.weight),
            ]
            if config.axonal:
                m.d.sync += self.delay.eq(next_walk.delay)
        if config.negative:
            m.d.comb += self.operation.negative.eq(walk.negative)
        clear_pending(m, config, clearing, done, walk.step_end & walk.sample_end)
        self._address_parameters(m, ready & updates, done)
        if self.masks:
            self._mask(m, walk)
        return m

    def _of(self, walk: data.View, value: Callable[[Geometry], int]) -> Value:
        """What ``value`` says of the convolution of ``walk``."""
        values = [value(shape) for shape in self.config.convolutions]
        if len(set(values)) == 1:
            return Const(values[0])
        return choose(walk.which, [Const(each, max(values).bit_length()) for each in values])

    def _to_next_place(self, m: Module, walk: data.View, columns: Value, group: Value, weight: Value) -> None:
        """Of the row, or the first one of the next row; only the bits that the signals have."""
        lanes = self.config.lanes

        def rise(shape: Geometry, of_rows: bool) -> tuple[int, int]:
            """Groups and words from one place to the next."""
            axis, blocks = shape.vertical if of_rows else shape.horizontal, blocks_of(shape, lanes)
            common = gcd(axis.stride, axis.dilation)
            groups, words = shape.filters // lanes, blocks
            if of_rows:
                groups, words = groups * shape.horizontal.outputs, words * shape.horizontal.kernel
            return axis.dilation // common * groups, axis.stride // common * words

        with m.If(walk.columns != 0):
            along, further = (
                self._of(walk, lambda shape, k=k: rise(shape, False)[k] - blocks_of(shape, lanes) + 1)  # type: ignore[misc]
                for k in range(2)
            )
            m.d.sync += [walk.columns.eq(walk.columns - 1), group.eq(group + along), weight.eq(weight + further)]
        with m.Else():
            down, deeper = (self._of(walk, lambda shape, k=k: rise(shape, True)[k]) for k in range(2))  # type: ignore[misc]
            m.d.sync += [walk.rows.eq(walk.rows - 1), walk.columns.eq(columns)]
            m.d.sync += [register.eq(walk.group + down) for register in (walk.group, group)]
            m.d.sync += [register.eq(walk.weight + deeper) for register in (walk.weight, weight)]

    def _address_parameters(self, m: Module, updating: Value, done: Value) -> None:
        """Only updates read them, in the order of the groups; those of channels come again for every position."""
        address = self.parameter_address
        with m.If(updating):
            m.d.sync += address.eq(Mux(address == self.config.parameter_words - 1, 0, address + 1))
        with m.If(done):
            m.d.sync += address.eq(0)

    def _mask(self, m: Module, walk: data.View) -> None:
        """The lanes of the convolution's group that the event is for."""
        lanes = self.config.lanes
        masks = []
        for shape in self.config.convolutions:
            own = lanes // sharers(shape, lanes)
            parts = Cat((walk.part == lane // own) if own < lanes else 1 for lane in range(lanes))
            masks.append(parts)
        m.d.comb += self.mask.eq(choose(walk.which, masks))
