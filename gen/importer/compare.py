"""The original module and the network made of it, side by side on the same spikes: how far they differ."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import RanvierError
from ..network import Network, channels_last
from ..simulate import simulate
from .source import Source
from .trace import Trace

SAMPLES, RATE = 4, 0.3


@dataclass(frozen=True)
class Comparison:
    """``differing`` of ``values`` output spikes differ (None: the output is a potential), of which ``fired`` are 1;
    ``greatest`` difference of any value, and greatest magnitude ``largest``."""

    seed: int
    steps: int
    differing: int | None
    values: int
    fired: int
    greatest: float
    largest: float

    def summary(self) -> str:
        given = f"{SAMPLES} samples of {self.steps} steps, rate {RATE}, seed {self.seed}"
        if self.differing is None:
            return f"{given}: output potentials differ by at most {self.greatest:.3g} of {self.largest:.3g}"
        return f"{given}: {self.differing} of {self.values} output spikes differ ({self.fired} are 1)"


def compare(source: Source, trace: Trace, network: Network, steps: int, seed: int) -> Comparison:
    """Run both on random spikes, in float64. Raises RanvierError where the module's forward fails."""
    spikes = np.random.default_rng(seed).random((SAMPLES, steps, *source.shape)) < RATE
    try:
        expected = outputs(source.module, trace, spikes)
    except Exception as error:  # of the user's forward
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise RanvierError(f"Model {source.name}: its forward fails on a batch of {SAMPLES} samples: {text}") from None
    order = channels_last(network.shape) if len(network.shape) > 1 else np.arange(network.inputs)
    last, layer = simulate(network, spikes.reshape(SAMPLES, steps, -1)[..., order])[-1], network.layers[-1]
    spiking = layer.neurons.spiking
    observed = last.spikes.astype(float) if spiking else last.membrane
    back = np.argsort(channels_last(layer.shape)) if len(layer.shape) > 1 else np.arange(layer.bias.size)
    difference = np.abs(observed[..., back] - expected.reshape(SAMPLES, steps, -1))
    wrong = int(np.count_nonzero(difference > 0.5)) if spiking else None
    fired, largest = int(np.count_nonzero(expected)), float(np.abs(expected).max())
    return Comparison(seed, steps, wrong, difference.size, fired, float(difference.max()), largest)


def outputs(module: torch.nn.Module, trace: Trace, spikes: np.ndarray) -> np.ndarray:
    """What ``module`` gives first for ``spikes`` ``[samples, steps, *shape]``, from its initial state, in float64."""
    module = fresh(module).double()
    for each in module.modules():
        each.register_forward_pre_hook(_in_float64)
    x = torch.from_numpy(spikes.astype(float))
    with torch.no_grad():
        if trace.multi:
            return np.asarray(_first(module(x.transpose(0, 1))).transpose(0, 1).numpy())
        states: dict[str, Any] = dict.fromkeys(trace.states)
        given = []
        for step in range(spikes.shape[1]):
            counted = {"step": step} if trace.counted else {}
            returned = module(x[:, step], **states, **counted)
            given.append(_first(returned))
            if states and isinstance(returned, tuple):
                states = dict(zip(states, returned[1:], strict=False))
        return np.asarray(torch.stack(given, 1).numpy())


def fresh(module: torch.nn.Module) -> torch.nn.Module:
    """A copy of ``module`` in its initial state."""
    for each in module.modules():
        for method in ("reset_mem", "reset"):  # of snnTorch, of SpikingJelly
            if callable(getattr(each, method, None)):
                getattr(each, method)()
    return copy.deepcopy(module)


def _in_float64(module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """snnTorch's spikes are float32, whatever their membrane."""
    return tuple(x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in args)


def _first(returned: Any) -> torch.Tensor:
    while isinstance(returned, tuple | list):
        returned = returned[0]
    assert isinstance(returned, torch.Tensor)
    return returned
