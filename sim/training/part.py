"""The forward part of a trainer in compiled simulation: its spikes, its potentials and its cycles."""

from dataclasses import dataclass

import numpy as np

from ranvier.gen.emit import emit_part
from ranvier.gen.training.images import Samples, bank_image, sample_words
from ranvier.golden.train import bptt
from ranvier.hw.train.ablation.part import ForwardPart
from ranvier.hw.train.config import TrainerConfig

from ..compiled import CompiledModel
from .compare import Tally
from .probes import layer_values


@dataclass(frozen=True)
class Passes:
    """What samples took: ``steps`` int64 ``[samples, steps - 1]``, cycles from the end of each step to that of the
    next; ``copying``: cycles in which weights were copied."""

    steps: np.ndarray
    copying: int


class PartDevice:
    """A :class:`ForwardPart`, compiled; ``tally`` holds every potential and spike compared with golden."""

    def __init__(self, config: TrainerConfig) -> None:
        self.config, self.tally = config, Tally()
        self._weights: list[np.ndarray] = []
        trace = [f"trace__{name}" for name in ("membranes", "spikes")]
        self.model = CompiledModel(
            emit_part(ForwardPart(config), "forward_part"),
            "forward_part",
            sources=("samples", "updates"),
            sinks=(),
            probes={"trace": ("trace__valid", trace), "copying": ("copying", ["copying"])},
        )
        self.model.run(idle="idle", limit=10 + config.groups)

    def load(self, weights: list[np.ndarray]) -> None:
        """Write all weights: int64 ``[axons, neurons]`` of each layer."""
        config, width = self.config, self.config.setup.weight_width
        image = bank_image(config, weights) & ((1 << width) - 1)
        words = [_word(column, width) for column in image.T.tolist()]
        address_bits = (config.weight_words - 1).bit_length() or 1
        self.model.send("updates", [address | word << address_bits for address, word in enumerate(words)])
        self.model.run(idle="idle", limit=10 + 2 * len(words))
        self._weights = weights

    def run(self, spikes: np.ndarray) -> Passes:
        """Run ``spikes`` (bool ``[samples, steps, inputs]``) and compare."""
        config, count = self.config, len(spikes)
        zeros = np.zeros(count, np.int64)
        samples = Samples(spikes, zeros, zeros.astype(bool), zeros.astype(bool), zeros)
        self.model.send("samples", sample_words(config, samples))
        copies = config.forward_words << config.fused
        steps = count * config.setup.steps
        self.model.run(idle="idle", limit=10_000 + 2 * copies + 4 * steps * (config.weight_words + 100 * config.groups))
        records = self.model.recorded("trace")
        cycles = self.model.recorded_cycles("trace").astype(np.int64)
        traces = bptt.forward(config.setup, self._weights, spikes)
        for name, of_golden, width, record in zip(
            ("membranes", "spikes"), ("membrane", "spikes"), (config.state_width, 1), records, strict=True
        ):
            values = layer_values(config, record, width, signed=width > 1)
            for layer, trace, found in zip(config.layers, traces, values, strict=True):
                self.tally.add(f"{layer.layer.name}.{name}", getattr(trace, of_golden).astype(np.int64), found)
        ends = cycles.reshape(count, config.setup.steps, config.groups)[:, :, -1]
        copying = len(self.model.recorded("copying")[0])
        return Passes(np.diff(ends, axis=1), copying)


def _word(values: list[int], width: int) -> int:
    """One integer of the values of all lanes, the first in the low bits."""
    return sum(value << (lane * width) for lane, value in enumerate(values))
