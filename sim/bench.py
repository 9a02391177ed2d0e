"""The bench around a chip: Verilog that plays bursts and records steps, and the layout of its records.

A layer's record of one step holds, from the low bit: the membrane potentials (``state_width`` bits a neuron, lanes of
the last group included), the spikes (``spike_width`` bits a neuron), one bit that says that its groups came out of
order, and the cycles of its first and of its last group. A record of an output event holds the payload, then its cycle;
so does one of an answer.
"""

from dataclasses import asdict, dataclass
from typing import Any

import jinja2

BENCH = "ranvier_bench"  # the module
CYCLE_WIDTH = 32
HALF_PERIOD_NS = 5
PUBLIC = "/* verilator public_flat_rw */"  # behind what Python reads or writes
BURST_WORDS = 512  # words that Python hands over at a time: one wake for each burst; a power of two

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("ranvier.sim", "."), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
)


@dataclass(frozen=True)
class LayerLayout:
    """Where a layer's record of one step has what; ``*_at`` are bit positions."""

    name: str
    neurons: int
    lanes: int
    groups: int
    state_width: int
    spike_width: int
    signed: bool

    @property
    def spikes_at(self) -> int:
        return self.groups * self.lanes * self.state_width

    @property
    def disorder_at(self) -> int:
        return self.spikes_at + self.groups * self.lanes * self.spike_width

    @property
    def first_at(self) -> int:
        return self.disorder_at + 1

    @property
    def last_at(self) -> int:
        return self.first_at + CYCLE_WIDTH

    @property
    def record_width(self) -> int:
        return self.last_at + CYCLE_WIDTH


@dataclass(frozen=True)
class EventLayout:
    """Bit position of each field of an event's payload: ``fields[name] = (low bit, width)``."""

    fields: dict[str, tuple[int, int]]

    @property
    def width(self) -> int:
        return max(low + width for low, width in self.fields.values())


@dataclass(frozen=True)
class BenchLayout:
    """What the bench of one chip looks like, read from its ``manifest.json``. ``port_in``: the chip's port that is
    played into as ``events_in``, which an encoder has called otherwise; ``counters``: those of the encoder."""

    name: str
    layers: tuple[LayerLayout, ...]
    port_in: str
    event_in: EventLayout
    event_out: EventLayout
    answers: EventLayout | None
    load_width: int
    patience: int
    counters: tuple[str, ...]

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> "BenchLayout":
        layers = tuple(
            LayerLayout(**{key: item[key] for key in LayerLayout.__annotations__}) for item in manifest["layers"]
        )
        ports = {port["name"]: port["width"] for port in manifest["ports"]}
        encoder = manifest.get("encoder")
        # Between two signs of life a layer works off a few events, or a step whose output is held up.
        patience = 4096 + sum(8 * item["groups"] * (item["axons"] + 8) for item in manifest["layers"])
        return cls(
            manifest["name"],
            layers,
            "events_in" if encoder is None else "values_in",
            _events(manifest["event_in" if encoder is None else "value_in"]),
            _events(manifest["event_out"]),
            _events(manifest["answers"]) if "answers" in manifest else None,
            ports["load__payload"],
            patience,
            tuple(name for name in ports if name.startswith("values_in_") and "__" not in name),
        )

    @property
    def out_depth(self) -> int:
        """Output events that a record holds: the longest legal step, or what such a spike's value could make it."""
        last = self.layers[-1]
        return last.neurons * ((1 << (last.spike_width - last.signed)) - 1) + 1

    @property
    def out_record_width(self) -> int:
        return self.event_out.width + CYCLE_WIDTH

    def render(self) -> str:
        """The bench as Verilog, for Icarus and Verilator alike."""
        layers = [
            asdict(layer) | {key: getattr(layer, key) for key in dir(layer) if key.endswith(("_at", "_width"))}
            for layer in self.layers
        ]
        return _TEMPLATES.get_template("bench.sv.jinja").render(
            bench=BENCH,
            name=self.name,
            port_in=self.port_in,
            counters=self.counters,
            layers=layers,
            depth=BURST_WORDS,
            half_period=HALF_PERIOD_NS,
            patience=self.patience,
            event_in_width=self.event_in.width,
            event_out_width=self.event_out.width,
            answer_width=None if self.answers is None else self.answers.width,
            load_width=self.load_width,
            step_end_bit=self.event_out.fields["step_end"][0],
            out_depth=self.out_depth,
            out_record_width=self.out_record_width,
            public=PUBLIC,
        )


def _events(fields: dict[str, list[int]]) -> EventLayout:
    return EventLayout({name: (low, width) for name, (low, width) in fields.items()})
