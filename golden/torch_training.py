"""The PyTorch twin of :mod:`.train.bptt`: the same integers, computed by torch, a time step of all layers at once.

Where :mod:`.train.bptt` takes a layer through all steps, this goes as a user of torch would: forward, all layers a
step; backward, all layers a step from the last to the first, weights' gradients and all.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import conv2d, one_hot
from torch.nn.grad import conv2d_input, conv2d_weight

from . import (
    generator,
    torch_arith,  # noqa: F401  tensors join the arithmetic
)
from .neurons.lif import after_reset, fire, integrate, renew
from .train.bptt import TrainingState
from .train.gradient import (
    membrane_gradient,
    readout_gradient,
    reset_path,
    scaled,
    spike_gradient,
    through_leak,
    traced_gradient,
)
from .train.loss import CountError, Softmax
from .train.optimiser import accumulate, descend
from .train.setup import TrainedLayer, TrainingSetup


@dataclass
class Step:
    """What a layer did in a step, ``[samples, neurons]`` each: ``own`` are its spikes of the step before."""

    inputs: torch.Tensor
    own: torch.Tensor
    spikes: torch.Tensor
    membrane: torch.Tensor
    derivative: torch.Tensor
    spike_gradient: torch.Tensor
    membrane_gradient: torch.Tensor


class TorchTrainedLayer(torch.nn.Module):
    """One layer: a call is a time step, :meth:`step_back` one in the other direction."""

    weights: torch.Tensor
    momentum: torch.Tensor
    gradient: torch.Tensor

    def __init__(
        self, setup: TrainingSetup, layer: TrainedLayer, weights: np.ndarray, momentum: np.ndarray, gradient: np.ndarray
    ) -> None:
        super().__init__()
        self.setup, self.layer = setup, layer
        for name, array in (("weights", weights), ("momentum", momentum), ("gradient", gradient)):
            self.register_buffer(name, torch.tensor(array))
        self.start(0)

    def start(self, samples: int) -> None:
        """Begin ``samples`` new samples from the zero state."""
        self.zero = torch.zeros((samples, self.layer.neurons), dtype=torch.int64)
        self.stored, self.fired, self.later, self.traced = self.zero, self.zero.bool(), self.zero, self.zero
        self.steps: list[Step] = []
        self.saturations = torch.zeros(samples, dtype=torch.int64)
        self.gradient_saturations = torch.zeros(samples, dtype=torch.int64)

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes bool ``[samples, inputs]`` to (spikes bool, membrane potential before the reset int64)."""
        layer, model = self.layer, self.layer.model
        threshold, reset_value, factor = self._constants()
        incoming, own = self._split()
        total = self.stored + self._drive(incoming, spikes)
        if layer.recurrent:
            total = total + self.fired.long() @ own
        v, overflow = integrate(total, model.state_width)
        fired = fire(model, v, threshold) if model.spiking else self.zero.bool()
        settled = after_reset(model, v, fired, threshold, reset_value)
        self.stored = renew(model, v, settled, fired, threshold, factor)
        derivative = self.zero if layer.surrogate is None else layer.surrogate.apply(v - threshold)
        self.steps.append(Step(spikes, self.fired, fired, v, derivative, self.zero, self.zero))
        self.saturations = self.saturations + overflow.sum(dim=1)
        self.fired = fired
        return fired, v

    def step_back(self, t: int, arriving: torch.Tensor, fraction: int) -> torch.Tensor:
        """From what arrives at the outputs of step ``t``, with ``fraction`` bits more than a gradient, to what arrives
        at the inputs, with ``weight_fraction`` bits more. Adds to the weights' gradient."""
        setup, layer, model, step = self.setup, self.layer, self.layer.model, self.steps[t]
        width, (threshold, reset_value, factor) = setup.gradient_width, self._constants()
        incoming, own = self._split()
        later = self.later if setup.temporal else self.zero
        if layer.recurrent:  # what arrives from the own synapses has the weights' fraction
            arriving = arriving * (1 << (setup.weight_fraction - fraction)) + later @ own.T
            fraction = setup.weight_fraction
        arrived, leaked = scaled(arriving, fraction), through_leak(model.membrane_decay, later, factor)
        if layer.surrogate is None:
            gs = overflow = self.zero
            gv, limited = readout_gradient(arrived, leaked, width)
        else:
            lost = 0
            if setup.reset_path == "exact":
                lost = reset_path(model, step.membrane, later, leaked, threshold, reset_value, setup.weight_fraction)
            gs, overflow = spike_gradient(arrived, lost, step.derivative, width)
            gv, limited = membrane_gradient(
                model, layer.surrogate, gs, step.derivative, leaked, step.spikes, width
            )
        self.gradient_saturations = self.gradient_saturations + overflow.sum(dim=1) + limited.sum(dim=1)
        self.later, step.spike_gradient, step.membrane_gradient = gv, gs, gv
        learned = gv
        if setup.traces:
            learned, limited = traced_gradient(gv, through_leak(model.membrane_decay, self.traced, factor), width)
            self.gradient_saturations = self.gradient_saturations + limited.sum(dim=1)
            self.traced = learned
        parts = [self._correlate(step.inputs, learned)] + ([step.own.long().T @ learned] if layer.recurrent else [])
        self.gradient = self.gradient + torch.cat(parts)
        return self._back(incoming, gv)

    def update(self, rate: int, noise: torch.Tensor) -> int:
        """Move the weights and clear their gradient. How many momenta saturated."""
        optimiser = self.setup.optimiser
        self.momentum, limited = accumulate(optimiser, self.momentum, self.gradient)
        self.weights, _ = descend(optimiser, self.weights, self.momentum, rate, noise)
        self.gradient = torch.zeros_like(self.gradient)
        return int(limited.sum())

    def _constants(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        names = ("threshold", "reset_value", "membrane_factor")
        threshold, reset_value, factor = (torch.tensor(self.layer.parameters.get(name, 0)) for name in names)
        return threshold, reset_value, factor

    def _split(self) -> tuple[torch.Tensor, torch.Tensor]:
        own = self.layer.neurons if self.layer.recurrent else 0
        rows = len(self.weights) - own
        return self.weights[:rows], self.weights[rows:]

    def _kernel(self, weights: torch.Tensor) -> torch.Tensor:
        """Weights as Conv2d's, in float64, which holds all sums of them exactly."""
        conv = self.layer.convolution
        assert conv is not None
        return weights.double().T.reshape(conv.filters, conv.channels, *conv.kernel)

    def _drive(self, weights: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
        conv = self.layer.convolution
        if conv is None:
            return spikes.long() @ weights
        image = spikes.double().reshape(-1, conv.channels, conv.height, conv.width)
        return conv2d(image, self._kernel(weights), stride=conv.stride, padding=conv.padding).flatten(1).long()

    def _back(self, weights: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        conv = self.layer.convolution
        if conv is None:
            return gradient @ weights.T
        shape = (len(gradient), conv.channels, conv.height, conv.width)
        outputs = gradient.double().reshape(-1, conv.filters, *conv.out_shape)
        image: torch.Tensor = conv2d_input(
            shape, self._kernel(weights), outputs, stride=conv.stride, padding=conv.padding
        )
        return image.flatten(1).long()

    def _correlate(self, spikes: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        conv = self.layer.convolution
        if conv is None:
            return spikes.long().T @ gradient
        image = spikes.double().reshape(-1, conv.channels, conv.height, conv.width)
        outputs = gradient.double().reshape(-1, conv.filters, *conv.out_shape)
        shape = (conv.filters, conv.channels, *conv.kernel)
        kernel: torch.Tensor = conv2d_weight(image, shape, outputs, stride=conv.stride, padding=conv.padding)
        return kernel.reshape(conv.filters, -1).T.long()


@dataclass(frozen=True)
class TorchAssessment:
    """``gradient`` of the outputs of each step, int64 ``[samples, classes]`` each; ``loss`` and ``prediction``."""

    gradient: list[torch.Tensor]
    loss: torch.Tensor
    prediction: torch.Tensor


class TorchTrainer:
    """A network and all that its training changes, begun from ``state``, which stays as it is."""

    def __init__(self, setup: TrainingSetup, state: TrainingState) -> None:
        self.setup = setup
        matrices = zip(setup.layers, state.weights, state.momentum, state.gradient, strict=True)
        self.layers = [TorchTrainedLayer(setup, *each) for each in matrices]
        self.generators = torch.tensor(state.generators)

    def learn(self, spikes: torch.Tensor, labels: torch.Tensor) -> TorchAssessment:
        """Run ``spikes`` (bool ``[samples, steps, inputs]``) both ways, and add to the weights' gradients."""
        outputs = []
        for layer in self.layers:
            layer.start(len(spikes))
        for signal in spikes.unbind(1):
            for layer in self.layers:
                signal, membrane = layer(signal)
            outputs.append(signal.long() if self.setup.layers[-1].model.spiking else membrane)
        assessment = self._assess(outputs, labels)
        for t in reversed(range(self.setup.steps)):
            arriving, fraction = assessment.gradient[t], 0
            for layer in reversed(self.layers):
                arriving, fraction = layer.step_back(t, arriving, fraction), self.setup.weight_fraction
        return assessment

    def update(self, rate: int = 1) -> int:
        """End the batch: move the weights and clear their gradients. How many momenta saturated."""
        return sum(layer.update(rate, self._noise(layer)) for layer in self.layers)

    def _assess(self, outputs: list[torch.Tensor], labels: torch.Tensor) -> TorchAssessment:
        loss, total = self.setup.loss, torch.stack(outputs).sum(dim=0)
        is_label = one_hot(labels, self.setup.classes).bool()
        if isinstance(loss, CountError):
            difference = loss.difference(total, is_label)
            errors = [difference * (1 << loss.gain_shift)] * len(outputs)
            losses = (difference * difference).sum(dim=1)
        elif loss.every_step:
            pairs = [_softmax_error(loss.softmax, scores, is_label) for scores in outputs]
            errors, losses = [error for error, _ in pairs], torch.stack([part for _, part in pairs]).sum(dim=0)
        else:
            error, losses = _softmax_error(loss.softmax, total, is_label)
            errors = [error] * len(outputs)
        first = (total == total.amax(dim=1, keepdim=True)).long().argmax(dim=1)  # torch promises no order of equals
        return TorchAssessment(errors, losses, first)

    def _noise(self, layer: TorchTrainedLayer) -> torch.Tensor:
        """What rounds each weight, as the optimiser walks: a row, ``lanes`` columns of it, a draw of all generators."""
        setup, (count, columns) = self.setup, layer.weights.shape
        noise = torch.zeros_like(layer.weights)
        if not setup.optimiser.stochastic:
            return noise
        row = 0
        for index in range(count):
            if layer.layer.recurrent and index == layer.layer.inputs:
                while row % setup.lanes:  # own spikes begin with a whole word: empty rows are walked too
                    row += 1
                    self._draw(columns)
            draws = self._draw(columns)
            lane = torch.arange(columns)
            noise[index] = draws[lane // setup.lanes, (row + lane) % setup.lanes]
            row += 1
        return noise & ((1 << setup.optimiser.rate_shift) - 1)

    def _draw(self, columns: int) -> torch.Tensor:
        """States of the generators for each word of a row, ``[words, lanes]``."""
        draws = []
        for _ in range(0, columns, self.setup.lanes):
            draws.append(self.generators)
            self.generators = generator.advance(self.generators)
        return torch.stack(draws)


def _softmax_error(softmax: Softmax, scores: torch.Tensor, is_label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities less the target, int64 ``[samples, classes]``, and the loss ``[samples]``."""
    index = softmax.index(scores.amax(dim=1, keepdim=True) - scores)
    exponential = softmax.exponential(index)
    total = exponential.sum(dim=1)
    reciprocal = torch.div(1 << softmax.dividend_bits, total, rounding_mode="floor")
    probability = softmax.probability(exponential, reciprocal[:, None])
    error = probability - is_label.long() * (1 << softmax.probability_bits)
    return error, softmax.loss(index[is_label], total)
