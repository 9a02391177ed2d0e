"""What every neuron model must pass: four interpreters alike, and its lane in RTL equal to golden in a million steps.

A model's own test file says how to draw it at random, and has the oracle.
"""

from collections.abc import Callable

import numpy as np
import torch
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.gen.emit import emit_part
from ranvier.golden import torch_arith  # noqa: F401  tensors join the arithmetic
from ranvier.golden.fixed import narrow
from ranvier.golden.neurons.neuron import Format, Inputs, Neuron, range_of
from ranvier.hw.config import CoreConfig
from ranvier.hw.core.lane import FIRST_STAGE, Lane, last_stage
from ranvier.sim.compiled import CompiledModel

STEPS = 1 << 20  # of each model, golden against RTL
LANES = 4  # models of different formats in one design
AXONS, WEIGHT_WIDTH = 16, 6
CHUNK = 64

Draw = Callable[[np.random.Generator], Neuron]


def config_of(model: Neuron) -> CoreConfig:
    """A core of one lane with all parameters in memory."""
    names = tuple(model.parameter_shapes())
    return CoreConfig("core", AXONS, 2, 1, WEIGHT_WIDTH, model, stored=names)


def drawn(rng: np.random.Generator, low: int, high: int, count: int) -> np.ndarray:
    """Numbers over the whole range, near zero, and its corners."""
    everywhere = rng.integers(low, high, count, endpoint=True)
    small = np.clip(rng.integers(-4, 5, count), low, high)
    ends = rng.choice(np.clip([low, low + 1, high - 1, high], low, high), count)
    return np.choose(rng.choice(3, count, p=[0.8, 0.1, 0.1]), [everywhere, small, ends])


def cases(rng: np.random.Generator, model: Neuron, count: int) -> dict[str, np.ndarray]:
    """Sums, states, parameters and noise, all at random; parameters that the model refuses are replaced."""
    formats = {"noise": (model.noise_width, False)} | model.states()
    ranges = {name: range_of(form) for name, form in formats.items()} | model.ranges()
    ranges["total"] = model.accumulator_range(AXONS, WEIGHT_WIDTH)
    found = {name: drawn(rng, low, high, count) for name, (low, high) in ranges.items()}
    if "threshold" in ranges:  # potentials near it
        near = rng.random(count) < 0.3
        found["total"] = np.where(
            near, np.clip(found["threshold"] + rng.integers(-2, 3, count), *ranges["total"]), found["total"]
        )
    names = list(model.parameter_shapes())
    if model.problem({name: found[name] for name in names}) is not None:
        some = min(count, 4096)
        legal = [k for k in range(some) if model.problem({name: found[name][k : k + 1] for name in names}) is None]
        assert len(legal) > some / 20, "nearly all parameters are refused"
        found |= {name: found[name][np.resize(legal, count)] for name in names}
    return found


def stepped(model: Neuron, values: dict) -> dict:
    """What a step leaves, in the interpreter of ``values``."""
    total = values["total"] + values["bias"]
    integrated, overflow = narrow(total, model.integrator_width, "integrated")
    state = {name: values[name] for name in model.states()}
    left = model.step(Inputs(integrated, state, {n: values[n] for n in model.parameter_shapes()}, values["noise"]))
    results = {"integrator": left.integrator, **{f"next_{name}": value for name, value in left.state.items()}}
    return results | {"spike": left.spike, "membrane": left.membrane, "saturated": overflow | left.saturated}


def in_range(model: Neuron, results: dict[str, np.ndarray]) -> None:
    """Each result lies in its format."""
    formats = {"integrator": (model.integrator_width, True), "membrane": (model.state_width, True)}
    formats |= {f"next_{name}": form for name, form in model.states().items()}
    for name, form in formats.items():
        low, high = range_of(form)
        values = np.asarray(results[name])
        assert low <= values.min() and values.max() <= high, f"{name} leaves its {form[0]} bits"


class Lanes(wiring.Component):
    """A lane for each of ``models``; a chunk of 64 bits of the payload for each of its fields."""

    def __init__(self, models: list[Neuron]) -> None:
        self.configs = [config_of(model) for model in models]
        self.fields = [(k, name) for k, model in enumerate(models) for name in field_names(model)]
        self.results = {
            f"lane{k}_{name}": form for k, model in enumerate(models) for name, form in result_formats(model).items()
        }
        ports = {name: Out(signed(w) if s else unsigned(w)) for name, (w, s) in self.results.items()}
        super().__init__({"cases": In(stream.Signature(CHUNK * len(self.fields))), "done": Out(1)} | ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        last = max(last_stage(config.model) for config in self.configs)
        payload = {key: self.cases.payload.word_select(k, CHUNK) for k, key in enumerate(self.fields)}
        m.d.comb += self.cases.ready.eq(1)
        m.d.comb += self.done.eq(later(m, self.cases.valid, last - FIRST_STAGE, "valid", reset_less=False))
        for k, config in enumerate(self.configs):
            m.submodules[f"lane{k}"] = lane = Lane(config)
            model, wait = config.model, last - last_stage(config.model)
            m.d.comb += [lane.update.eq(1), lane.state.integrator.eq(payload[k, "total"])]
            m.d.comb += [lane.state[name].eq(payload[k, name]) for name in model.states()]
            m.d.comb += [lane.settings[name].eq(payload[k, name]) for name in model.parameter_shapes()]
            if model.noise_width:
                m.d.comb += lane.noise.eq(payload[k, "noise"])
            results = {"integrator": lane.result.integrator, "spike": lane.spike, "membrane": lane.membrane}
            results |= {f"next_{name}": lane.result[name] for name in model.states()} | {"saturated": lane.saturated}
            for name, value in results.items():
                port = f"lane{k}_{name}"
                m.d.comb += getattr(self, port).eq(later(m, value, wait, port))
        return m


def later(m: Module, value, cycles: int, name: str, reset_less: bool = True):
    for number in range(cycles):
        register = Signal(value.shape(), name=f"{name}_{number}", reset_less=reset_less)
        m.d.sync += register.eq(value)
        value = register
    return value


def field_names(model: Neuron) -> list[str]:
    return ["total", *model.states(), *model.parameter_shapes(), "noise"]


def result_formats(model: Neuron) -> dict[str, Format]:
    formats = {"integrator": (model.integrator_width, True), "membrane": (model.state_width, True)}
    formats |= {f"next_{name}": form for name, form in model.states().items()}
    return formats | {"spike": (model.spike_width, model.signed), "saturated": (1, False)}


def check_interpreters(draw: Draw, seed: int, *, models: int = 20, count: int = 500) -> None:
    """Python ints, NumPy and torch give the same numbers, and each within its format."""
    rng = np.random.default_rng(seed)
    compared = 0
    for _ in range(models):
        model = draw(rng)
        values = cases(rng, model, count)
        results = stepped(model, values)
        in_range(model, results)
        in_torch = stepped(model, {name: torch.from_numpy(array) for name, array in values.items()})
        in_python = [stepped(model, {n: int(array[k]) for n, array in values.items()}) for k in range(0, count, 10)]
        for name, found in results.items():
            array = np.broadcast_to(found, count).astype(np.int64)
            np.testing.assert_array_equal(np.broadcast_to(in_torch[name], count).astype(np.int64), array, name)
            assert [int(each[name]) for each in in_python] == array[::10].tolist(), name
            compared += count
    print(f"seed {seed}: {compared} values of {models} models in three interpreters")
    assert compared


def check_rtl(draw: Draw, seed: int, *, steps: int = STEPS, lanes: int = LANES) -> None:
    """The lanes of some models, all values in every step: equal to golden."""
    rng = np.random.default_rng(seed)
    models = [draw(rng) for _ in range(lanes)]
    deepest = max(last_stage(model) for model in models)
    design = Lanes(models)
    signals = list(design.results)
    bench = CompiledModel(
        emit_part(design, "lanes"),
        "lanes",
        sources=("cases",),
        sinks=(),
        probes={"results": ("done", signals)},
        flat=False,  # saves more of the compilation than it costs in the run
    )
    count, compared, fired = steps // lanes, 0, 0
    values = [cases(rng, model, count) for model in models]
    words = np.stack([values[k][name] for k, name in design.fields], axis=1)
    bench.send("cases", words.view(np.uint64))
    bench.run(limit=count + 100)
    bench.run(limit=0)
    records = dict(zip(signals, bench.recorded("results"), strict=True))
    for k, model in enumerate(models):
        results = stepped(model, values[k])
        for name, (width, is_signed) in result_formats(model).items():
            expected = np.broadcast_to(results[name], count).astype(np.int64)
            found = records[f"lane{k}_{name}"][:, 0]
            assert len(found) >= count - deepest
            lifted = found << np.uint64(CHUNK - width)
            found = lifted.view(np.int64) >> (CHUNK - width) if is_signed else found.view(np.int64)
            np.testing.assert_array_equal(found, expected[: len(found)], f"{name} of {model}")
            compared += len(found)
        fired += int(np.count_nonzero(results["spike"]))
    print(f"seed {seed}: {steps} steps of {lanes} models, {compared} values, {fired} spikes, 0 differ")
    assert compared and (fired or not any(model.spiking for model in models))
