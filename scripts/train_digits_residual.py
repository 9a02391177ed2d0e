"""Train a residual convolutional network on the digits and write the preset: digits_residual.nir, digits_residual.toml.

    python scripts/train_digits_residual.py [--output FOLDER] [--force]

Images, their split, their rate code and digits.npz are those of scripts/train_digits.py. The residual block adds spikes
(SEW-ADD: Fang et al., NeurIPS 2021):

    stem    8 x 8 x 8    3x3 convolution of the input
    block   8 x 8 x 8    3x3 convolution of the stem
    down    4 x 4 x 16   3x3 convolution of stride 2 of the spikes of stem and block together: 0, 1 or 2 each
    readout 10           leaky integrators; the answer is the one with the greatest sum of membrane potentials

In NIR the sum is two edges into one Conv2d. Training takes two minutes; seeds, order and threads are fixed.
"""

from collections import OrderedDict
from itertools import pairwise

import nir
import numpy as np
import torch
import train_digits
from rich.progress import track
from snntorch import Leaky
from snntorch.surrogate import fast_sigmoid
from train_digits import BETA_HIDDEN, BETA_READOUT, CLASSES, DT_S, STEPS, TEMPERATURE, WEIGHT_DECAY, encode

NARROW, WIDE, KERNEL = 8, 16, 3
SHAPES = {"stem": (NARROW, 8, 8), "block": (NARROW, 8, 8), "down": (WIDE, 4, 4), "readout": (CLASSES,)}
FEATURES = int(np.prod(SHAPES["down"]))
SLOPE = 10
EPOCHS, BATCH, LEARNING_RATE = 60, 32, 8e-3
ACTIVITY_COST = 0.1  # of the hidden spikes a neuron and step

TOML = f"""\
# Handwritten digits: a residual network of {sum(int(np.prod(shape)) for shape in SHAPES.values())} neurons.
# Made by scripts/train_digits_residual.py.
name = "digits_residual"
model = "digits_residual.nir"

[discretisation]                # snnTorch's Leaky; NIR does not carry these
framework = "snntorch"
dt_s = {DT_S}                   # what the time constants were divided by
method = "euler"
comparison = "greater"
reset = "hard"                  # reset_mechanism="zero"
reset_timing = "same_step"      # reset_delay=False

[quantisation]
weight_width = 8
steps = {STEPS}

[hardware]
lanes = [8, 8, 8, 2]            # of the convolutions one for each of 8 channels

[stimulus]
file = "digits.npz"             # the test images as spikes, with their labels
"""


def build() -> torch.nn.ModuleDict:
    """Synapses and neurons; the names become those of the NIR nodes."""
    return torch.nn.ModuleDict(
        OrderedDict(
            synapses1=torch.nn.Conv2d(1, NARROW, KERNEL, padding=1),
            stem=leaky(BETA_HIDDEN, "zero"),
            synapses2=torch.nn.Conv2d(NARROW, NARROW, KERNEL, padding=1),
            block=leaky(BETA_HIDDEN, "zero"),
            synapses3=torch.nn.Conv2d(NARROW, WIDE, KERNEL, stride=2, padding=1),
            down=leaky(BETA_HIDDEN, "zero"),
            synapses4=torch.nn.Linear(FEATURES, CLASSES),
            readout=leaky(BETA_READOUT, "none"),
        )
    )


def leaky(beta: float, reset: str) -> Leaky:
    """Neurons of any shape with a threshold of 1 and one decay, reset in the step of their spike."""
    return Leaky(beta, 1.0, fast_sigmoid(slope=SLOPE), reset_mechanism=reset, reset_delay=False)


def over_time(neurons: Leaky, drive: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes and membrane potentials for ``drive``, all ``[steps, samples, ...]``."""
    membrane, spikes, membranes = torch.zeros_like(drive[0]), [], []
    for step in drive:
        fired, membrane = neurons(step, membrane)
        spikes.append(fired)
        membranes.append(membrane)
    return torch.stack(spikes), torch.stack(membranes)


def run(network: torch.nn.ModuleDict, spikes: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Spikes ``[samples, steps, 64]`` to the mean of the readout's membrane potential over the steps,
    ``[samples, 10]``, and the spikes a sample of each layer."""
    samples, steps, _ = spikes.shape
    counts = {}

    def layer(synapses: str, name: str, signal: torch.Tensor) -> torch.Tensor:
        drive = network[synapses](signal.flatten(0, 1)).unflatten(0, (steps, samples))
        fired, _ = over_time(network[name], drive)
        counts[name] = fired.sum() / samples
        return fired

    stem = layer("synapses1", "stem", spikes.transpose(0, 1).reshape(steps, samples, 1, 8, 8))
    block = layer("synapses2", "block", stem)
    down = layer("synapses3", "down", stem + block)
    _, membranes = over_time(network["readout"], network["synapses4"](down.flatten(2)))
    return membranes.mean(0), counts


def train(network: torch.nn.ModuleDict, pixels: torch.Tensor, labels: torch.Tensor) -> None:
    """Surrogate-gradient descent over EPOCHS."""
    cells = STEPS * sum(int(np.prod(shape)) for name, shape in SHAPES.items() if name != "readout")
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in track(range(EPOCHS), description="training"):
        for batch in torch.randperm(len(labels)).split(BATCH):
            membrane, counts = run(network, encode(train_digits.shift_some(pixels[batch])).float())
            loss = torch.nn.functional.cross_entropy(TEMPERATURE * membrane, labels[batch])
            optimiser.zero_grad()
            (loss + ACTIVITY_COST * sum(counts.values()) / cells).backward()
            optimiser.step()
        schedule.step()


@torch.no_grad()
def describe(network: torch.nn.ModuleDict, pixels: torch.Tensor, labels: torch.Tensor) -> str:
    """Accuracy and numbers of spikes, as one line."""
    spikes = encode(pixels)
    membrane, counts = run(network, spikes.float())
    right = int((membrane.argmax(1) == labels).sum())
    numbers = {"input": spikes.sum() / len(labels)} | counts
    listed = ", ".join(f"{count:.1f} {name}" for name, count in numbers.items())
    return f"accuracy {100 * right / len(labels):.2f} % ({right} of {len(labels)}), spikes an image: {listed}"


def export(network: torch.nn.ModuleDict) -> nir.NIRGraph:
    """The network as NIR, sorted by name."""
    nodes = {"input": nir.Input(np.array([1, 8, 8])), "output": nir.Output(np.array([CLASSES]))}
    nodes["flatten"] = nir.Flatten({"input": np.array(SHAPES["down"])}, start_dim=0)
    for name, module in network.items():
        if isinstance(module, Leaky):
            nodes[name] = train_digits.exported(float(module.beta), SHAPES[name], spiking=name != "readout")
            continue
        weight, bias = module.weight.detach().numpy(), module.bias.detach().numpy()
        nodes[name] = nir.Affine(weight, bias)
        if isinstance(module, torch.nn.Conv2d):
            nodes[name] = nir.Conv2d((8, 8), weight, module.stride, module.padding, module.dilation, 1, bias)
    chain = ["input", *list(network)[:-2], "flatten", *list(network)[-2:], "output"]
    edges = [*pairwise(chain), ("stem", "synapses3")]
    return nir.NIRGraph(nodes={name: nodes[name] for name in sorted(nodes)}, edges=sorted(edges))


def main() -> None:
    """Train and write the two files."""
    description = "Train the residual digits network and write the preset."
    files = train_digits.chosen_files("digits_residual", ("nir", "toml"), description)
    train_digits.begin()
    network, (training, test) = build(), train_digits.load_split()
    train(network, *training)
    print(f"training: {describe(network, *training)}\ntest:     {describe(network, *test)}")

    with train_digits.written(files) as (model, configuration):
        nir.write(model, export(network))
        configuration.write_text(TOML)


if __name__ == "__main__":
    main()
