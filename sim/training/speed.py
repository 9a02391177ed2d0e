"""How fast simulations of a trainer are, every value compared: ``python -m ranvier.sim.training.speed``."""

import functools
import time
from dataclasses import dataclass

import numpy as np

from ranvier.gen.errors import RanvierError
from ranvier.gen.training.coding import Course
from ranvier.gen.training.images import Samples
from ranvier.gen.training.plan import load_plan
from ranvier.golden.train.bptt import TrainingState
from ranvier.hw.train.config import TrainerConfig

from ..compiled import CompiledModel
from ..cosim import CosimModel
from ..simulation import Simulator
from .compare import Comparison
from .device import TrainerDevice

PRESET = "train_digits"
COUNT = 10  # samples
SIMULATORS: dict[str, Simulator] = {
    "icarus": functools.partial(CosimModel, simulator="icarus"),
    "verilator": functools.partial(CosimModel, simulator="verilator"),
    "compiled": CompiledModel,
}


@dataclass(frozen=True)
class Speed:
    """What learning from some samples took, golden and comparisons included; building the simulation is not."""

    cycles: int
    cpu_seconds: float
    compared: int

    @property
    def cycles_per_second(self) -> float:
        return self.cycles / self.cpu_seconds


def measure(config: TrainerConfig, samples: Samples, simulator: Simulator) -> Speed:
    """Load a state, learn from ``samples``, read the state, and compare all of it.

    Raises RanvierError where a value differs.
    """
    device = TrainerDevice(config, simulator=simulator)
    state = TrainingState.fresh(config.setup, 1)
    cycles, cpu = device.model.cycles, _cpu_seconds(device)
    comparison = Comparison(device, state)
    comparison.run(samples)
    comparison.check_state()
    speed = Speed(device.model.cycles - cycles, _cpu_seconds(device) - cpu, comparison.tally.total)
    if comparison.tally.wrong:
        raise RanvierError(f"Trainer must equal golden: {comparison.tally.first}")
    return speed


def first_samples(preset: str, count: int) -> tuple[TrainerConfig, Samples]:
    """The trainer of a preset, and the first batch that it learns."""
    plan = load_plan(preset)
    course = Course(plan.data, plan.setup.steps, plan.training.seed, 0, plan.training.shifted).part(0, count)
    end = np.arange(count) == count - 1
    return plan.config, Samples(course.spikes, course.labels, np.ones(count, bool), end, np.full(count, plan.rates.top))


def _cpu_seconds(device: TrainerDevice) -> float:
    """Of this process, and of the simulator's own if it has one."""
    model = device.model
    return time.process_time() + (model.cpu_seconds if isinstance(model, CosimModel) else 0.0)


def main() -> None:
    config, samples = first_samples(PRESET, COUNT)
    speeds = {name: measure(config, samples, simulator) for name, simulator in SIMULATORS.items()}
    for name, speed in speeds.items():
        ratio = speed.cycles_per_second / speeds["icarus"].cycles_per_second
        print(
            f"{PRESET}, {COUNT} samples, {name}: {speed.cycles:,} cycles, {speed.compared:,} values equal,"
            f" {speed.cycles_per_second:,.0f} cycles a second of CPU time, {ratio:.1f} times Icarus"
        )


if __name__ == "__main__":
    main()
