"""A MODEL argument resolved: configuration, network, integers and the chip for them."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ranvier.golden.decoding.registry import Decoder
from ranvier.golden.program import Program
from ranvier.hw.config import ChipConfig, chip_config

from .accuracy import QuantisationReport, measure
from .blank import blank_program
from .config import Configuration, load_configuration
from .decoder import decoder_for
from .encoder import build_code
from .errors import RanvierError
from .network import Network, channels_last
from .quantize import quantize
from .readers import read_network
from .stimulus import RANDOM_SAMPLES, Samples, load_stimulus
from .synapses import sparse_layers
from .values import load_values


@dataclass(frozen=True)
class Design:
    """``network`` and ``report`` are None for a blank core."""

    configuration: Configuration
    network: Network | None
    report: QuantisationReport | None
    program: Program
    chip: ChipConfig

    @cached_property
    def measured(self) -> Samples:
        """The stimulus that the report and the manifest are measured on."""
        return self.samples(seed=0)

    @property
    def decoder(self) -> Decoder:
        """What reads the answers, on the chip only where the configuration has one."""
        return decoder_for(self.program, self.configuration.decoder)

    @property
    def nodes(self) -> dict[str, str]:
        """The model's own name of each layer's node, by the layer's name."""
        if self.network is None:
            return {layer.name: layer.name for layer in self.program.layers}
        return {layer.name: layer.node for layer in self.network.layers}

    def in_model_order(self, layer: str, values: np.ndarray) -> np.ndarray:
        """``values`` ``[…, neurons]`` of a layer as the model numbers them: channels first."""
        shape = () if self.network is None else {each.name: each.shape for each in self.network.layers}[layer]
        return values[..., np.argsort(channels_last(shape))] if shape else values

    def samples(self, seed: int, file: Path | None = None, random_samples: int = RANDOM_SAMPLES) -> Samples:
        """The stimulus: of ``file``, else that of the configuration; all of a file, or so many random samples."""
        stimulus = self.configuration.stimulus
        if file is not None:
            stimulus = stimulus.model_copy(update={"file": file})
        dt_s = None if self.network is None else self.network.dt_s
        steps = self.configuration.quantisation.steps
        inputs, outputs = self.program.inputs, self.program.outputs
        shape = () if self.network is None else self.network.shape
        levels = self.program.levels
        if self.chip.encoder is not None:
            return load_values(stimulus, self.chip.encoder, shape, seed, random_samples, outputs)
        samples = load_stimulus(stimulus, inputs, steps, seed, dt_s, random_samples, outputs, shape, levels)
        return replace(samples, spikes=samples.spikes[..., channels_last(shape)]) if shape else samples


def load_design(source: str) -> Design:
    """Read, quantise and measure the design that a MODEL argument names. Raises RanvierError."""
    configuration = load_configuration(source)
    if configuration.training is not None:
        raise RanvierError(
            f"Model {source} is yet to be trained: 'ranvier train {source}' does it, and leaves a .nir file to run"
        )
    quantisation, hardware = configuration.quantisation, configuration.hardware
    network: Network | None = None
    if configuration.core is not None:
        program = blank_program(configuration.name, configuration.core, quantisation, hardware.programmable)
    else:
        assert configuration.model is not None  # the configuration has one of the two
        network = read_network(configuration.model, configuration.discretisation)
        network = _named(network, configuration.name)
        program = quantize(network, quantisation, hardware.programmable)
    try:
        sparse = sparse_layers(program, hardware.lanes, hardware.synapses)
        chip = chip_config(program, hardware.lanes, sparse)
        if configuration.decoder is not None:
            chip = replace(chip, decoder=decoder_for(program, configuration.decoder))
    except ValueError as error:
        raise RanvierError(f"Design {configuration.name}: {error}") from None
    if configuration.encoder is not None:
        shape = () if network is None else network.shape
        code = build_code(configuration.encoder, program.inputs, shape, program.steps, program.levels)
        chip = replace(chip, encoder=code)
    design = Design(configuration, network, None, program, chip)
    if network is None:
        return design
    return replace(design, report=measure(network, program, design.measured, design.decoder))


def _named(network: Network, name: str) -> Network:
    """``network`` called ``name``, and no layer of it called the same: simulators confuse the two."""
    names = {layer.name for layer in network.layers}
    other = f"{name}_layer"
    while other in names:
        other += "_layer"
    layers = tuple(replace(layer, name=other) if layer.name == name else layer for layer in network.layers)
    return replace(network, name=name, layers=layers)
