"""Training in floats by autograd, the network of a :class:`TrainingSetup`: the twin of ``ranvier.golden.train``.

It reads the setup as a plain description and shares no arithmetic with golden. Potentials and weights are in units of
``2**weight_fraction`` of golden's integers, gradients in units of ``2**gradient_fraction``; nothing is rounded, nothing
saturates, and only the clip of the weights is kept, which belongs to the descent. In float32 it is the reference that a
recipe is compared with, in float64 an oracle: where the formats lose nothing, golden's integers divided by their units
must equal it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy, one_hot

from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.train.loss import CrossEntropy, Loss
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Surrogate, Triangle


def kept(decay: Decay, factor: int) -> float:
    """The share of a value that one step leaves."""
    match decay:
        case Keep():
            return 1.0
        case Shift(amount=amount):
            return 1 - 2.0**-amount
        case Multiply(fraction_bits=bits):
            return factor / 2**bits


def surrogate_derivative(surrogate: Surrogate, unit: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """The surrogate's derivative of a distance from the threshold in floats; ``unit``: integers per 1.0.

    Only the table is in steps, which are all that its description says; a triangle is a straight one.
    """
    match surrogate:
        case Rectangle():
            height = 2.0**-surrogate.fraction_bits
            return lambda distance: (distance.abs() < surrogate.half_width / unit) * height
        case Triangle():
            return lambda distance: (1 - distance.abs() * (unit / 2**surrogate.log2_half_width)).clamp(min=0)
    heights = torch.tensor([*surrogate.values, 0], dtype=torch.float64) / 2**surrogate.fraction_bits

    def stepped(distance: torch.Tensor) -> torch.Tensor:
        index = (distance.abs() * unit / 2**surrogate.index_shift).long().clamp(max=len(surrogate.values))
        return heights[index].to(distance.dtype)

    return stepped


class _Spike(torch.autograd.Function):
    """The step at the threshold, with a derivative of another function."""

    @staticmethod
    def forward(
        ctx: Any, distance: torch.Tensor, strict: bool, derivative: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        ctx.save_for_backward(derivative(distance))
        return (distance > 0 if strict else distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None, None


@dataclass(frozen=True)
class LayerRun:
    """Potentials before the reset, spikes and surrogate derivatives of a layer: one ``[samples, neurons]`` a step.

    After :meth:`FloatTwin.learn` their ``grad`` holds their gradients.
    """

    membrane: list[torch.Tensor]
    spikes: list[torch.Tensor]
    derivative: list[torch.Tensor]

    def membrane_gradient(self) -> torch.Tensor:
        """``gv``, ``[samples, steps, neurons]``."""
        return torch.stack([v.grad if v.grad is not None else torch.zeros_like(v) for v in self.membrane], 1)

    def spike_gradient(self) -> torch.Tensor:
        """``gs``, ``[samples, steps, neurons]``; 0 where the surrogate derivative is 0, as golden defines it."""
        pairs = zip(self.spikes, self.derivative, strict=True)
        return torch.stack(
            [s.grad * (slope != 0) if s.grad is not None else torch.zeros_like(s) for s, slope in pairs], 1
        )


class FloatTwin:
    """A network that trains in floats as ``setup`` says, from golden's integer ``weights`` of each layer."""

    def __init__(self, setup: TrainingSetup, weights: list[np.ndarray], dtype: torch.dtype = torch.float32) -> None:
        if setup.traces or any(layer.convolution is not None for layer in setup.layers):
            raise ValueError(f"The float twin trains dense layers by backpropagation, not {setup.name}")
        self.setup, self.dtype = setup, dtype
        self.unit = 2.0**setup.weight_fraction
        loss = setup.loss
        self.gradient_fraction = (
            loss.softmax.probability_bits if isinstance(loss, CrossEntropy) else loss.gain_shift
        )  # a gradient of 1.0 is 2**gradient_fraction in golden
        self.weights = [torch.tensor(matrix / self.unit, dtype=dtype, requires_grad=True) for matrix in weights]
        self.momentum = [torch.zeros_like(matrix, requires_grad=False) for matrix in self.weights]
        self._derivatives = [
            None if layer.surrogate is None else surrogate_derivative(layer.surrogate, self.unit)
            for layer in setup.layers
        ]

    def run(self, spikes: np.ndarray) -> list[LayerRun]:
        """Every layer's run over ``spikes``, bool ``[samples, steps, inputs]``."""
        arriving = list(torch.as_tensor(spikes).to(self.dtype).unbind(1))
        runs = []
        for index, layer in enumerate(self.setup.layers):
            runs.append(self._run_layer(index, layer, arriving))
            arriving = runs[-1].spikes
        return runs

    def _run_layer(self, index: int, layer: TrainedLayer, arriving: list[torch.Tensor]) -> LayerRun:
        model, weights, derivative = layer.model, self.weights[index], self._derivatives[index]
        parameters = layer.parameters
        threshold = parameters.get("threshold", 0) / self.unit
        rest = parameters.get("reset_value", 0) / self.unit
        leak = kept(model.membrane_decay, parameters.get("membrane_factor", 0))
        strict = model.comparison == "greater"
        stored = torch.zeros(len(arriving[0]), layer.neurons, dtype=self.dtype)
        fired = torch.zeros_like(stored)
        run = LayerRun([], [], [])
        for x in arriving:
            v = stored + x @ weights[: layer.inputs]
            if layer.recurrent:
                v = v + fired @ weights[layer.inputs :]
            if v.requires_grad:
                v.retain_grad()
            run.membrane.append(v)
            stored = v * leak
            if derivative is not None:
                s = _Spike.apply(v - threshold, strict, derivative)
                if s.requires_grad:
                    s.retain_grad()
                run.spikes.append(s)
                run.derivative.append(derivative(v.detach() - threshold))
                reset = s.detach() if self.setup.reset_path == "detached" else s
                if model.reset == "hard":
                    stored = (v * (1 - reset) + rest * reset) * leak
                elif model.reset == "soft" and model.reset_timing == "same_step":
                    stored = (v - threshold * reset) * leak
                elif model.reset == "soft":
                    stored = v * leak - threshold * reset
                fired = s
            if not self.setup.temporal:
                stored, fired = stored.detach(), fired.detach()
        return run

    def score(self, runs: list[LayerRun]) -> torch.Tensor:
        """What the loss is computed on, ``[samples, steps, classes]``."""
        last = runs[-1]
        return torch.stack(last.spikes if self.setup.layers[-1].model.spiking else last.membrane, 1)

    def loss(self, score: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
        """Summed over the samples. A cross-entropy is multiplied by the potential of a nat: golden's gradient with
        respect to a potential is the probability less the target, whatever a nat is."""
        loss: Loss = self.setup.loss
        target = torch.as_tensor(np.asarray(labels, np.int64))
        if isinstance(loss, CrossEntropy):
            nat = 2.0**loss.softmax.unit_bits / self.unit
            scores = score.unbind(1) if loss.every_step else [score.sum(1)]
            return nat * sum(cross_entropy(one / nat, target, reduction="sum") for one in scores)
        wanted = loss.off + (loss.on - loss.off) * one_hot(target, loss.classes)
        return ((score.sum(1) - wanted) ** 2).sum() / 2

    def learn(self, spikes: np.ndarray, labels: np.ndarray) -> list[LayerRun]:
        """Add the gradient of some samples to the weights' ``grad``; the runs, with their gradients."""
        runs = self.run(spikes)
        self.loss(self.score(runs), labels).backward()
        return runs

    @torch.no_grad()
    def update(self, rate: int = 1) -> None:
        """End the batch: move the weights and clear their gradients. ``rate``: the optimiser's factor."""
        optimiser = self.setup.optimiser
        kept_momentum = kept(optimiser.decay, optimiser.decay_factor)
        gain = 2.0 ** (self.gradient_fraction - optimiser.gradient_shift)
        step = rate / 2.0**optimiser.rate_shift / self.unit
        limit = optimiser.clip / self.unit
        for weights, momentum in zip(self.weights, self.momentum, strict=True):
            momentum.mul_(kept_momentum)
            if weights.grad is not None:
                momentum.add_(weights.grad, alpha=gain)
            weights.sub_(momentum, alpha=step).clamp_(-limit, limit)
            weights.grad = None

    @torch.no_grad()
    def predict(self, spikes: np.ndarray) -> np.ndarray:
        """The class with the greatest sum of outputs, int64 ``[samples]``."""
        prediction: np.ndarray = self.score(self.run(spikes)).sum(1).argmax(1).numpy()
        return prediction
