"""The PyTorch twin of :mod:`.inference`: the same integers, computed by torch."""

import numpy as np
import torch

from . import torch_arith  # noqa: F401  tensors join the arithmetic
from .neuron import after_reset, fire, integrate, observe, renew
from .program import Layer, Program


class TorchLayer(torch.nn.Module):
    """One layer as a stateful module: a call is one time step."""

    weights: torch.Tensor
    bias: torch.Tensor
    membrane_bias: torch.Tensor

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.model = layer.model
        self.register_buffer("weights", torch.from_numpy(layer.weights))
        for name, array in layer.parameters.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(array)))
        self.start(0)

    def start(self, samples: int) -> None:
        """Begin ``samples`` new samples from the zero state."""
        self.stored = torch.zeros((samples, self.weights.shape[1]), dtype=torch.int64)
        self.stored_current = self.stored

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes bool ``[samples, axons]`` to (spikes bool, membrane int64), both ``[samples, neurons]``."""
        model, current = self.model, self.model.current
        parameter = dict(self.named_buffers()).get
        none = torch.zeros((), dtype=torch.int64)
        drive = (spikes.to(torch.int64)[:, :, None] * self.weights).sum(dim=1)
        if current is None:
            v, _ = integrate(self.stored + drive + self.bias, model.state_width)
        else:
            i, _ = integrate(self.stored_current + drive + self.bias, current.width)
            push = i if current.timing == "same_step" else none
            v, _ = integrate(self.stored + push + self.membrane_bias, model.state_width)
            self.stored_current = current.decay.apply(i, parameter("current_factor"))
        threshold = parameter("threshold", none)
        spike = fire(model, v, threshold) if model.spiking else torch.zeros(v.shape, dtype=torch.bool)
        settled = after_reset(model, v, spike, threshold, parameter("reset_value", none))
        self.stored = renew(model, v, settled, spike, threshold, parameter("membrane_factor", none))
        if current is not None and current.timing == "next_step":
            self.stored, _ = integrate(self.stored + i, model.state_width)
        return spike, observe(model, v, settled)


class TorchProgram(torch.nn.Module):
    """A whole program; layers run step by step, as a user of snnTorch or Norse would write it."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.chain = [TorchLayer(layer) for layer in program.layers]
        self.layers = torch.nn.ModuleList(self.chain)  # what torch sees of it

    def forward(self, spikes: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Spikes bool ``[samples, steps, inputs]`` to (spikes, membrane) of each layer, with steps."""
        for layer in self.chain:
            layer.start(spikes.shape[0])
        history: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in self.chain]
        for step in range(spikes.shape[1]):
            signal = spikes[:, step]
            for layer, record in zip(self.chain, history, strict=True):
                record.append(layer(signal))
                signal = record[-1][0]
        return [
            (torch.stack([s for s, _ in record], 1), torch.stack([v for _, v in record], 1)) for record in history
        ]
