"""The networks of a :class:`TrainingSetup` in float64 PyTorch, whose autograd is the oracle of the gradients.

Potentials and weights are in units of the threshold's ``2**weight_fraction``. Nothing is rounded; surrogate
derivatives are the smooth functions themselves, not tables.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import conv2d, cross_entropy, one_hot

from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.train.loss import CrossEntropy
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup

Derivative = Callable[[torch.Tensor], torch.Tensor]

# The steps whose derivatives surrogates are, of x in thresholds' units and a slope k.
SMOOTH_STEPS: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "sigmoid": lambda x, k: torch.sigmoid(k * x),
    "arctan": lambda x, k: torch.atan(math.pi / 2 * k * x) / math.pi,
    "tanh": lambda x, k: torch.tanh(k * x) / 2,
    "fast_sigmoid": lambda x, k: x / (1 + k * x.abs()),
    "dspike": lambda x, k: torch.tanh(k * x.clamp(-0.5, 0.5)) / (2 * math.tanh(k / 2)),
}


def smooth(shape: str, slope: float) -> Derivative:
    """The derivative of a smooth step, by autograd."""

    def derivative(x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(SMOOTH_STEPS[shape](x, slope).sum(), x)
        return gradient

    return derivative


def rectangle(half_width: float, height: float) -> Derivative:
    return lambda x: height * (x.abs() < half_width)


def triangle(half_width: float) -> Derivative:
    return lambda x: torch.relu(1 - x.abs() / half_width)


def spike_function(derivative: Derivative, strict: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """The step at 0, whose gradient is that of ``derivative``."""

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return ((x > 0) if strict else (x >= 0)).to(x.dtype)

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient * derivative(x)

    return Spike.apply


def incoming(layer: TrainedLayer, weights: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
    """Sums of the weights of the inputs that spiked; ``spikes`` ``[samples, inputs]``."""
    conv = layer.convolution
    if conv is None:
        return spikes @ weights[: layer.inputs]
    kernel = weights.T.reshape(conv.filters, conv.channels, *conv.kernel)
    image = spikes.reshape(-1, conv.channels, conv.height, conv.width)
    return conv2d(image, kernel, stride=conv.stride, padding=conv.padding).flatten(1)


def run_layer(
    setup: TrainingSetup, layer: TrainedLayer, weights: torch.Tensor, inputs: list[torch.Tensor], derivative: Derivative
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Spikes and potentials before the reset of each step."""
    unit, model, parameters = 2.0**setup.weight_fraction, layer.model, layer.parameters
    theta, rest = parameters.get("threshold", 0) / unit, parameters.get("reset_value", 0) / unit
    alpha = parameters.get("membrane_factor", 0) / 2 ** getattr(model.membrane_decay, "fraction_bits", 0)
    if isinstance(model.membrane_decay, Keep | Shift):
        alpha = 1 - 2.0**-model.membrane_decay.amount if isinstance(model.membrane_decay, Shift) else 1.0
    fire = spike_function(derivative, model.comparison == "greater")
    u = s = torch.zeros(len(inputs[0]), layer.neurons, dtype=torch.float64)
    fired, potentials = [], []
    for x in inputs:
        before, reset = (u, s) if setup.temporal else (u.detach(), s.detach())
        own = before.new_zeros(()) if not layer.recurrent else reset @ weights[layer.inputs :]
        if setup.reset_path == "detached":
            reset = reset.detach()
        if model.reset == "hard":
            before = before * (1 - reset) + rest * reset
        elif model.reset == "soft" and model.reset_timing == "same_step":
            before = before - theta * reset
        u = alpha * before + incoming(layer, weights, x) + own
        if model.reset == "soft" and model.reset_timing == "next_step":
            u = u - theta * reset
        s = fire(u - theta) if model.spiking else s
        fired.append(s)
        potentials.append(u)
    return fired, potentials


def weight_gradients(
    setup: TrainingSetup,
    matrices: list[np.ndarray],
    spikes: np.ndarray,
    labels: np.ndarray,
    derivatives: list[Derivative],
) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """Gradient of the loss, summed over the samples, with respect to each layer's weights; each layer's spikes, bool
    ``[samples, steps, neurons]``; and the loss.

    A cross-entropy is that of potentials in units of ``2**unit_bits``; its gradient is one with respect to them.
    """
    unit = 2.0**setup.weight_fraction
    weights = [torch.tensor(matrix / unit, dtype=torch.float64, requires_grad=True) for matrix in matrices]
    signal = list(torch.from_numpy(spikes).double().unbind(1))
    trains, potentials = [], []
    for layer, matrix, derivative in zip(setup.layers, weights, derivatives, strict=True):
        signal, potentials = run_layer(setup, layer, matrix, signal, derivative)
        trains.append(torch.stack(signal, 1).detach().numpy() > 0)
    loss, target = torch.zeros((), dtype=torch.float64), torch.from_numpy(labels)
    if isinstance(setup.loss, CrossEntropy):
        nats = torch.stack(potentials, 1) * (unit / 2.0**setup.loss.softmax.unit_bits)
        for logits in nats.unbind(1) if setup.loss.every_step else [nats.sum(1)]:
            loss = loss + cross_entropy(logits, target, reduction="sum")
    else:
        wanted = setup.loss.off + (setup.loss.on - setup.loss.off) * one_hot(target, setup.classes)
        loss = ((sum(signal) - wanted) ** 2).sum() / 2
    loss.backward()
    return [matrix.grad.numpy() for matrix in weights], trains, float(loss.detach())
