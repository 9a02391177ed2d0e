"""A chip of many cores in simulation, compared with the one-core golden model, value for value."""

from dataclasses import dataclass, field

import numpy as np

from ranvier.gen.errors import RanvierError
from ranvier.gen.mapping.placement import Mapping
from ranvier.gen.mapping.tables import contents
from ranvier.gen.sharing import share_modules
from ranvier.gen.training.emit import emit_part
from ranvier.golden.inference import run_program
from ranvier.golden.program import Program
from ranvier.hw.manycore import MeshChip
from ranvier.hw.manycore.config import MeshChipConfig
from ranvier.hw.stream import event_layout

from ..compiled import CompiledModel, unpack_fields


@dataclass
class Comparison:
    """``values``: membrane potentials and spikes of all neurons and steps, and output events, that were compared;
    ``different``: those that were not equal. ``cycles``: of each sample alone. ``first``: where the first difference is."""

    values: int = 0
    different: int = 0
    cycles: list[int] = field(default_factory=list)
    first: str = ""

    def add(self, what: str, expected: np.ndarray, found: np.ndarray) -> None:
        if expected.shape != found.shape:
            raise RanvierError(f"{what} must have shape {list(expected.shape)}, the chip gave {list(found.shape)}")
        wrong = np.argwhere(expected != found)
        self.values += expected.size
        self.different += len(wrong)
        if len(wrong) and not self.first:
            at = tuple(wrong[0])
            self.first = f"{what}{list(map(int, at))}: expected {expected[at]}, got {found[at]}"


class MeshChipDevice:
    """The chip of ``program`` as ``mapping`` places it; its memories are loaded through its port."""

    def __init__(self, program: Program, mapping: Mapping, config: MeshChipConfig) -> None:
        self.program, self.mapping, self.config = program, mapping, config
        probes = {
            tile.name: (
                f"{tile.name}.core.probe_valid",
                [f"{tile.name}.core.probe_membrane", f"{tile.name}.core.probe_spikes"],
            )
            for tile in config.tiles
        }
        self.model = CompiledModel(
            share_modules(emit_part(MeshChip(config), config.name)),
            config.name,
            sources=["events_in", "load"],
            sinks=["events_out"],
            probes=probes,
            flat=False,
        )
        self._load()

    def _load(self) -> None:
        words, address_width = contents(self.program, self.mapping, self.config), self.config.load_address_width
        sent = [
            region.base + address | word << address_width
            for region in self.config.memory_map
            for address, word in enumerate(words[region.core, region.memory])
        ]
        self.model.send("load", sent)
        self.model.run(idle="idle", limit=len(sent) + 100_000)

    def run(self, spikes: np.ndarray, rng: np.random.Generator) -> Comparison:
        """Send ``spikes`` (bool ``[samples, steps, inputs]``), events of a step in random order, and compare everything."""
        samples, steps, _ = spikes.shape
        comparison, traces = Comparison(), run_program(self.program, spikes)
        layout = event_layout(self.program.inputs)
        words = []
        for sample in spikes:
            for step, row in enumerate(sample):
                words += [int(index) << layout["index"].offset for index in rng.permutation(np.flatnonzero(row))]
                ends = 1 << layout["step_end"].offset | (step == steps - 1) << layout["sample_end"].offset
                words.append(int(ends))
        last = self.program.layers[-1].model.spiking
        outputs = int(traces[-1].spikes.sum()) if last else samples * steps * self.program.outputs
        expected = outputs + samples * steps
        self.model.send("events_in", words)
        comparison.cycles.append(
            self.model.run(receive={"events_out": expected}, idle="idle", limit=10_000 + 2_000 * samples * steps)
        )
        self._compare_tiles(traces, comparison)
        self._compare_outputs(traces, comparison)
        return comparison

    def _compare_tiles(self, traces: list, comparison: Comparison) -> None:
        for part, tile in zip(self.mapping.slices, self.config.tiles, strict=True):
            membrane, fired = self.model.recorded(tile.name)
            core, trace = tile.core, traces[part.layer]
            samples, steps, _ = trace.spikes.shape
            span = slice(part.first, part.first + part.neurons)
            for what, record, width, golden in (
                ("membrane", membrane, core.model.state_width, trace.membrane),
                ("spikes", fired, 1, trace.spikes.astype(np.int64)),
            ):
                values = unpack_fields(record, width, core.lanes, signed=width > 1)
                if values.size != samples * steps * core.groups * core.lanes:
                    raise RanvierError(f"Tile {tile.name} must update {samples * steps} times, not {len(values) / core.groups}")
                values = values.reshape(samples, steps, core.groups * core.lanes)[..., : core.neurons]
                comparison.add(f"{tile.name} {what}", golden[..., span], values)

    def _compare_outputs(self, traces: list, comparison: Comparison) -> None:
        layer, trace = self.program.layers[-1], traces[-1]
        width = self.config.value_width
        layout = event_layout(layer.neurons, width)
        words = self.model.received("events_out")[:, 0]

        def part(name: str) -> np.ndarray:
            return (words >> layout[name].offset & ((1 << layout[name].width) - 1)).astype(np.int64)

        index, end, sample_end = part("index"), part("step_end"), part("sample_end")
        samples, steps, _ = trace.spikes.shape
        comparison.add("sample ends", np.tile(np.arange(steps) == steps - 1, samples).astype(np.int64), sample_end[end == 1])
        number = np.cumsum(end) - end
        found = np.full((samples * steps, layer.neurons), 0 if layer.model.spiking else np.iinfo(np.int64).min)
        events = end == 0
        if layer.model.spiking:
            np.add.at(found, (number[events], index[events]), 1)
            expected = trace.spikes.astype(np.int64)
        else:
            values = part("value")
            values = np.where(values >> (width - 1) & 1, values - (1 << width), values)
            found[number[events], index[events]] = values[events]
            expected = trace.membrane
        comparison.add("outputs", expected.reshape(found.shape), found)
