"""Prune the digits network to a tenth of its weights and write the preset: digits_pruned.nir and digits_pruned.toml.

    python scripts/train_digits_pruned.py [--output FOLDER] [--force]

The network of scripts/train_digits.py is trained, and then weights are taken away in STAGES, each followed by more
training of those that are left. Whole words go: of an axon's weights one in each lane, the smallest of the lane, so
that every word of the sparse weight memory is full (bank-balanced sparsity: Cao et al., FPGA 2019). A word is worth
the sum of its weights' magnitudes times the spikes of its axon. It takes a minute and a half; seeds, order and threads
are fixed.
"""

import nir
import torch
import train_digits
from train_digits import STEPS

LANES = {"synapses1": 8, "synapses2": 2}
STAGES = ((0.5, 0.6), (0.3, 0.4), (0.2, 0.3), (0.14, 0.25), (0.11, 0.22), (0.084, 0.2))  # shares left of each layer
EPOCHS, LEARNING_RATE, ACTIVITY_COST = 40, 4e-3, 0.0  # of each stage

TOML = train_digits.TOML
TOML = TOML.replace('name = "digits"\nmodel = "digits.nir"', 'name = "digits_pruned"\nmodel = "digits_pruned.nir"')
TOML = TOML.replace(
    "scripts/train_digits.py, which says how the images became spikes", "scripts/train_digits_pruned.py"
)
TOML = TOML.replace("\n[stimulus]", 'synapses = "sparse"             # a tenth of the weights are left\n\n[stimulus]')
TOML = (
    "\n".join(line.split("  #")[0].rstrip() if line.startswith("lanes") else line for line in TOML.splitlines()) + "\n"
)


def words(magnitude: torch.Tensor, lanes: int) -> torch.Tensor:
    """The place of each weight (``[neurons, axons]``) among those of its axon and lane, the greatest first."""
    neurons, axons = magnitude.shape
    by_lane = magnitude.reshape(neurons // lanes, lanes, axons)
    return (-by_lane).argsort(0).argsort(0).reshape(neurons, axons)


def mask(weight: torch.Tensor, rate: torch.Tensor, lanes: int, share: float) -> torch.Tensor:
    """1 for the weights of the most valuable words, a ``share`` of all; ``rate``: spikes of each axon."""
    neurons, axons = weight.shape
    place = words(weight.abs(), lanes)
    value = torch.zeros(neurons // lanes, axons).scatter_add_(0, place, weight.abs() * rate)
    kept = torch.zeros(value.numel())
    kept[value.flatten().argsort(descending=True)[: round(share * value.numel())]] = 1
    return kept.reshape(value.shape).gather(0, place)


def rates(network: torch.nn.Sequential, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Mean spikes of the axons of both layers."""
    spikes = train_digits.encode(pixels).float()
    network.hidden.reset_mem()
    fired = [network.hidden(network.synapses1(spikes[:, step])) for step in range(STEPS)]
    return {"synapses1": spikes.mean((0, 1)), "synapses2": torch.stack(fired).mean((0, 1))}


def main() -> None:
    """Train, prune and write the two files."""
    files = train_digits.chosen_files(
        "digits_pruned", ("nir", "toml"), "Prune the digits network and write the preset."
    )
    train_digits.begin()
    network, (training, test) = train_digits.build(), train_digits.load_split()
    train_digits.train(network, *training)
    print(f"dense:  {train_digits.describe(network, *test)}")
    train_digits.EPOCHS, train_digits.LEARNING_RATE, train_digits.ACTIVITY_COST = EPOCHS, LEARNING_RATE, ACTIVITY_COST
    for shares in STAGES:
        with torch.no_grad():
            rate = rates(network, training[0])
        hooks = []
        for (name, lanes), share in zip(LANES.items(), shares, strict=True):
            weight = getattr(network, name).weight
            kept = mask(weight.detach(), rate[name], lanes, share)
            weight.data *= kept
            hooks.append(weight.register_hook(lambda gradient, kept=kept: gradient * kept))
        train_digits.train(network, *training)
        for hook in hooks:
            hook.remove()
        left = sum(int((getattr(network, name).weight != 0).sum()) for name in LANES)
        print(f"{left} weights: {train_digits.describe(network, *test)}")

    with train_digits.written(files) as (model, configuration):
        nir.write(model, train_digits.export(network))
        configuration.write_text(TOML)


if __name__ == "__main__":
    main()
