"""A trainer in simulation, driven as a host drives the chip."""

import numpy as np

from ranvier.gen.errors import RanvierError
from ranvier.gen.training import images
from ranvier.gen.training.emit import emit_trainer
from ranvier.gen.training.images import Results, Samples
from ranvier.golden.train.bptt import TrainingState
from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.counters import NAMES

from ..compiled import CompiledModel
from ..simulation import Simulation, Simulator

FORWARD = ("membranes", "spikes", "derivatives")
BACKWARD = ("spike_gradients", "membrane_gradients", "weight_gradients")


class TrainerDevice:
    """The RTL of ``config`` in a ``simulator``. ``observed``: its probes are recorded, see :mod:`.compare`."""

    def __init__(self, config: TrainerConfig, *, observed: bool = True, simulator: Simulator = CompiledModel) -> None:
        self.config = config
        probes = {
            unit: (f"probe_{unit}_valid", [f"probe_{unit}_{name}" for name in names])
            for unit, names in (("forward", FORWARD), ("backward", BACKWARD))
        }
        self.model: Simulation = simulator(
            emit_trainer(config, "trainer"),
            "trainer",
            sources=("samples", "access"),
            sinks=("results", "reply"),
            probes=probes if observed else {},
        )
        self.model.run(idle="idle", limit=10 + config.weight_words)
        setup = config.setup
        dense = sum(layer.weight_words for layer in config.layers)
        # More than any sample takes: all axons and all neurons in every step, and an update.
        self._patience = 20_000 + 8 * (setup.steps * (dense + 64 * config.groups + 8 * setup.inputs) + 4 * dense)

    def load(self, state: TrainingState) -> None:
        """Write all training state."""
        self._request(images.loading(self.config, state), replies=0)

    def save(self) -> TrainingState:
        """Read all training state."""
        requests = images.saving(self.config)
        return images.saved(self.config, self._request(requests, replies=len(requests)))

    def counters(self) -> dict[str, int]:
        """All counters by name."""
        replies = self._request(images.counting(self.config), replies=len(NAMES))
        return dict(zip(NAMES, replies.astype(int).tolist(), strict=True))

    def run(self, samples: Samples) -> Results:
        """Stream ``samples`` and wait for their results, and until nothing is at work any more."""
        self.model.send("samples", images.sample_words(self.config, samples))
        self.model.run(receive={"results": len(samples)}, idle="idle", limit=self._patience * len(samples))
        return images.results(self.config, self.model.received("results")[:, 0])

    def _request(self, requests: np.ndarray, replies: int) -> np.ndarray:
        self.model.send("access", requests)
        self.model.run(receive={"reply": replies}, idle="idle", limit=1000 + 100 * len(requests))
        received = self.model.received("reply")[:, 0]
        if len(received) != replies:
            raise RanvierError(f"Trainer must send {replies} replies, not {len(received)}")
        return received
