"""Train 784 inputs, 2,048 spiking neurons and 10 integrators on MNIST, to be spread over a mesh of cores.

    python scripts/train_mnist_wide.py [--output FOLDER] [--force]

Writes mnist_wide.nir, .toml and .npz (100 test images as spikes) into FOLDER, build/mnist_wide if none is given. MNIST
is what scripts/fetch_mnist.py got. Images are coded, and neurons are, as in scripts/train_digits.py; one pass over the
first 20,000 training images takes some two minutes on one core.
"""

import sys
from collections import OrderedDict
from pathlib import Path

import nir
import numpy as np
import torch
import train_digits as digits
from rich.progress import track
from snntorch.export_nir import export_to_nir

from ranvier.gen.training.data import MNIST

INPUTS, HIDDEN, CLASSES = 784, 2048, 10
IMAGES, BATCH, LEARNING_RATE = 20_000, 100, 1e-3
TESTED, STIMULUS = 2_000, 100
TOML = f"""\
# MNIST: {INPUTS} inputs, {HIDDEN} spiking neurons, {CLASSES} leaky integrators. Made by scripts/train_mnist_wide.py.
name = "mnist_wide"
model = "mnist_wide.nir"

[discretisation]
framework = "snntorch"
dt_s = 1e-4
method = "euler"
comparison = "greater"
reset = "hard"
reset_timing = "same_step"

[quantisation]
weight_width = 6
steps = {digits.STEPS}

[hardware]
lanes = [16, 2]

[stimulus]
file = "mnist_wide.npz"
"""


def build() -> torch.nn.Sequential:
    """As in train_digits, of other sizes."""
    return torch.nn.Sequential(
        OrderedDict(
            synapses1=torch.nn.Linear(INPUTS, HIDDEN),
            hidden=digits.leaky(HIDDEN, digits.BETA_HIDDEN, "zero"),
            synapses2=torch.nn.Linear(HIDDEN, CLASSES),
            readout=digits.leaky(CLASSES, digits.BETA_READOUT, "none"),
        )
    )


def spikes(images: np.ndarray) -> torch.Tensor:
    """Images 0..255 as rate-coded spikes of 17 levels, bool ``[samples, steps, 784]``."""
    levels = (images.reshape(len(images), -1).astype(np.int64) * 16 + 127) // 255
    return digits.encode(torch.from_numpy(levels))


def train(network: torch.nn.Sequential, images: np.ndarray, labels: np.ndarray) -> None:
    """One pass over the images."""
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for batch in track(torch.randperm(len(labels)).split(BATCH), description="training"):
        membrane, activity = digits.run(network, spikes(images[batch.numpy()]).float())
        loss = torch.nn.functional.cross_entropy(digits.TEMPERATURE * membrane, torch.from_numpy(labels[batch.numpy()]))
        optimiser.zero_grad()
        (loss + digits.ACTIVITY_COST * activity).backward()
        optimiser.step()


def main() -> None:
    """Train and write the three files."""
    suffixes = ("nir", "toml", "npz")
    files = digits.chosen_files("mnist_wide", suffixes, "Train 784-2048-10 on MNIST.", Path("build/mnist_wide"))
    if not MNIST.exists():
        print("train_mnist_wide: MNIST must be here: run python scripts/fetch_mnist.py first", file=sys.stderr)
        sys.exit(2)
    files[0].parent.mkdir(parents=True, exist_ok=True)
    with np.load(MNIST) as data:
        images, labels = data["train_images"][:IMAGES], data["train_labels"][:IMAGES].astype(np.int64)
        test, answers = data["test_images"][:TESTED], data["test_labels"][:TESTED].astype(np.int64)
    torch.manual_seed(digits.SEED)
    network = build()
    train(network, images, labels)
    with torch.no_grad():
        parts = [digits.run(network, spikes(part).float()) for part in np.array_split(test, 10)]
    right = int((torch.cat([membrane for membrane, _ in parts]).argmax(1).numpy() == answers).sum())
    fired = float(np.mean([float(activity) for _, activity in parts])) * HIDDEN * digits.STEPS
    print(f"test: accuracy {100 * right / TESTED:.2f} % of {TESTED}, hidden spikes an image: {fired:.1f}")

    graph = export_to_nir(network, torch.zeros(INPUTS))
    lif = graph.nodes["readout"]
    nodes = graph.nodes | {"readout": nir.LI(tau=lif.tau, r=lif.r, v_leak=lif.v_leak)}
    with digits.written(files) as (model, configuration, stimulus):
        graph = nir.NIRGraph(nodes={name: nodes[name] for name in sorted(nodes)}, edges=sorted(graph.edges))
        nir.write(model, graph)
        configuration.write_text(TOML)
        digits.save_samples(stimulus, spikes(test[:STIMULUS]), torch.from_numpy(answers[:STIMULUS]))


if __name__ == "__main__":
    main()
