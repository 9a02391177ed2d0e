"""The configuration of a build: TOML in, validated by pydantic. ``ranvier init`` prints these fields and docstrings."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, field_validator, model_validator

from ranvier.golden.neurons.lif import Comparison, CurrentTiming, Reset, ResetTiming
from ranvier.golden.program import MAX_WEIGHT_WIDTH

from .core_neuron import CoreNeuron
from .decoder import Decoding
from .encoder import Encoder
from .errors import RanvierError
from .identifiers import LONGEST, RESERVED, identifier
from .mapping.config import Mesh
from .section import Section
from .synapses import Synapses
from .training.config import Training

PRESETS = Path(__file__).parent / "presets"
MAX_STATE_WIDTH = 32
MAX_SIDE = 1 << 13  # of a blank core's matrix of weights


class Discretisation(Section):
    """How continuous time becomes steps. What is left out takes the default of the framework."""

    framework: Literal["nir", "snntorch", "norse", "spikingjelly", "sinabs"] = "nir"
    """The framework that wrote the model: it sets the default of everything below."""
    dt_s: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None
    """Length of a time step in seconds."""
    method: Literal["euler", "exponential"] | None = None
    """Decay of a step: euler 1 - dt/tau, exponential exp(-dt/tau)."""
    tau: Literal["seconds", "times_dt"] | None = None
    """How the file gives time constants: in seconds, or times dt_s as Norse's exporter writes them, which also leaves
    out that a synaptic current takes its input whole."""
    comparison: Comparison | None = None
    """A neuron fires when its membrane potential is greater than the threshold, or also when it equals it."""
    reset: Reset | None = None
    """After a spike: hard sets the reset value, soft subtracts the threshold, none leaves the potential."""
    reset_timing: ResetTiming | None = None
    """Whether the reset acts in the step of the spike or in the one after."""
    current_timing: CurrentTiming | None = None
    """Whether the membrane integrates the synaptic current of this step or of the one before (CubaLI, CubaLIF)."""


class Quantisation(Section):
    """Integer formats."""

    weight_width: int = Field(default=8, ge=1, le=MAX_WEIGHT_WIDTH)
    """Bits of a weight; 1 means -1 or +1."""
    weight_fraction: int | None = Field(default=None, ge=0, le=24)
    """How many of them are fraction: the scale of all layers; left out: each layer's own, of the least error. An
    attention has none: its products count as they are, and its scale goes into the threshold behind it."""
    per_channel: bool = False
    """A scale for each channel of a convolution, and each neuron behind a matrix, instead of one for the layer: fewer
    bits of weight are lost, and thresholds lie in memory. A readout, whose neurons are compared, keeps one."""
    state_width: int | None = Field(default=None, ge=2, le=MAX_STATE_WIDTH)
    """Bits of membrane potential and synaptic current, saturating; left out: as many as cannot overflow."""
    input_levels: int = Field(default=1, ge=1, le=255)
    """Greatest value of an input in a step: a graded spike of 3 is three events, and adds its weights three times."""
    decay_fraction_bits: int = Field(default=8, ge=1, le=16)
    """Fraction bits of a decay factor that is not of the form 1 - 2**-k."""
    steps: int = Field(default=16, ge=1, le=1 << 16)
    """Time steps of a sample; widths that cannot overflow are derived for them."""


class Hardware(Section):
    """How the cores are built."""

    lanes: int | list[int] = 4
    """Neurons updated in a cycle: one number, the most that a layer gets, or a list with one for each layer. Those of a
    convolution must divide the filters of a group, or be the filters of some groups."""
    synapses: Synapses | list[Synapses] = "dense"
    """dense: a weight for each axon and neuron; sparse: those that are not 0, and an event takes as many cycles as
    its fullest lane has of them; smaller: of each layer what takes fewer bits. One, or a list with one for each
    layer. Convolutions are neither: their weights are stored once."""
    programmable: bool = False
    """Parameters in memory even where all neurons share them (of a convolution once a channel), so that others can be
    loaded: biases of all bits of the state, and decays as factors of decay_fraction_bits. What does not fit state_width
    saturates."""

    @field_validator("lanes", mode="before")
    @classmethod
    def _positive(cls, lanes: object) -> object:
        numbers = lanes if isinstance(lanes, list) else [lanes]
        if not numbers or not all(type(number) is int and number >= 1 for number in numbers):
            raise ValueError("must be a number from 1 up, or a list with one for each layer")
        return lanes


class Stimulus(Section):
    """What the network is run on."""

    file: Path | None = None
    """.npz with spikes [samples, steps, inputs] and, if known, labels [samples]; .npy; or NIR data. With an encoder:
    .npz with values [samples, inputs], or x, y, p, t and sample of a camera's events (docs/codes.md)."""
    rate: float = Field(default=0.1, ge=0, le=1)
    """Spikes per input and step of random samples, where there is no file."""


class BlankCore(Section):
    """A core without a network: random weights, for its user to replace through the load port."""

    axons: int = Field(ge=1, le=MAX_SIDE)
    """Inputs."""
    neurons: int = Field(ge=1, le=MAX_SIDE)
    """Neurons."""
    threshold: PositiveInt | None = None
    """Firing threshold of LIF neurons, in units of the weights."""
    leak_shift: int | None = Field(default=None, ge=0, le=MAX_STATE_WIDTH - 1)
    """Each step keeps 1 - 2**-leak_shift of their membrane potential."""
    comparison: Comparison = "greater_equal"
    """As in discretisation."""
    reset: Reset = "hard"
    """As in discretisation; a hard reset sets zero."""
    neuron: CoreNeuron | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "BlankCore":
        leaky = [self.threshold, self.leak_shift]
        if leaky.count(None) != (0 if self.neuron is None else 2):
            raise ValueError("either 'threshold' and 'leak_shift', or a 'neuron' must be given")
        beside = sorted(self.model_fields_set & {"comparison", "reset"})
        if self.neuron is not None and beside:
            raise ValueError(f"a 'neuron' has no '{beside[0]}' beside it: its values say what it does")
        return self


class Configuration(Section):
    """One build: a model file, a blank core or a training, and how to turn it into hardware."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=LONGEST)
    """Name of the build folder and of the top module: lower-case letters, digits and _."""
    model: Path | None = None
    """The network, as a .nir file."""
    core: BlankCore | None = None
    discretisation: Discretisation = Discretisation()
    quantisation: Quantisation = Quantisation()
    hardware: Hardware = Hardware()
    stimulus: Stimulus = Stimulus()
    encoder: Encoder | None = None
    decoder: Decoding | None = None
    mesh: Mesh | None = None
    training: Training | None = None

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError("must not be a word that Verilog or every chip uses; choose another")
        return name

    @model_validator(mode="after")
    def _one_source(self) -> "Configuration":
        if [self.model, self.core, self.training].count(None) != 2:
            raise ValueError("exactly one of 'model', 'core' and 'training' must be given")
        if self.training is not None and self.mesh is not None:
            raise ValueError("a 'training' has no 'mesh': it runs on a trainer")
        if self.encoder is not None and (self.training is not None or self.mesh is not None):
            raise ValueError("an 'encoder' is for one chip of a network: neither for a 'training' nor for a 'mesh'")
        return self


def load_configuration(source: str) -> Configuration:
    """Configuration of a ``.toml`` file, a ``.nir`` file (with the ``.toml`` beside it, if any) or a preset.

    Paths inside are relative to the file and come back absolute. Raises RanvierError.
    """
    path = given = Path(source)
    if path.suffix == ".nir":
        beside = path.with_suffix(".toml")
        if not beside.exists():
            return Configuration(name=identifier(path.stem, "network"), model=path.absolute())
        path = beside
    elif path.suffix != ".toml":
        path = PRESETS / f"{source}.toml"
        if Path(source).name != source or not path.exists():
            names = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
            raise RanvierError(f"MODEL must be a .toml file, a .nir file or a preset ({names}), not '{source}'")
    configuration = _parse(path)
    folder = path.absolute().parent
    stimulus = configuration.stimulus
    if stimulus.file is not None:
        stimulus = stimulus.model_copy(update={"file": folder / stimulus.file})
    model = None if configuration.model is None else folder / configuration.model
    if given.suffix == ".nir" and (model is None or model.resolve() != given.resolve()):
        source = "a training" if configuration.core is None else "a blank core"
        other = source if model is None else f"the model {configuration.model}"
        raise RanvierError(f"Configuration {path} beside {given} is of {other}; name the one that is meant, or move it")
    training = None if configuration.training is None else configuration.training.beside(folder)
    return configuration.model_copy(update={"stimulus": stimulus, "model": model, "training": training})


def _parse(path: Path) -> Configuration:
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RanvierError(f"Configuration {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RanvierError(f"Configuration {path} must be UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RanvierError(f"Configuration {path} is not TOML: {error}") from None
    try:
        return Configuration.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        value = repr(first["input"])
        value = value if len(value) <= 60 else f"{value[:57]}..."
        message = first["msg"].removeprefix("Value error, ")
        raise RanvierError(f"Configuration {path}: {where}: {message}; got {value}") from None
