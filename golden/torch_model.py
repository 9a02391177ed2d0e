"""The PyTorch twin of :mod:`.inference`: the same integers, computed by torch."""

import numpy as np
import torch

from . import torch_arith  # noqa: F401  tensors join the arithmetic
from .attention import Attention, Tokens
from .fixed import narrow
from .generator import advance
from .neurons.neuron import Inputs
from .program import Layer, Program, spread
from .synapse import Convolution, Geometry, Synapses


class TorchLayer(torch.nn.Module):
    """One layer as a stateful module: a call is one time step."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.model, self.neurons = layer.model, layer.neurons
        self.connections = [
            (each, [(part, torch.from_numpy(part.synapses.weights)) for part in each.parts])
            for each in layer.connections
        ]
        self.reach = layer.longest_delay + 1
        for name, array in layer.parameters.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(spread(array, layer.neurons))))
        self.start(0)

    def start(self, samples: int) -> None:
        """Begin ``samples`` new samples from the zero state."""
        initial = self.model.initial()
        self.states = {
            name: torch.full((samples, self.neurons), initial.get(name, 0), dtype=torch.int64)
            for name in ("integrator", *self.model.states())
        }
        self.generator = self.model.seed
        self.arrived: list[list[torch.Tensor]] = []  # at each connection, in this step and those before

    def forward(self, signals: list[list[torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Spikes bool ``[samples, axons]`` of each source of each connection, to (spikes bool, membrane int64), both
        ``[samples, neurons]``."""
        model, parameters = self.model, dict(self.named_buffers())
        drive = torch.zeros((), dtype=torch.int64)
        now = [_meet(each.synapses, given) for (each, _), given in zip(self.connections, signals, strict=True)]
        self.arrived = [now, *self.arrived[: self.reach - 1]]
        for number, (_, parts) in enumerate(self.connections):
            for part, weights in parts:
                if part.delay < len(self.arrived):
                    spikes = self.arrived[part.delay][number]
                    if part.axons is not None:
                        spikes = spikes * torch.from_numpy(part.axons)
                    drive = drive + _driven(part.synapses, weights, spikes)
        total = self.states["integrator"] + drive + parameters["bias"]
        integrated, _ = narrow(total, model.integrator_width, "integrated")
        left = model.step(Inputs(integrated, self.states, parameters, self._noise()))
        whole = {"integrator": left.integrator, **left.state}
        self.states = {name: torch.as_tensor(value).expand(total.shape) for name, value in whole.items()}
        return torch.as_tensor(left.spike).expand(total.shape), torch.as_tensor(left.membrane).expand(total.shape)

    def _noise(self) -> torch.Tensor:
        """A number for each neuron, by walking."""
        draws = []
        for _ in range(self.neurons if self.model.noise_width else 0):
            draws.append(self.generator & ((1 << self.model.noise_width) - 1))
            self.generator = advance(self.generator)
        return torch.tensor(draws, dtype=torch.int64)


def _meet(synapses: Synapses, sources: list[torch.Tensor]) -> torch.Tensor:
    """The spikes of several sources, side by side for an attention, else added up."""
    if isinstance(synapses, Attention):
        return torch.cat(sources, dim=1).to(torch.int64)
    return torch.stack(sources).sum(dim=0, dtype=torch.int64)


def _driven(synapses: Synapses, weights: torch.Tensor, spikes: torch.Tensor) -> torch.Tensor:
    """Sums of ``weights``: ``[samples, axons]`` to ``[samples, neurons]``."""
    if isinstance(synapses, Convolution):
        return convolve(synapses.geometry, weights, spikes)
    if isinstance(synapses, Attention):
        return attend(synapses.shape, spikes) * weights
    return (spikes[:, :, None] * weights).sum(dim=1)


def attend(shape: Tokens, spikes: torch.Tensor) -> torch.Tensor:
    """``(Q Kᵀ) V`` of each head, queries and keys first: ``[samples, axons]`` to ``[samples, neurons]``."""
    query, key, value = spikes.reshape(-1, 3, shape.tokens, shape.heads, shape.head_channels).unbind(1)
    scores = torch.einsum("snhc,smhc->shnm", query, key)
    return torch.einsum("shnm,smhc->snhc", scores, value).reshape(len(spikes), -1)


def convolve(geometry: Geometry, weights: torch.Tensor, arriving: torch.Tensor) -> torch.Tensor:
    """What ``arriving`` spikes ``[samples, axons]`` add to the neurons ``[samples, neurons]``, by PyTorch's own conv2d;
    exact, as float64 holds the integers."""
    y, x = geometry.vertical, geometry.horizontal
    image = arriving.reshape(-1, *geometry.in_shape).permute(0, 3, 1, 2).to(torch.float64)
    image = torch.nn.functional.avg_pool2d(image, (y.pool, x.pool)) * (y.pool * x.pool)
    spread = torch.zeros((*image.shape[:2], y.padded, x.padded), dtype=torch.float64)
    spread[:, :, y.before : y.padded - y.after : y.up, x.before : x.padded - x.after : x.up] = image.round()
    steps, spacing = (y.stride, x.stride), (y.dilation, x.dilation)
    kernel = weights.to(torch.float64)
    drive = torch.nn.functional.conv2d(spread, kernel, None, steps, 0, spacing, geometry.groups)
    return drive.permute(0, 2, 3, 1).reshape(len(arriving), -1).to(torch.int64)


class TorchProgram(torch.nn.Module):
    """A whole program; layers run step by step, as a user of snnTorch or Norse would write it."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.sequence = [TorchLayer(layer) for layer in program.layers]
        self.layers = torch.nn.ModuleList(self.sequence)  # what torch sees of it

    def forward(self, spikes: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Spikes bool ``[samples, steps, inputs]`` to (spikes, membrane) of each layer, with steps."""
        for layer in self.sequence:
            layer.start(spikes.shape[0])
        history: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in self.sequence]
        fired = [torch.zeros((spikes.shape[0], layer.neurons), dtype=torch.bool) for layer in self.sequence]
        for step in range(spikes.shape[1]):
            for place, (layer, record) in enumerate(zip(self.sequence, history, strict=True)):
                signals = [
                    [spikes[:, step] if place + source < 0 else fired[place + source] for source in connection.sources]
                    for connection, _ in layer.connections
                ]
                record.append(layer(signals))
                fired[place] = record[-1][0]
        return [
            (torch.stack([s for s, _ in record], 1), torch.stack([v for _, v in record], 1)) for record in history
        ]
