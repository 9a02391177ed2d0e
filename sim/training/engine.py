"""The RTL as the engine of a training: see :mod:`ranvier.gen.training.engine`."""

from collections.abc import Mapping

import numpy as np

from ranvier.gen.errors import RanvierError
from ranvier.gen.training.engine import SATURATIONS, Outcome
from ranvier.gen.training.images import Samples
from ranvier.golden.train.bptt import TrainingState

from .device import BACKWARD, FORWARD, TrainerDevice
from .probes import layer_values

_CHUNK = 4  # enough that Python does not count, few enough to stop soon
_CYCLES = "_cycles"  # what the names of the counters of cycles end in


class RtlEngine:
    """Trains on ``device``, whose probes must be recorded; what golden counts is counted from them."""

    name = "rtl"

    def __init__(self, device: TrainerDevice) -> None:
        self._device, self._config = device, device.config
        # Overlapped samples must arrive together; between batches they wait for the update anyway.
        self.chunk = self._config.setup.batch if self._config.overlap else _CHUNK
        for unit in ("forward", "backward"):
            device.model.recorded(unit)  # what others did before
        self._counters = device.counters()

    def load(self, state: TrainingState) -> None:
        self._device.load(state)

    def save(self) -> TrainingState:
        return self._device.save()

    def learn(self, spikes: np.ndarray, labels: np.ndarray, *, end: bool, rate: int) -> Outcome:
        return self._run(Samples.to_learn(spikes, labels, end=end, rate=rate))

    def assess(self, spikes: np.ndarray, labels: np.ndarray) -> Outcome:
        count = len(labels)
        none = np.zeros(count, bool)
        return self._run(Samples(spikes, labels, none, none, np.ones(count, np.int64)))

    def _run(self, samples: Samples) -> Outcome:
        results = self._device.run(samples)
        if results.rejected.any():
            raise RanvierError(f"Trainer must learn from every sample, but rejected {int(results.rejected.sum())}")
        counted = self._counted()
        return Outcome(
            results.loss,
            results.prediction,
            np.array([np.count_nonzero(samples.spikes), *self._active("forward", FORWARD, "spikes")]),
            np.array(self._active("backward", BACKWARD, "membrane_gradients")),
            np.array([counted[f"{phase}_saturations"] for phase in SATURATIONS]),
            {name.removesuffix(_CYCLES): n for name, n in counted.items() if name.endswith(_CYCLES)},
        )

    def _counted(self) -> Mapping[str, int]:
        """What the counters, of 32 bits, have counted since the last time."""
        before, self._counters = self._counters, self._device.counters()
        return {name: (count - before[name]) % (1 << 32) for name, count in self._counters.items()}

    def _active(self, unit: str, names: tuple[str, ...], name: str) -> list[int]:
        """How many values of a probe are not 0, of each layer."""
        record = self._device.model.recorded(unit)[names.index(name)]
        width = 1 if name == "spikes" else self._config.setup.gradient_width
        values = layer_values(self._config, record, width, signed=name != "spikes", backwards=unit == "backward")
        return [int(np.count_nonzero(of_layer)) for of_layer in values]
