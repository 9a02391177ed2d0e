"""A training that a MODEL argument names, resolved: integers, hardware, rates, data."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ranvier import golden
from ranvier.golden.train.setup import TrainingSetup
from ranvier.hw.train.config import TrainerConfig

from ..config import load_configuration
from ..errors import RanvierError
from .config import Training
from .data import DataSet, load_data
from .setup import RatePlan, rate_plan, trainer_config


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that does not change in a training."""

    name: str
    training: Training
    config: TrainerConfig
    rates: RatePlan
    data: DataSet

    @property
    def setup(self) -> TrainingSetup:
        return self.config.setup

    @property
    def description(self) -> dict[str, Any]:
        """The ``[training]`` table as plain JSON values; of a data file only its name."""
        fields = self.training.model_dump(mode="json")
        return fields | {"data": Path(self.training.data).name}

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all that the trained weights depend on, the golden model's own text included."""
        left_out = ("data", "overlap", "recompute")
        fields = {key: value for key, value in self.description.items() if key not in left_out}
        facts = [fields, repr(self.setup), repr(self.rates), self.data.digest, _arithmetic()]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def _arithmetic() -> str:
    """SHA-256 of the golden model and of what hands it the samples."""
    digest = hashlib.sha256()
    folders = [Path(path) for path in golden.__path__]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    for path in [*paths, Path(__file__).with_name("coding.py"), Path(__file__).with_name("session.py")]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def load_plan(source: str, *, epochs: int | None = None, seed: int | None = None) -> TrainingPlan:
    """The training that ``source`` configures, with other ``epochs`` or another ``seed`` if given.

    Raises RanvierError.
    """
    configuration = load_configuration(source)
    if configuration.training is None:
        raise RanvierError(f"Model {source} must have a table [training] to be trained")
    given = {"epochs": epochs, "seed": seed}
    training = configuration.training.model_copy(update={key: n for key, n in given.items() if n is not None})
    name = configuration.name
    config = trainer_config(name, training)
    return TrainingPlan(name, training, config, rate_plan(name, training), load_data(name, training))
