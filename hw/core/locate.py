"""Finds where in a convolution an event lies, and with what its walk begins."""

from collections.abc import Callable
from itertools import accumulate

from amaranth.hdl import Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.synapse import Geometry

from ..arith import quotient
from ..config import CoreConfig, axis_targets, blocks_of, index_width, kernel_words, sharers
from .fetch import COUNTER_WIDTH, count_legal, count_up, fetched_stream, scaled

LOCATE_STAGES = 5  # registers from the event to its walk


def walk_layout(config: CoreConfig) -> data.StructLayout:
    """What an event does: of the groups of neurons that it reaches the first, the word of weights for it, and how many
    rows and columns follow that of the first; ``reaches`` none, or a step ends. ``which`` convolution it is for;
    ``part``: of several groups that share a word of weights the one that it is for."""
    rows, columns = (
        max(index_width(axis.kernel) for axis in axes)
        for axes in zip(*((shape.vertical, shape.horizontal) for shape in config.convolutions), strict=True)
    )
    fields = {
        "step_end": 1,
        "sample_end": 1,
        "which": index_width(len(config.convolutions)),
        "reaches": 1,
        "rows": rows,
        "columns": columns,
        "group": index_width(config.groups),
        "weight": index_width(config.weight_words),
    }
    shared = max(sharers(shape, config.lanes) for shape in config.convolutions)
    if config.axonal:
        fields["delay"] = config.delay_width
    if config.negative:
        fields["negative"] = 1
    return data.StructLayout(fields | ({"part": index_width(shared)} if shared > 1 else {}))


def choose(which: Value, values: list[Value]) -> Value:
    """``values[which]``; those that are one and the same are not chosen from."""
    chosen = values[-1]
    for number in reversed(range(len(values) - 1)):
        if values[number] is not chosen:
            chosen = Mux(which == number, values[number], chosen)
    return chosen


class Locate(wiring.Component):
    """Divides an event's index into row, column and channel, and looks up what each of them contributes.

        events → [index] → [place] → [row, channel] → [column] → [first of each] → walks

    Numbers are divided by multiplication with a reciprocal. Illegal events are dropped and counted in ``rejected``, as
    :class:`.fetch.Fetch` does. Where a core has several convolutions, their axons lie one behind the other.

    Latency: an event that is taken in cycle c is offered in c + :data:`LOCATE_STAGES`. Throughput: one a cycle.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        super().__init__(
            {
                "events": In(fetched_stream(config)),
                "walks": Out(stream.Signature(walk_layout(config))),
                "rejected": Out(COUNTER_WIDTH),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, shapes, event = self.config, self.config.convolutions, self.events.payload
        passed = {name: field.width for name, field in event.shape() if name != "index"}
        kinds = passed | {"which": index_width(len(shapes))}
        row, column, channel = (index_width(max(sizes)) for sizes in zip(*(s.in_shape for s in shapes), strict=True))
        index = {"index": index_width(config.axons)}
        place = {"place": index_width(max(map(place_count, shapes)))}
        layouts = [
            index,
            index | place,
            place | {"channel": channel, "row": row},
            {"channel": channel, "row": row, "column": column},
            self._firsts_layout(),
        ]
        held = [Signal(data.StructLayout(kinds | layout), name=f"held{k}") for k, layout in enumerate(layouts)]
        full = Signal(len(held))
        free = [Value.cast(self.walks.ready)]  # of each register, from the last one: what it holds goes on, or nothing
        for stage in reversed(range(len(held))):
            ready = Signal(name=f"ready{stage}")
            m.d.comb += ready.eq(~full[stage] | free[0])
            free.insert(0, ready)
        accepted = self.events.valid & self.events.ready
        legal = count_legal(m, self.events, accepted, event.index < config.axons, config.most_events)
        m.d.comb += [self.events.ready.eq(free[0]), self.walks.valid.eq(full[-1]), self.empty.eq(full == 0)]
        count_up(m, self.rejected, accepted & ~legal)

        starts = list(accumulate((shape.channels * place_count(shape) for shape in shapes), initial=0))
        which: Value = Const(0)
        for start in starts[1:-1]:
            which = which + (event.index >= start)
        indexed, placed, rowed, located, firsts = held
        values = [
            {"index": choose(which, [event.index - start for start in starts[:-1]]), "which": which},
            {
                "index": indexed.index,
                "place": self._divided(indexed, indexed.index, lambda shape: shape.channels, starts),
            },
            {
                "channel": placed.index - self._times(placed, placed.place, lambda shape: shape.channels),
                "place": placed.place,
                "row": self._divided(placed, placed.place, lambda shape: shape.horizontal.size),
            },
            {
                "channel": rowed.channel,
                "row": rowed.row,
                "column": rowed.place - self._times(rowed, rowed.row, lambda shape: shape.horizontal.size),
            },
            self._firsts(m, located),
        ]
        arriving: list[Value] = [accepted & legal, *full]
        before = [event, *held]
        for stage, (register, fields) in enumerate(zip(held, values, strict=True)):
            ends = {name: before[stage][name] for name in passed}
            with m.If(free[stage]):
                m.d.sync += full[stage].eq(arriving[stage])
                known = ends | ({"which": before[stage].which} if stage else {}) | fields
                m.d.sync += [register[name].eq(value) for name, value in known.items()]
        walk = self.walks.payload
        m.d.comb += [
            walk.step_end.eq(firsts.step_end),
            walk.sample_end.eq(firsts.sample_end),
            walk.which.eq(firsts.which),
            walk.reaches.eq(firsts.step_end | (firsts.reaches_rows & firsts.reaches_columns)),
            walk.rows.eq(firsts.rows),
            walk.columns.eq(firsts.columns),
            walk.group.eq(Mux(firsts.step_end, 0, firsts.row_group + firsts.column_group + firsts.channel_group)),
            walk.weight.eq(firsts.row_weight + firsts.column_weight + firsts.channel_weight),
        ]
        if config.axonal:
            m.d.comb += walk.delay.eq(firsts.delay)
        if config.negative:
            m.d.comb += walk.negative.eq(firsts.negative)
        if "part" in dict(walk_layout(config)):
            m.d.comb += walk.part.eq(firsts.part)
        return m

    def _divided(
        self, register: data.View, value: Value, by: Callable[[Geometry], int], starts: list[int] | None = None
    ) -> Value:
        """``value`` divided by what ``by`` says of the convolution of ``register``."""
        most: dict[int, int] = {}
        for shape in self.config.convolutions:
            largest = place_count(shape) * (shape.channels if starts else 1) - 1
            most[by(shape)] = max(most.get(by(shape), 0), largest)
        parts = {divisor: quotient(value, divisor, largest) for divisor, largest in most.items()}
        return choose(register.which, [parts[by(shape)] for shape in self.config.convolutions])

    def _times(self, register: data.View, value: Value, by: Callable[[Geometry], int]) -> Value:
        products = {by(shape): scaled(value, by(shape)) for shape in self.config.convolutions}
        return choose(register.which, [products[by(shape)] for shape in self.config.convolutions])

    def _firsts_layout(self) -> dict[str, int]:
        walk = {name: field.width for name, field in walk_layout(self.config)}
        fields = {"channel_group": walk["group"], "channel_weight": walk["weight"]}
        for name in ("row", "column"):
            fields |= {f"reaches_{name}s": 1, f"{name}s": walk[f"{name}s"]}
            fields |= {f"{name}_group": walk["group"], f"{name}_weight": walk["weight"]}
        return fields | ({"part": walk["part"]} if "part" in walk else {})

    def _firsts(self, m: Module, located: data.View) -> dict[str, Value]:
        """What row, column and channel of an event contribute to its walk."""
        shapes, lanes = self.config.convolutions, self.config.lanes
        bases = accumulate((kernel_words(shape, lanes) for shape in shapes), initial=0)
        tables = [self._tables(shape, base) for shape, base in zip(shapes, bases, strict=False)]
        values = {}
        for field in self._firsts_layout():
            axis = next((name for name in ("row", "column") if name in field), "channel")
            found = []
            for number, each in enumerate(tables):
                same = next(
                    (value for other, value in zip(tables, found, strict=False) if other[field] == each[field]), None
                )
                found.append(_table(m, f"{field}{number}", located[axis], each[field]) if same is None else same)
            values[field] = choose(located.which, found)
        return values

    def _tables(self, shape: Geometry, base: int) -> dict[str, list[int]]:
        """Of one convolution, whose weights begin at word ``base``, the fields of each row, column and channel."""
        lanes = self.config.lanes
        blocks, shared = blocks_of(shape, lanes), sharers(shape, lanes)
        y, x = shape.vertical, shape.horizontal
        position, kernel = shape.filters // lanes, y.kernel * x.kernel * blocks
        tables: dict[str, list[int]] = {}
        for name, axis, groups, words in (
            ("row", y, x.outputs * position, x.kernel * blocks),
            ("column", x, position, blocks),
        ):
            reached = [axis_targets(axis, source) for source in range(axis.size)]
            first = [(targets or [(0, axis.kernel - 1)])[0] for targets in reached]
            tables |= {
                f"reaches_{name}s": [int(bool(targets)) for targets in reached],
                f"{name}s": [max(len(targets) - 1, 0) for targets in reached],
                f"{name}_group": [output * groups for output, _ in first],
                f"{name}_weight": [(axis.kernel - 1 - weight) * words for _, weight in first],
            }
        inputs = shape.channels // shape.groups
        found = [divmod(channel, inputs) for channel in range(shape.channels)]
        tables["channel_group"] = [group // shared * blocks for group, _ in found]
        tables["channel_weight"] = [base + (group // shared * inputs + own) * kernel for group, own in found]
        tables["part"] = [group % shared for group, _ in found]
        return tables


def place_count(shape: Geometry) -> int:
    """Places of a convolution's input, each with all channels."""
    return shape.vertical.size * shape.horizontal.size


def _table(m: Module, name: str, index: Value, table: list[int]) -> Value:
    """``table[index]`` in logic, as it follows from the shape of the network alone: a product, or case by case."""
    if len(set(table)) == 1:
        return Const(table[0])
    rise = table[1] - table[0]
    if rise > 0 and table == [table[0] + place * rise for place in range(len(table))]:
        return scaled(index, rise) + table[0]
    value = Signal(unsigned(max(table).bit_length()), name=f"{name}_of")
    with m.Switch(index):
        for place, entry in enumerate(table):
            with m.Case(place):
                m.d.comb += value.eq(entry)
    return value
