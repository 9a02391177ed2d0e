"""The configuration of a build: TOML in, validated by pydantic."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from ranvier.golden.neuron import Comparison, CurrentTiming, Reset, ResetTiming

from .errors import RanvierError

PRESETS = Path(__file__).parent / "presets"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Discretisation(_Section):
    """How continuous time became steps; None means the default of ``framework``."""

    framework: Literal["nir", "snntorch", "norse", "spikingjelly", "sinabs"] = "nir"
    dt_s: PositiveFloat | None = None
    method: Literal["euler", "exponential"] | None = None
    comparison: Comparison | None = None
    reset: Reset | None = None
    reset_timing: ResetTiming | None = None
    current_timing: CurrentTiming | None = None


class Quantisation(_Section):
    """Integer formats: widths in bits; ``state_width`` None derives one that cannot overflow."""

    weight_width: int = Field(8, ge=1, le=16)
    state_width: int | None = Field(None, ge=2, le=32)
    decay_fraction_bits: int = Field(8, ge=1, le=16)
    steps: PositiveInt = 16


class Hardware(_Section):
    """``lanes``: neurons updated per cycle, one number or one for each layer. ``programmable``:
    parameters in memory even where all neurons share them."""

    lanes: PositiveInt | list[PositiveInt] = 4
    programmable: bool = False


class Stimulus(_Section):
    """``file``: ``.npz`` with ``spikes`` [samples, steps, inputs] and optional ``labels`` [samples];
    without it, random spikes at ``rate`` per input and step."""

    file: Path | None = None
    rate: float = Field(0.1, ge=0, le=1)


class BlankCore(_Section):
    """A core without a network: random weights, to be loaded by its user; a leak of ``1 - 2**-leak_shift``."""

    axons: PositiveInt
    neurons: PositiveInt
    threshold: PositiveInt
    leak_shift: int = Field(ge=0, le=31)
    comparison: Comparison = "greater_equal"
    reset: Reset = "hard"


class Configuration(_Section):
    """One build: a ``model`` file or a blank ``core``, and how to turn it into hardware."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    model: Path | None = None
    core: BlankCore | None = None
    discretisation: Discretisation = Discretisation()
    quantisation: Quantisation = Quantisation()
    hardware: Hardware = Hardware()
    stimulus: Stimulus = Stimulus()

    @model_validator(mode="after")
    def _one_source(self) -> "Configuration":
        if (self.model is None) == (self.core is None):
            raise ValueError("exactly one of 'model' and 'core' must be given")
        return self


def load_configuration(source: str) -> Configuration:
    """Configuration of a ``.toml`` file, a ``.nir`` file (with the ``.toml`` beside it, if any) or a preset.

    Paths inside are relative to the file and come back absolute. Raises RanvierError.
    """
    path = Path(source)
    if path.suffix == ".nir":
        beside = path.with_suffix(".toml")
        if not beside.exists():
            name = "".join(c if c.isalnum() else "_" for c in path.stem.lower()).lstrip("_0123456789") or "network"
            return Configuration(name=name, model=path.absolute())
        path = beside
    elif path.suffix != ".toml":
        path = PRESETS / f"{source}.toml"
        if not path.exists():
            names = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
            raise RanvierError(f"MODEL must be a .toml file, a .nir file or a preset ({names}), not '{source}'")
    try:
        fields = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise RanvierError(f"Configuration {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise RanvierError(f"Configuration {path} is not TOML: {error}") from None
    try:
        configuration = Configuration.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RanvierError(f"Configuration {path}: {where}: {first['msg']}; got {first['input']!r}") from None
    folder = path.absolute().parent
    stimulus = configuration.stimulus
    if stimulus.file is not None:
        stimulus = stimulus.model_copy(update={"file": folder / stimulus.file})
    model = None if configuration.model is None else folder / configuration.model
    return configuration.model_copy(update={"stimulus": stimulus, "model": model})
