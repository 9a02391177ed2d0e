"""Every value of a trainer against the golden model."""

from dataclasses import dataclass, field

import numpy as np

from ranvier.gen.training.images import Results, Samples
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import BatchTrace, TrainingState

from .device import BACKWARD, FORWARD, TrainerDevice
from .probes import layer_values


@dataclass
class Tally:
    """Values compared, by name, and how many of them differ; ``first`` says where the first did."""

    compared: dict[str, int] = field(default_factory=dict)
    mismatches: dict[str, int] = field(default_factory=dict)
    first: str | None = None

    def add(self, name: str, expected: np.ndarray, found: np.ndarray) -> None:
        """Compare two arrays of the same shape. Raises ValueError for others."""
        if expected.shape != found.shape:
            raise ValueError(f"Values of {name} must have shape {expected.shape}, not {found.shape}")
        wrong = expected != found
        self.compared[name] = self.compared.get(name, 0) + wrong.size
        self.mismatches[name] = self.mismatches.get(name, 0) + int(wrong.sum())
        if wrong.any() and self.first is None:
            place = tuple(int(index) for index in np.argwhere(wrong)[0])
            self.first = f"{name}{list(place)} must be {expected[place]}, not {found[place]}"

    @property
    def total(self) -> int:
        return sum(self.compared.values())

    @property
    def wrong(self) -> int:
        return sum(self.mismatches.values())


class Comparison:
    """A device and the golden model side by side, from the same ``state`` on, which golden moves along."""

    def __init__(self, device: TrainerDevice, state: TrainingState) -> None:
        self.device, self.state, self.tally = device, state, Tally()
        device.load(state)
        for unit in ("forward", "backward"):
            device.model.recorded(unit)  # what others did before

    def run(self, samples: Samples) -> Results:
        """Run ``samples`` on both and compare every result, potential, spike and gradient."""
        setup = self.device.config.setup
        found = self.device.run(samples)
        parts: list[tuple[np.ndarray, BatchTrace]] = []  # samples, what golden says of them
        start = 0
        for stop in [*(np.flatnonzero(samples.end) + 1).tolist(), len(samples)]:
            chosen = np.arange(start, stop)
            for learn in (True, False):
                subset = chosen[samples.learn[chosen] == learn]
                if len(subset):
                    spikes, labels = samples.spikes[subset], samples.labels[subset]
                    if learn:
                        parts.append((subset, bptt.learn(setup, self.state, spikes, labels)))
                    else:
                        parts.append((subset, bptt.run_batch(setup, self.state.weights, spikes, labels)))
            if stop > start and samples.end[stop - 1]:
                bptt.update(setup, self.state, int(samples.rate[stop - 1]))
            start = stop
        order = np.argsort(np.concatenate([subset for subset, _ in parts]))
        traces = [trace for _, trace in parts]
        self.tally.add("label", samples.labels, found.label)
        for name in ("prediction", "loss"):
            expected = np.concatenate([getattr(trace.assessment, name) for trace in traces])[order]
            self.tally.add(name, expected, getattr(found, name))
        self._forward(traces, order)
        self._backward(traces, order, samples.learn)
        return found

    def check_state(self) -> None:
        """Compare all training state."""
        found = self.device.save()
        for name in ("weights", "momentum", "gradient"):
            for layer, expected, value in zip(
                self.device.config.layers, getattr(self.state, name), getattr(found, name), strict=True
            ):
                self.tally.add(f"{layer.layer.name}.{name}", expected, value)
        if self.device.config.setup.optimiser.stochastic:
            self.tally.add("generators", self.state.generators, found.generators)
        self.tally.add("pending", np.array(self.state.pending), np.array(found.pending))

    def _forward(self, traces: list[BatchTrace], order: np.ndarray) -> None:
        config = self.device.config
        widths = (config.state_width, 1, config.derivative_width)
        for name, width, record in zip(FORWARD, widths, self.device.model.recorded("forward"), strict=True):
            of_golden = {"membranes": "membrane", "spikes": "spikes", "derivatives": "derivative"}[name]
            found = layer_values(config, record, width, signed=name == "membranes")
            for number, layer in enumerate(config.layers):
                expected = np.concatenate([getattr(trace.forward[number], of_golden) for trace in traces])[order]
                self.tally.add(f"{layer.layer.name}.{name}", expected.astype(np.int64), found[number])

    def _backward(self, traces: list[BatchTrace], order: np.ndarray, learn: np.ndarray) -> None:
        config = self.device.config
        for name, record in zip(BACKWARD, self.device.model.recorded("backward"), strict=True):
            of_golden = name.removesuffix("_gradients")
            found = layer_values(config, record, config.setup.gradient_width, signed=True, backwards=True)
            for number, layer in enumerate(config.layers):
                expected = np.concatenate([getattr(trace.backward[number], of_golden) for trace in traces])
                self.tally.add(f"{layer.layer.name}.{name}", expected[order][learn], found[number])
