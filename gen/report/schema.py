"""What the report relies on in the JSON files of a build folder, so that a damaged file is found before it is drawn."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

Share = Annotated[float, Field(ge=0, le=1)]
Nanoseconds = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    """Fields that are not named here are not looked at."""

    model_config = ConfigDict(strict=True)


class _Layer(_Part):
    name: str
    axons: PositiveInt
    neurons: PositiveInt
    lanes: PositiveInt
    groups: PositiveInt
    shape: list[PositiveInt]
    sources: list[list[int]]
    synapses: str
    delays: NonNegativeInt
    non_zero: NonNegativeInt
    weight_width: PositiveInt
    state_width: PositiveInt
    accumulator_width: PositiveInt
    spiking: bool


class _Region(_Part):
    layer: str
    memory: str
    base: NonNegativeInt
    words: NonNegativeInt
    width: NonNegativeInt
    file: str


class _Deviation(_Part):
    name: str
    scale: float
    typical: float
    alone: float
    chained: float
    agreement: float
    rate: float
    saturations: NonNegativeInt


class _Quantisation(_Part):
    samples: PositiveInt
    steps: PositiveInt
    float_accuracy: Share | None
    integer_accuracy: Share | None
    same_decision: Share
    layers: list[_Deviation]


class Manifest(_Part):
    """``manifest.json``, of :mod:`..manifest`."""

    name: str
    hash: str
    tools: dict[str, str]
    configuration: dict[str, Any]
    quantisation: _Quantisation | None = None
    layers: list[_Layer]
    memory_map: list[_Region]


class _Compared(_Part):
    spikes: NonNegativeInt
    membranes: NonNegativeInt
    output_events: NonNegativeInt


class _Mismatch(_Part):
    where: str
    sample: int
    step: int
    what: str
    expected: Any
    got: Any


class _Cycles(_Part):
    minimum: PositiveInt
    mean: PositiveFloat
    maximum: PositiveInt


class _Metrics(_Part):
    decoder: str
    accuracy: Share | None
    latency_steps: PositiveFloat | None
    never_right: NonNegativeInt | None
    exit_steps: PositiveFloat
    exit_accuracy: Share | None
    firing_rate: Share | None
    sparsity: Share | None
    spikes: NonNegativeFloat
    input_spikes: NonNegativeFloat
    energy_pj: NonNegativeFloat
    duty_cycle: Share | None


class Simulation(_Part):
    """``sim.json``, which ``ranvier sim`` writes."""

    simulator: str
    samples: PositiveInt
    compared: _Compared
    mismatch: _Mismatch | None
    hung: str | None
    cycles: _Cycles | None
    event_utilisation: Share | None
    latencies: list[int]
    predicted: list[int]
    accuracy_golden: Share | None
    accuracy_rtl: Share | None
    labels: list[NonNegativeInt] | None
    predictions: list[NonNegativeInt]
    metrics: _Metrics | None


class _Site(_Part):
    used: NonNegativeInt
    available: NonNegativeInt


class _Hop(_Part):
    instance: str
    signal: str
    cells: dict[str, int]
    logic_ns: Nanoseconds
    routing_ns: Nanoseconds
    source: str | None
    inside: bool


class Synthesis(_Part):
    """``synth_<target>.json``, of :mod:`..synth`."""

    target: str
    device: str
    cells: dict[str, NonNegativeInt]
    utilisation: dict[str, _Site]
    fmax_mhz: dict[str, PositiveFloat]
    fmax_median_mhz: PositiveFloat
    critical_path: list[_Hop]
    notes: list[str]
