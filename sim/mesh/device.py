"""A chip of many cores in simulation: loaded, fed, and compared with the one-core golden model, value for value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from ranvier.gen.errors import RanvierError
from ranvier.gen.mapping.design import MeshDesign
from ranvier.gen.mapping.placement import BRIDGE_HOPS
from ranvier.golden.inference import LayerTrace, run_layer, run_program
from ranvier.golden.routing import MESH_PORTS
from ranvier.hw.manycore.chip import counters
from ranvier.hw.manycore.config import Place
from ranvier.hw.stream import event_layout

from ..compiled import unpack_fields
from ..simulation import Simulation, Simulator
from .events import event_words, fields_of

PATIENCE, SLOWEST = 20_000, 16  # cycles for each step, and how many times those that it takes if nothing waits


@dataclass
class Comparison:
    """``membranes``, ``spikes``, ``outputs``: how many values were compared; ``different``: how many were not equal,
    and
    ``first`` where the first of them was."""

    membranes: int = 0
    spikes: int = 0
    outputs: int = 0
    different: int = 0
    first: str = ""

    @property
    def values(self) -> int:
        return self.membranes + self.spikes + self.outputs

    def add(self, where: str, what: str, expected: np.ndarray, found: np.ndarray) -> None:
        """Compare arrays of equal shape."""
        wrong = np.argwhere(expected != found)
        setattr(self, what, getattr(self, what) + expected.size)
        self.different += len(wrong)
        if len(wrong) and not self.first:
            at = tuple(wrong[0])
            self.first = f"{where}, {what} {list(map(int, at))}: expected {expected[at]}, got {found[at]}"


@dataclass(frozen=True)
class Run:
    """What samples took and gave: ``cycles``; ``membranes`` int64 and ``spikes`` bool of the last layer, ``[samples,
    steps, neurons]``, as they came out."""

    cycles: int
    membranes: np.ndarray
    spikes: np.ndarray


@dataclass
class MeshDevice:
    """The chip of ``design``, or the :class:`~.system.System` of its chips, in what ``simulate`` makes of its RTLIL
    text and name; memories are loaded through the load ports. ``comparison`` grows with every run, and ``flits``, how
    many left each router at each of ``MESH_PORTS``."""

    design: MeshDesign
    model: Simulation
    comparison: Comparison = field(default_factory=Comparison)
    flits: dict[Place, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, design: MeshDesign, rtlil: str, simulator: Callable[..., Simulation] | Simulator) -> "MeshDevice":
        """Simulate ``rtlil``, the text of ``design``, and load its memories."""
        single = len(design.chips) == 1
        loads = ["load"] if single else [f"load_{number}" for number in range(len(design.chips))]
        probes, routers = {}, []
        for number, chip in enumerate(design.chips):
            inside = "" if single else f"chip_{number}."
            for tile in chip.tiles:
                core = f"{inside}{tile.name}.core.probe_"
                probes[tile.name] = f"{core}valid", [f"{core}membrane", f"{core}spikes"]
            mesh = f"{inside}mesh.probe_"
            for x, y in product(range(chip.first, chip.first + chip.width), range(chip.height)):
                probes[f"router_{x}_{y}"] = f"{mesh}moving_{x}_{y}", [f"{mesh}moves_{x}_{y}"]
                routers.append((x, y))
        routers.sort(key=lambda place: (place[1], place[0]))
        model = simulator(rtlil, design.name, sources=("events_in", *loads), sinks=("events_out",), probes=probes)
        words = [design.load_words(number) for number in range(len(loads))]
        for load, own in zip(loads, words, strict=True):
            model.send(load, own)
        model.run(idle="idle", limit=max(map(len, words)) + 10_000)
        return cls(design, model, flits={place: np.zeros(len(MESH_PORTS), np.int64) for place in routers})

    def told(self, what: str) -> dict[str, int]:
        """Counters of all chips whose names end in ``what``, those that are not 0."""
        chips = self.design.chips
        names = [
            name if len(chips) == 1 else f"chip_{number}_{name}"
            for number, chip in enumerate(chips)
            for name in counters(chip)
            if name.endswith(what)
        ]
        counts = {name: self.model.read(name) for name in names}
        return {name: count for name, count in counts.items() if count}

    @property
    def faults(self) -> dict[str, int]:
        """Packets that went astray, and events that were refused, by counter; none should be."""
        return self.told("misrouted") | self.told("strays") | self.told("rejected")

    def run(self, spikes: np.ndarray, rng: np.random.Generator) -> Run:
        """Send ``spikes`` (bool ``[samples, steps, inputs]``), the events of a step in random order, and compare
        all."""
        program = self.design.design.program
        samples, steps, _ = spikes.shape
        traces = run_program(program, spikes)
        last, trace = program.layers[-1].model, traces[-1]
        outputs = int(trace.spikes.sum()) if last.spiking else trace.membrane.size
        self.model.send("events_in", event_words(spikes, rng))
        cycles = self.model.run(
            receive={"events_out": outputs + samples * steps}, idle="idle", limit=self._patience * samples * steps
        )
        self._compare_tiles(spikes, traces)
        for place in self.flits:
            (moves,) = self.model.recorded(f"router_{place[0]}_{place[1]}")
            self.flits[place] += unpack_fields(moves, 1, len(MESH_PORTS), signed=False).sum(axis=0)
        return self._compare_outputs(trace, cycles)

    @property
    def _patience(self) -> int:
        """Cycles for each step, far more than one takes, also if links and the host pause."""
        design = self.design
        cores = sum(tile.core.most_events * max(tile.core.event_cycles) + tile.core.groups for tile in design.tiles)
        packets = sum(
            len(fan_out.starts) * max(map(len, fan_out.lists)) for fan_out in design.mapping.parts.fan_outs
        ) * (1 if len(design.chips) == 1 else BRIDGE_HOPS)
        return PATIENCE + SLOWEST * (cores + packets)

    def _compare_tiles(self, spikes: np.ndarray, traces: list[LayerTrace]) -> None:
        design = self.design
        parts = design.mapping.parts
        for part, layer, tile in zip(parts.slices, parts.layers, design.tiles, strict=True):
            records = self.model.recorded(tile.name)
            core, trace = tile.core, traces[part.layer]
            neurons = slice(part.first, part.first + part.neurons)
            if part.partial:
                inputs = spikes if part.layer == 0 else traces[part.layer - 1].spikes
                axons = slice(part.first_axon, part.first_axon + part.axons)
                trace, neurons = run_layer(layer, [inputs[..., axons]]), slice(None)
            samples, steps, _ = trace.spikes.shape
            updates = samples * steps * core.groups
            if len(records[0]) != updates:
                raise RanvierError(f"Tile {tile.name} must update {updates} groups, not {len(records[0])}")
            of_golden = [("membranes", trace.membrane, core.model.state_width)]
            if not part.partial:
                of_golden.append(("spikes", trace.spikes.astype(int), 1))
            for (what, golden, width), record in zip(of_golden, records, strict=False):
                values = unpack_fields(record, width, core.lanes, signed=width > 1)
                values = values.reshape(samples, steps, core.groups * core.lanes)[..., : core.neurons]
                self.comparison.add(tile.name, what, golden[..., neurons], values)

    def _compare_outputs(self, trace: LayerTrace, cycles: int) -> Run:
        layer, width = self.design.design.program.layers[-1], self.design.chip.outside.receives_width
        event = fields_of(event_layout(layer.neurons, width), self.model.received("events_out"))
        samples, steps, _ = trace.spikes.shape
        ends = event["step_end"] == 1
        step = np.cumsum(ends) - ends
        shape, sent = (samples * steps, layer.neurons), (step[~ends], event["index"][~ends])
        counts, values = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        np.add.at(counts, sent, 1)
        expected = trace.spikes.reshape(shape).astype(int) if layer.model.spiking else np.ones(shape, int)
        self.comparison.add("output events", "outputs", expected, counts)
        final = np.tile(np.arange(steps) == steps - 1, samples).astype(int)
        self.comparison.add("ends of samples", "outputs", final, event["sample_end"][ends])
        if not layer.model.spiking:
            values[sent] = event["value"][~ends]
            self.comparison.add("output values", "outputs", trace.membrane.reshape(shape), values)
        return Run(cycles, values.reshape(samples, steps, -1), counts.reshape(samples, steps, -1) > 0)
