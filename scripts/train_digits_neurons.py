"""Train the digits with neurons of other models than LIF, through golden's own step, and write a preset of each.

    python scripts/train_digits_neurons.py [--output FOLDER] [--force] [MODEL ...]

Images, split and code are those of scripts/train_digits.py. 64 inputs, 64 neurons of the model, 10 leaky integrators;
beside the weights, what a model is known to learn is learned, too. A model's ``step`` (ranvier.golden.neurons) runs on
floats in torch, where spikes have a surrogate gradient (ranvier.golden.torch_real), and is what the RTL computes in
integers. Seeds are fixed; each model takes about a minute.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import torch
from rich.progress import track
from train_digits import BATCH, CLASSES, INPUTS, PRESET, STEPS, begin, encode, load_split, shift_some, written

from ranvier.gen.importer.extension import model_node
from ranvier.golden.neurons.neuron import NEURONS, Formats, Inputs
from ranvier.golden.torch_real import plain

HIDDEN, FRACTION = 64, 15  # bits of factors, a scale that floats undo
KEEP = 1 - 2**-4  # of the readout
EPOCHS, LEARNING_RATE, WEIGHT_DECAY = 60, 3e-3, 1e-2
ACTIVITY_COST, TEMPERATURE = 0.3, 4.0

Values = dict[str, np.ndarray]


def logit(value: np.ndarray) -> np.ndarray:
    """Whose sigmoid is ``value``."""
    return np.log(value / (1 - value))


@dataclass(frozen=True)
class Learned:
    """A field that is learned, as ``parameters`` of the step, and what becomes of them."""

    parameters: tuple[str, ...]
    becomes: Callable[..., np.ndarray] = lambda value: value


@dataclass(frozen=True)
class Recipe:
    """``values`` of the FIELDS to start from, and which of them are ``learned``."""

    values: dict[str, object]
    learned: dict[str, Learned]


DECAY, THRESHOLD = Learned(("decay",)), Learned(("threshold",))
RECIPES = {
    "KLIF": Recipe({"decay": 0.875, "k": 1.0}, {"k": Learned(("k",)), "decay": DECAY}),
    "PLIF": Recipe({"w": -2.0, "decay_input": 0}, {"w": Learned(("membrane_factor",), lambda keep: logit(1 - keep))}),
    "LTMD": Recipe(
        {"decay": 0.875, "k": 1.0},
        {"k": Learned(("threshold",), lambda height: np.arctanh(np.minimum(height, 0.999)))},
    ),
    "DIET": Recipe(
        {"leak": 0.875, "v_threshold": 1.0}, {"leak": Learned(("membrane_factor",)), "v_threshold": THRESHOLD}
    ),
    "LSNN": Recipe({"decay": 0.875, "rho": 0.9, "beta": 1.0}, {"decay": DECAY}),
    "LIFB": Recipe({"decay": 0.875, "k": 2.0, "v_burst": 2.0}, {"decay": DECAY}),
    "MT": Recipe({"decay": 0.875, "v_thresholds": (1.0, 2.0, 3.0)}, {"decay": DECAY}),
    "MLF": Recipe({"decay": 0.875, "v_thresholds": (0.6, 1.6, 2.6)}, {"decay": DECAY}),
    "Ternary": Recipe({"decay": 0.875}, {"decay": DECAY, "v_threshold": THRESHOLD}),
    "SlidingPSN": Recipe(
        {"weight": (0.25, 0.5, 0.75, 1.0)},
        {"weight": Learned(tuple(f"tap{ago}" for ago in (3, 2, 1, 0)), lambda *taps: np.concatenate(taps))},
    ),
}


class Population(torch.nn.Module):
    """Neurons of ``kind`` on real numbers."""

    def __init__(self, kind: str, recipe: Recipe) -> None:
        super().__init__()
        fields = NEURONS[kind].FIELDS
        given = {name: np.asarray(recipe.values.get(name, field.default), float) for name, field in fields.items()}
        self.values = {n: np.atleast_1d(v) if fields[n].whole else np.full(HIDDEN, v) for n, v in given.items()}
        self.kind, self.recipe = kind, recipe
        self.model, parameters = NEURONS[kind].fitted(self.values, np.ones(HIDDEN), Formats(32, FRACTION))
        _, doubled = NEURONS[kind].fitted(self.values, np.ones(HIDDEN), Formats(32, FRACTION + 1))
        self.units = {name: 1 << FRACTION if (doubled[name] > value).any() else 1 for name, value in parameters.items()}
        self.learned, self.fixed = torch.nn.ParameterDict(), {}
        shapes = {
            name: (1,) if fields[f].whole else (HIDDEN,) for f, of in recipe.learned.items() for name in of.parameters
        }
        for name, value in parameters.items():
            whole = np.resize(value / self.units[name], shapes.get(name, (HIDDEN,)))
            tensor = torch.tensor(whole, dtype=torch.float32)
            if name in shapes:
                self.learned[name] = torch.nn.Parameter(tensor)
            else:
                self.fixed[name] = tensor

    def start(self, samples: int) -> None:
        initial = self.model.initial_real()
        names = ("integrator", *self.model.states())
        self.states = {name: torch.full((samples, HIDDEN), float(initial.get(name, 0))) for name in names}

    def forward(self, drive: torch.Tensor) -> torch.Tensor:
        parameters = self.fixed | dict(self.learned.items())
        parameters = {name: value * self.units[name] for name, value in parameters.items()}
        left = self.model.step(Inputs(self.states["integrator"] + drive, self.states, parameters))
        self.states = {"integrator": left.integrator, **left.state}
        return plain(left.spike)

    @torch.no_grad()
    def limit(self) -> None:
        """Bring what is learned back to where the model may be."""
        for name, value in self.learned.items():
            if not name.startswith("tap"):  # a leak that rounding leaves, a threshold above 0
                value.clamp_(0.1, 0.99 if name in ("decay", "membrane_factor") else None)

    def node(self) -> nir.NIRNode:
        """With what was learned."""
        values = dict(self.values)
        for field, learned in self.recipe.learned.items():
            found = [self.learned[name].detach().numpy().astype(float) for name in learned.parameters]
            values[field] = learned.becomes(*found)
        return model_node(self.kind, **{name: value.astype(np.float32) for name, value in values.items()})


class Network(torch.nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.synapses1, self.synapses2 = torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Linear(HIDDEN, CLASSES)
        self.hidden = Population(kind, RECIPES[kind])

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``[samples, steps, 64]`` to the mean potentials of the readout, and the mean number of hidden spikes."""
        self.hidden.start(len(spikes))
        v = torch.zeros(len(spikes), CLASSES)
        potentials, sent = [], []
        for step in range(spikes.shape[1]):
            fired = self.hidden(self.synapses1(spikes[:, step]))
            v = KEEP * v + self.synapses2(fired)
            potentials.append(v)
            sent.append(fired.abs().mean())
        return torch.stack(potentials).mean(0), torch.stack(sent).mean()

    def graph(self) -> nir.NIRGraph:
        tau = np.full(CLASSES, 1e-4 / (1 - KEEP), np.float32)
        nodes = {
            "input": nir.Input({"input": np.array([INPUTS])}),
            "synapses1": _affine(self.synapses1),
            "hidden": self.hidden.node(),
            "synapses2": _affine(self.synapses2),
            "readout": nir.LI(tau=tau, r=tau / 1e-4, v_leak=np.zeros(CLASSES, np.float32)),
            "output": nir.Output({"output": np.array([CLASSES])}),
        }
        names = list(nodes)
        return nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)


def _affine(linear: torch.nn.Linear) -> nir.Affine:
    return nir.Affine(linear.weight.detach().numpy(), linear.bias.detach().numpy())


def train(network: Network, pixels: torch.Tensor, labels: torch.Tensor, kind: str) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in track(range(EPOCHS), description=kind):
        for batch in torch.randperm(len(labels)).split(BATCH):
            potentials, activity = network(encode(shift_some(pixels[batch])).float())
            loss = torch.nn.functional.cross_entropy(TEMPERATURE * potentials, labels[batch])
            optimiser.zero_grad()
            (loss + ACTIVITY_COST * activity).backward()
            optimiser.step()
            network.hidden.limit()
        schedule.step()


@torch.no_grad()
def describe(network: Network, pixels: torch.Tensor, labels: torch.Tensor) -> str:
    """Accuracy and hidden spikes, in a line."""
    potentials, activity = network(encode(pixels).float())
    right = int((potentials.argmax(1) == labels).sum())
    spikes = float(activity) * HIDDEN * STEPS
    return f"{100 * right / len(labels):.2f} % ({right} of {len(labels)}), {spikes:.1f} hidden spikes an image"


def toml(kind: str, name: str) -> str:
    return f"""\
# Handwritten digits: {INPUTS} inputs, {HIDDEN} neurons of the model {kind}, {CLASSES} leaky integrators.
# Made by scripts/train_digits_neurons.py.
name = "{name}"
model = "{name}.nir"

[discretisation]
dt_s = 1e-4

[quantisation]
weight_width = 8
steps = {STEPS}

[hardware]
lanes = [4, 2]

[stimulus]
file = "digits.npz"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the digits with neurons of other models.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(RECIPES)}; all if none is named")
    parser.add_argument("--output", type=Path, default=PRESET, help="folder to write to")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    options = parser.parse_args()
    unknown = sorted(set(options.models) - set(RECIPES))
    if unknown:
        parser.error(f"MODEL must be of {', '.join(RECIPES)}, not {', '.join(unknown)}")
    training, test = load_split()
    for kind in options.models or RECIPES:
        name = f"digits_{kind.lower()}"
        files = [options.output / f"{name}.{suffix}" for suffix in ("nir", "toml")]
        existing = [file for file in files if file.exists()]
        if existing and not options.force:
            remedy = "pass --force to overwrite it, or --output FOLDER"
            parser.exit(2, f"train_digits_neurons: {existing[0]} exists: {remedy}\n")
        begin()
        network = Network(kind)
        train(network, *training, kind)
        print(f"{kind}: test {describe(network, *test)}")
        with written(files) as (model, configuration):
            nir.write(model, network.graph())
            configuration.write_text(toml(kind, name))


if __name__ == "__main__":
    main()
