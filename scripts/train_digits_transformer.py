"""Train a spiking transformer on the digits and write the preset: digits_transformer.nir, digits_transformer.toml.

    python scripts/train_digits_transformer.py [--output FOLDER] [--force]

Images, their split, their rate code and digits.npz are those of scripts/train_digits.py. One block of Spikformer (Zhou
et al., ICLR 2023) from modules of SpikingJelly; an image is 4 x 4 tokens of 16 channels:

    embedding 16 x 16   3x3 convolution of stride 2 of the input
    attention 16 x 16   spikes q, k and v of the embedding's spikes; in each of 2 heads v k^T q / 8, without softmax,
                        drives spikes, and a dense layer of these the spikes of the attention
    hidden    32 x 16   a dense layer, the same for each token, of embedding + attention: 0, 1 or 2 each
    mlp       16 x 16   a dense layer, the same for each token
    readout   10        a dense layer of all tokens of embedding + attention + mlp: 0, 1, 2 or 3 each; the answer is the
                        one with the greatest sum over the steps

Batch normalisation follows each layer of synapses but the last. Nothing tells the block where a token lies; the readout
has weights for each. Training takes a minute; seeds, order and threads are fixed. The modules are read by what ranvier
import does.
"""

import shutil
import tempfile
from pathlib import Path

import torch
import train_digits
from rich.progress import track
from spikingjelly.activation_based.functional import reset_net
from spikingjelly.activation_based.layer import SeqToANNContainer, SpikingSelfAttention
from spikingjelly.activation_based.neuron import LIFNode
from torch.nn import BatchNorm1d, BatchNorm2d, Conv1d, Conv2d
from train_digits import CLASSES, STEPS, TEMPERATURE, WEIGHT_DECAY, encode

from ranvier.gen.importer.importing import import_source
from ranvier.gen.importer.source import Source

CHANNELS, HEADS, WIDE, TOKENS = 16, 2, 32, 16
TAU = 2.0  # SpikingSelfAttention's: potentials halve in a step
EPOCHS, BATCH, LEARNING_RATE = 60, 32, 8e-3
EAGER = 0.5  # bias of queries, keys and values at the start: without it they spike so rarely that v k^T q is 0
ACTIVITY_COST = 0.03  # of the spikes a neuron and step, as the mean over the layers

HEADER = f"""\
# Handwritten digits: a spiking transformer of one block, {TOKENS} tokens of {CHANNELS} channels.
# Made by scripts/train_digits_transformer.py, with what follows as ranvier import writes it.
"""
STIMULUS = """
[hardware]
lanes = 8                       # of the attention one for each channel of a head

[stimulus]
file = "digits.npz"             # the test images as spikes, with their labels
"""


class Transformer(torch.nn.Module):
    """Spikes ``[steps, samples, 1, 8, 8]`` to the readout of each step, ``[steps, samples, 10]``; signals between
    layers are ``[steps, samples, channels, tokens]``."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = SeqToANNContainer(Conv2d(1, CHANNELS, 3, 2, padding=1, bias=False), BatchNorm2d(CHANNELS))
        self.embedding = leaky()
        self.attention = SpikingSelfAttention(CHANNELS, HEADS)
        self.widen = dense(CHANNELS, WIDE)
        self.hidden = leaky()
        self.narrow = dense(WIDE, CHANNELS)
        self.mlp = leaky()
        self.readout = torch.nn.Linear(CHANNELS * TOKENS, CLASSES)
        torch.nn.init.constant_(self.attention.qkv_conv_bn[1].bias, EAGER)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        tokens = self.embedding(self.patches(spikes)).flatten(3)
        tokens = tokens + self.attention(tokens)
        tokens = tokens + self.mlp(self.narrow(self.hidden(self.widen(tokens))))
        return self.readout(tokens.flatten(2))


def leaky() -> LIFNode:
    """Neurons as those within SpikingSelfAttention, with a threshold of 1."""
    return LIFNode(TAU, detach_reset=True, step_mode="m")


def dense(inputs: int, outputs: int) -> SeqToANNContainer:
    """Synapses that every token shares."""
    return SeqToANNContainer(Conv1d(inputs, outputs, 1, bias=False), BatchNorm1d(outputs))


def run(network: Transformer, spikes: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Spikes ``[samples, steps, 64]`` to the mean of the readout over the steps, ``[samples, 10]``, and the spikes of
    each layer, ``[steps, samples, ...]``."""
    fired = {}

    def listen(name: str, neurons: LIFNode) -> torch.utils.hooks.RemovableHandle:
        return neurons.register_forward_hook(lambda _neurons, _drive, output: fired.update({name: output}))

    hooks = [listen(name, module) for name, module in network.named_modules() if isinstance(module, LIFNode)]
    reset_net(network)
    answers = network(spikes.transpose(0, 1).unflatten(2, (1, 8, 8)))
    for hook in hooks:
        hook.remove()
    return answers.mean(0), fired


def train(network: Transformer, pixels: torch.Tensor, labels: torch.Tensor) -> None:
    """Surrogate-gradient descent over EPOCHS; the normalisation then keeps its running means and variances."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    network.train()
    for _ in track(range(EPOCHS), description="training"):
        for batch in torch.randperm(len(labels)).split(BATCH):
            answer, fired = run(network, encode(train_digits.shift_some(pixels[batch])).float())
            loss = torch.nn.functional.cross_entropy(TEMPERATURE * answer, labels[batch])
            activity = sum(spikes.mean() for spikes in fired.values()) / len(fired)
            optimiser.zero_grad()
            (loss + ACTIVITY_COST * activity).backward()
            optimiser.step()
        schedule.step()
    network.eval()


@torch.no_grad()
def describe(network: Transformer, pixels: torch.Tensor, labels: torch.Tensor) -> str:
    """Accuracy and numbers of spikes, as one line."""
    spikes = encode(pixels)
    answer, fired = run(network, spikes.float())
    right = int((answer.argmax(1) == labels).sum())
    listed = ", ".join(f"{count.sum() / len(labels):.1f} {name}" for name, count in ({"input": spikes} | fired).items())
    return f"accuracy {100 * right / len(labels):.2f} % ({right} of {len(labels)}), spikes an image: {listed}"


def main() -> None:
    """Train and write the two files."""
    description = "Train the spiking transformer on the digits and write the preset."
    files = train_digits.chosen_files("digits_transformer", ("nir", "toml"), description)
    train_digits.begin()
    network, (training, test) = Transformer(), train_digits.load_split()
    train(network, *training)
    print(f"training: {describe(network, *training)}\ntest:     {describe(network, *test)}")

    source = Source(__file__, "digits_transformer", network, (1, 8, 8))
    with tempfile.TemporaryDirectory() as folder, train_digits.written(files) as (model, configuration):
        imported = import_source(source, Path(folder), STEPS)
        print(imported.comparison.summary())
        shutil.copy(imported.model, model)
        _, written = imported.configuration.read_text().split("\n", 1)
        configuration.write_text(HEADER + written + STIMULUS)


if __name__ == "__main__":
    main()
