"""A trainer in Amaranth's simulator: loads a state, plays samples, records results, probes and the state afterwards."""

from dataclasses import dataclass, field

import numpy as np
from amaranth.sim import Simulator

from ranvier.golden.train.bptt import TrainingState
from ranvier.hw.train.access import Region
from ranvier.hw.train.config import LayerGeometry, TrainerConfig
from ranvier.hw.train.counters import NAMES
from ranvier.hw.train.trainer import Trainer


@dataclass
class Sample:
    """One sample as the host sends it."""

    spikes: np.ndarray
    label: int
    learn: bool = True
    end: bool = False
    rate: int = 1


@dataclass
class Record:
    """Results ``(label, prediction, loss, rejected)``, probes, the state and counters at the end, and the cycles."""

    results: list[tuple] = field(default_factory=list)
    forward: list[tuple] = field(default_factory=list)
    backward: list[tuple] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    momentum: list[np.ndarray] = field(default_factory=list)
    gradient: list[np.ndarray] = field(default_factory=list)
    generators: list[int] = field(default_factory=list)
    pending: int = 0
    counters: dict[str, int] = field(default_factory=dict)


def sample_words(config: TrainerConfig, sample: Sample) -> list[int]:
    """Header and input spikes."""
    bits = config.label_width
    words = [sample.label | sample.learn << bits | sample.end << bits + 1 | sample.rate << bits + 2]
    if not config.setup.optimiser.rate_width:
        words = [words[0] & ((1 << bits + 2) - 1)]
    for row in sample.spikes:
        for start in range(0, len(row), config.lanes):
            words.append(sum(int(bit) << k for k, bit in enumerate(row[start : start + config.lanes])))
    return words


def places(config: TrainerConfig, layer: LayerGeometry) -> list[tuple[int, int, int, int]]:
    """Of each weight ``(axon, neuron, lane, address)``."""
    result, lanes = [], config.lanes
    for axon in range(layer.layer.axons):
        row = axon
        if axon >= layer.layer.inputs:
            row = -(-layer.layer.inputs // lanes) * lanes + axon - layer.layer.inputs
        for neuron in range(layer.layer.neurons):
            address = layer.weight_base + row * (-(-layer.layer.neurons // lanes)) + neuron // lanes
            result.append((axon, neuron, (row + neuron) % lanes, address))
    return result


def signed(value: int, width: int = 32) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def train(
    config: TrainerConfig,
    state: TrainingState,
    samples: list[Sample],
    *,
    stalls: np.random.Generator | None = None,
    limit: int = 400_000,
) -> Record:
    """Load ``state``, play ``samples`` and read the state back. ``stalls``: half the cycles offer nothing, take nothing."""
    trainer, record = Trainer(config), Record()
    steps_lanes = config.lanes

    async def request(ctx, write, region, lane, address, value=0):
        word = {"write": write, "region": int(region), "lane": lane, "address": address, "data": value & 0xFFFFFFFF}
        ctx.set(trainer.access.payload, word)
        ctx.set(trainer.access.valid, 1)
        while not ctx.get(trainer.access.ready):
            await ctx.tick()
        await ctx.tick()
        ctx.set(trainer.access.valid, 0)
        if write:
            return 0
        ctx.set(trainer.reply.ready, 1)
        while not ctx.get(trainer.reply.valid):
            await ctx.tick()
        answer = ctx.get(trainer.reply.payload)
        await ctx.tick()
        return answer

    async def load(ctx):
        for layer, *matrices in zip(config.layers, state.weights, state.momentum, state.gradient, strict=True):
            pad = [(lane, layer.weight_base + word) for lane in range(config.lanes) for word in range(layer.weight_words)]
            for lane, address in pad:
                await request(ctx, 1, Region.WEIGHTS, lane, address, 0)
            for axon, neuron, lane, address in places(config, layer):
                for region, matrix in zip((Region.WEIGHTS, Region.MOMENTA, Region.SUMS), matrices, strict=True):
                    if matrix[axon, neuron]:
                        await request(ctx, 1, region, lane, address, int(matrix[axon, neuron]))
        for lane, word in enumerate(state.generators):
            await request(ctx, 1, Region.MISCELLANY, lane, 0, int(word))
        await request(ctx, 1, Region.MISCELLANY, 0, 1, state.pending)

    async def save(ctx):
        for layer in config.layers:
            matrices = [np.zeros((layer.layer.axons, layer.layer.neurons), np.int64) for _ in range(3)]
            for axon, neuron, lane, address in places(config, layer):
                for region, matrix in zip((Region.WEIGHTS, Region.MOMENTA, Region.SUMS), matrices, strict=True):
                    matrix[axon, neuron] = signed(await request(ctx, 0, region, lane, address))
            record.weights.append(matrices[0])
            record.momentum.append(matrices[1])
            record.gradient.append(matrices[2])
        for lane in range(steps_lanes):
            record.generators.append(await request(ctx, 0, Region.MISCELLANY, lane, 0))
        record.pending = await request(ctx, 0, Region.MISCELLANY, 0, 1)
        for index, name in enumerate(NAMES):
            record.counters[name] = await request(ctx, 0, Region.MISCELLANY, 0, 2 + index)

    async def host(ctx):
        while not ctx.get(trainer.idle):
            await ctx.tick()
        await load(ctx)
        words = [word for sample in samples for word in sample_words(config, sample)]
        position, cycle, offering = 0, 0, False
        while len(record.results) < len(samples) or not ctx.get(trainer.idle):
            assert cycle < limit, f"no end after {limit} cycles: {position} of {len(words)} words taken"
            offering = offering or (position < len(words) and (stalls is None or stalls.random() < 0.5))
            ctx.set(trainer.samples.valid, offering)
            if offering:
                ctx.set(trainer.samples.payload, words[position])
            ctx.set(trainer.results.ready, stalls is None or stalls.random() < 0.5)
            if offering and ctx.get(trainer.samples.ready):
                position, offering = position + 1, False
            if ctx.get(trainer.results.valid) and ctx.get(trainer.results.ready):
                result = ctx.get(trainer.results.payload)
                record.results.append((result.label, result.prediction, result.loss, result.rejected))
            await ctx.tick()
            cycle += 1
        ctx.set(trainer.samples.valid, 0)
        await save(ctx)

    def watch(unit, names, events):
        async def process(ctx):
            signals = [trainer.probes[unit, name] for name in names]
            async for _, _, valid, *values in ctx.tick().sample(trainer.probes[unit, "valid"], *signals):
                if valid:
                    events.append(tuple(values))

        return process

    simulator = Simulator(trainer)
    simulator.add_clock(1e-8)
    simulator.add_testbench(host)
    names = ("layer", "group", "membranes", "spikes", "derivatives")
    simulator.add_process(watch("forward", names, record.forward))
    names = ("group", "spike_gradients", "membrane_gradients")
    simulator.add_process(watch("backward", names, record.backward))
    simulator.run()
    return record
