"""Train the digits network with snnTorch and write the preset: digits.nir, digits.toml and digits.npz.

    python scripts/train_digits.py [--output FOLDER] [--force]

The data are scikit-learn's digits: 1797 real 8x8 images of handwritten digits, pixels 0..16. Within each
class, in the order of the data set, every fifth image (the first, the sixth, ...) is a test image.

An image becomes STEPS time steps by a rate code: a pixel of value p spikes in step t if and only if
``floor((t+1) * p / 16) > floor(t * p / 16)``, which spreads ``floor(STEPS * p / 16)`` spikes evenly.

64 inputs, 128 leaky integrate-and-fire neurons, 10 leaky integrators; the answer is the integrator with
the greatest sum of membrane potentials over the steps. Seeds, split and order are fixed, and one thread
computes, so that every run on one machine writes the same weights. It takes about half a minute.
"""

import argparse
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nir
import numpy as np
import snntorch
import torch
from rich.progress import track
from sklearn.datasets import load_digits
from snntorch.export_nir import export_to_nir
from snntorch.surrogate import fast_sigmoid

STEPS, INPUTS, HIDDEN, CLASSES = 8, 64, 128, 10
BETA_HIDDEN, BETA_READOUT = 1 - 2**-3, 1 - 2**-4  # hardware decays by a shift and a subtraction
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 80, 64, 2e-3, 1e-2
ACTIVITY_COST = 0.5  # of the hidden spikes a neuron and step: a spike that is not sent costs no cycles
SHIFTED = 0.3  # share of the training images that are moved by up to a pixel each way
TEMPERATURE = 4.0  # mean membrane potential to logit
SEED = 0
DT_S = 1e-4  # of a time step; NIR's time constants are in seconds
PRESET = Path(__file__).parent.parent / "gen" / "presets"

TOML = f"""\
# Handwritten digits: {INPUTS} inputs, {HIDDEN} spiking neurons, {CLASSES} leaky integrators.
# Made by scripts/train_digits.py, which says how the images became spikes.
name = "digits"
model = "digits.nir"

[discretisation]                # snnTorch's Leaky; NIR does not carry these
framework = "snntorch"
dt_s = 1e-4                     # what its exporter divides the time constants by
method = "euler"
comparison = "greater"
reset = "hard"                  # reset_mechanism="zero"
reset_timing = "same_step"      # reset_delay=False

[quantisation]
weight_width = 8
steps = {STEPS}

[hardware]
lanes = [8, 2]                  # an event costs 128/8 = 16 cycles in the first layer, 10/2 = 5 in the second

[stimulus]
file = "digits.npz"             # the test images as spikes, with their labels
"""


def build() -> torch.nn.Sequential:
    """The network, one step a call; its modules' names become those of the NIR nodes."""
    return torch.nn.Sequential(
        OrderedDict(
            synapses1=torch.nn.Linear(INPUTS, HIDDEN),
            hidden=leaky(HIDDEN, BETA_HIDDEN, "zero"),
            synapses2=torch.nn.Linear(HIDDEN, CLASSES),
            readout=leaky(CLASSES, BETA_READOUT, "none"),
        )
    )


def leaky(neurons: int, beta: float, reset: str) -> snntorch.Leaky:
    """Neurons with one threshold and one decay, reset in the step of their spike."""
    return snntorch.Leaky(
        beta=torch.full((neurons,), beta),  # the exporter needs one value for each neuron
        threshold=torch.ones(neurons),
        spike_grad=fast_sigmoid(slope=10),
        init_hidden=True,
        reset_mechanism=reset,
        reset_delay=False,
    )


def run(network: torch.nn.Sequential, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes ``[samples, steps, 64]`` to the mean of the readout's membrane potential over the steps,
    ``[samples, 10]``, and the mean of the hidden spikes over everything."""
    network.hidden.reset_mem()
    network.readout.reset_mem()
    membranes, activity = [], []
    for step in range(spikes.shape[1]):
        fired = network.hidden(network.synapses1(spikes[:, step]))
        network.readout(network.synapses2(fired))
        membranes.append(network.readout.mem)
        activity.append(fired.mean())
    return torch.stack(membranes).mean(0), torch.stack(activity).mean()


def encode(pixels: torch.Tensor) -> torch.Tensor:
    """Rate code: integer pixels 0..16 ``[samples, 64]`` to spikes bool ``[samples, steps, 64]``."""
    step = torch.arange(STEPS)[:, None]
    return (step + 1) * pixels[:, None] // 16 > step * pixels[:, None] // 16


def load_split() -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """(pixels, labels) of the training images and of the test images."""
    data = load_digits()
    pixels, labels = torch.from_numpy(data.data.astype(np.int64)), torch.from_numpy(data.target)
    test = torch.zeros(len(labels), dtype=torch.bool)
    for digit in range(CLASSES):
        test[torch.nonzero(labels == digit)[::5, 0]] = True
    return (pixels[~test], labels[~test]), (pixels[test], labels[test])


def shift_some(pixels: torch.Tensor) -> torch.Tensor:
    """Move a random share of the images ``[samples, 64]`` by -1, 0 or 1 pixel in x and in y."""
    samples = len(pixels)
    chosen = torch.rand(samples, 1) < SHIFTED
    offset = torch.where(chosen, torch.randint(0, 3, (samples, 2)), 1)
    padded = torch.nn.functional.pad(pixels.reshape(samples, 8, 8), (1, 1, 1, 1))
    rows, columns = (offset[:, axis, None] + torch.arange(8) for axis in (0, 1))
    return padded[torch.arange(samples)[:, None, None], rows[:, :, None], columns[:, None, :]].reshape(samples, 64)


def train(network: torch.nn.Sequential, pixels: torch.Tensor, labels: torch.Tensor) -> None:
    """Surrogate-gradient descent over EPOCHS."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in track(range(EPOCHS), description="training"):
        for batch in torch.randperm(len(labels)).split(BATCH):
            membrane, activity = run(network, encode(shift_some(pixels[batch])).float())
            loss = torch.nn.functional.cross_entropy(TEMPERATURE * membrane, labels[batch])
            optimiser.zero_grad()
            (loss + ACTIVITY_COST * activity).backward()
            optimiser.step()
        schedule.step()


@torch.no_grad()
def describe(network: torch.nn.Sequential, pixels: torch.Tensor, labels: torch.Tensor) -> str:
    """Accuracy and numbers of spikes, as one line."""
    spikes = encode(pixels)
    membrane, activity = run(network, spikes.float())
    right = int((membrane.argmax(1) == labels).sum())
    return (
        f"accuracy {100 * right / len(labels):.2f} % ({right} of {len(labels)}), spikes an image: "
        f"{spikes.sum() / len(labels):.1f} input, {activity * HIDDEN * STEPS:.1f} hidden"
    )


def export(network: torch.nn.Sequential) -> nir.NIRGraph:
    """The network as NIR. The exporter writes every Leaky as LIF; the readout never fires, so it is an LI.

    Sorted, because the exporter's order differs from run to run.
    """
    graph = export_to_nir(network, torch.zeros(INPUTS))
    lif = graph.nodes["readout"]
    nodes = graph.nodes | {"readout": nir.LI(tau=lif.tau, r=lif.r, v_leak=lif.v_leak)}
    return nir.NIRGraph(nodes={name: nodes[name] for name in sorted(nodes)}, edges=sorted(graph.edges))


def chosen_files(name: str, suffixes: tuple[str, ...], description: str, folder: Path = PRESET) -> list[Path]:
    """The files ``name`` of the folder that the command line names; exits where one is there and may not be lost."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--output", type=Path, default=folder, help="folder to write to")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    options = parser.parse_args()
    files = [options.output / f"{name}.{suffix}" for suffix in suffixes]
    existing = [file for file in files if file.exists()]
    if existing and not options.force:
        script = Path(parser.prog).stem
        parser.exit(2, f"{script}: {existing[0]} exists: pass --force to overwrite it, or --output FOLDER\n")
    return files


@contextmanager
def written(files: list[Path]) -> Iterator[list[Path]]:
    """Paths to write to, which take the places of ``files`` when all is written."""
    asides = [file.with_name(f".{file.name}.part") for file in files]
    yield asides
    for aside, final in zip(asides, files, strict=True):
        aside.replace(final)
        print(f"{final}: {final.stat().st_size} bytes")


def begin(seed: int = SEED) -> None:
    """One thread and fixed seeds: every run on one machine computes the same."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def save_samples(file: Path, spikes: torch.Tensor, labels: torch.Tensor) -> None:
    """Write a stimulus."""
    with file.open("wb") as opened:
        np.savez_compressed(opened, spikes=spikes.numpy().astype(np.uint8), labels=labels.numpy())


def exported(beta: float, shape: tuple[int, ...], *, spiking: bool) -> nir.NIRNode:
    """Leaky neurons with a threshold of 1 and a gain of 1 as NIR."""
    tau = DT_S / (1 - beta)
    values = {"tau": tau, "r": tau / DT_S, "v_leak": 0.0}
    if spiking:
        values |= {"v_threshold": 1.0, "v_reset": 0.0}
    arrays = {name: np.full(shape, value, np.float32) for name, value in values.items()}
    return nir.LIF(**arrays) if spiking else nir.LI(**arrays)


def main() -> None:
    """Train and write the three files."""
    files = chosen_files("digits", ("nir", "toml", "npz"), "Train the digits network and write the preset.")
    begin()
    network, (training, test) = build(), load_split()
    train(network, *training)
    print(f"training: {describe(network, *training)}\ntest:     {describe(network, *test)}")
    with written(files) as (model, configuration, stimulus):
        nir.write(model, export(network))
        configuration.write_text(TOML)
        save_samples(stimulus, encode(test[0]), test[1])


if __name__ == "__main__":
    main()
