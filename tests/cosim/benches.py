"""cocotb tests that misuse a chip; each is the module of one run of :mod:`ranvier.sim.process`."""

import json
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from ranvier.sim.agents import BurstDriver
from ranvier.sim.bench import EventLayout
from ranvier.sim.testbench import Testbench, carry_out, run_folder


def encode(layout: EventLayout, index: int, step_end: bool = False, sample_end: bool = False) -> int:
    """Payload of an input event, legal or not."""
    values = {"index": index, "step_end": step_end, "sample_end": sample_end}
    return sum(int(value) << layout.fields[name][0] for name, value in values.items())


class IllegalEvents(Testbench):
    """Axons out of range anywhere in a step; in steps in which every axon spikes, more events after those."""

    def __init__(self, bench: Any, run: Path) -> None:
        super().__init__(bench, run)
        self.illegal: dict[int, int] = {}

    def events(self, sample: int, order: np.random.Generator) -> list[int]:
        """Payloads of one sample; how many of them are illegal is kept."""
        layout, axons = self.layout.event_in, self.spikes.shape[2]
        top = 1 << layout.fields["index"][1]
        assert top > axons
        words: list[int] = []
        self.illegal[sample] = 0
        for step, spikes in enumerate(self.spikes[sample]):
            wrong = order.integers(axons, top, 3)
            words += [encode(layout, int(k)) for k in order.permutation([*np.flatnonzero(spikes), *wrong])]
            self.illegal[sample] += len(wrong)
            if spikes.all():
                words += [encode(layout, int(k)) for k in order.integers(0, axons, 5)]
                self.illegal[sample] += 5
            words.append(encode(layout, 0, True, step == len(self.spikes[sample]) - 1))
        return words

    def compare_counters(self, samples: Any) -> None:
        self.rejected[0] += sum(self.illegal[sample] for sample in samples)
        super().compare_counters(samples)


class LoadedMemories(Testbench):
    """Memories written over the load port before the first sample, as ``load.json`` says."""

    async def play(self) -> None:
        words = json.loads((self.run / "load.json").read_text())
        load = BurstDriver(self.bench, "load", self.bench.clk, self.layout.load_width)
        await load.send(words)
        await super().play()


@cocotb.test()
async def misuse(bench: Any) -> None:
    run = run_folder()
    kind = LoadedMemories if (run / "load.json").exists() else IllegalEvents
    await carry_out(kind(bench, run))
