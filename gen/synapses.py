"""Which organisation of synapses each layer of a program has."""

from typing import Literal

from ranvier.golden.program import Program
from ranvier.hw.config import core_config, most_lanes

Synapses = Literal["dense", "sparse", "smaller"]


def sparse_layers(program: Program, lanes: int | list[int], synapses: Synapses | list[Synapses]) -> list[bool]:
    """Whether each layer's synapses are sparse. Raises ValueError where ``synapses`` is a list of another length."""
    layers = program.layers
    choices = synapses if isinstance(synapses, list) else [synapses] * len(layers)
    if len(choices) != len(layers):
        raise ValueError(f"Synapses must be one word or one for each of the {len(layers)} layers, not {choices}")
    each = lanes if isinstance(lanes, list) else [most_lanes(layer, lanes) for layer in layers]
    if len(each) != len(layers):
        return [choice == "sparse" for choice in choices]  # chip_config refuses the lanes
    found = []
    for layer, count, choice in zip(layers, each, choices, strict=True):
        if layer.convolutions or layer.attention:  # which have no more weights than they need
            found.append(False)
        elif choice == "smaller" and layer.weight_width > 1 and count <= layer.neurons:
            bits = [
                sum(words * width for _, words, width in core_config(layer, count, sparse).memories)
                for sparse in (False, True)
            ]
            found.append(bits[1] < bits[0])
        else:
            found.append(choice == "sparse")
    return found
