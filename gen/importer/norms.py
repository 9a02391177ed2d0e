"""Batch normalisation in inference, ``(x - mean) / sqrt(var + eps) * weight + bias``, folded into synapses before it.

A norm that differs from step to step becomes the mean over its steps, and how far any step lies from it is stated:

    tdBN    alpha * v_th in the weight (Zheng et al., AAAI 2021): folded exactly
    TEBN    the norm times p[t] (Duan et al., NeurIPS 2022)
    BNTT    statistics and weight for each step, no bias (Kim and Panda, Frontiers in Neuroscience 2021)
"""

from typing import Any

import nir
import numpy as np

from ..readers.graph import NodeError
from .draft import Draft, Norm, Signal
from .registry import reads
from .synapses import array, pointwise

_SYNAPSES = (nir.Affine, nir.Conv1d, nir.Conv2d)


@reads("torch.BatchNorm1d", "torch.BatchNorm2d", "torch.SyncBatchNorm", "spikingjelly.BatchNorm1d",
       "spikingjelly.BatchNorm2d", "spikingjelly.ThresholdDependentBatchNorm1d",
       "spikingjelly.ThresholdDependentBatchNorm2d")  # fmt: skip
def batch_norm(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    scale, bias = line(module, signal.shape[0])
    return draft.add(name, Norm(scale, bias), signal)


@reads("spikingjelly.TemporalEffectiveBatchNorm1d", "spikingjelly.TemporalEffectiveBatchNorm2d")
def effective_norm(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    scale, bias = line(module, signal.shape[0])
    factors = array(module.scale)[:, None]
    return per_step(draft, name, factors * scale, factors * bias, signal)


@reads("spikingjelly.BatchNormThroughTime1d", "spikingjelly.BatchNormThroughTime2d")
def norm_through_time(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    return norms_through_time(draft, name, list(module.bn_list), signal)


def norms_through_time(draft: Draft, name: str, modules: list[Any], signal: Signal) -> Signal:
    """A norm for each step."""
    lines = [line(module, signal.shape[0]) for module in modules]
    scales, biases = (np.array(each) for each in zip(*lines, strict=True))
    return per_step(draft, name, scales, biases, signal)


def per_step(draft: Draft, name: str, scales: np.ndarray, biases: np.ndarray, signal: Signal) -> Signal:
    """The mean of norms ``[steps, channels]``, and a note of how far they lie from it."""
    given = draft.add(name, Norm(scales.mean(0), biases.mean(0)), signal)
    (name,) = given.sources
    draft.steps[name] = len(scales)
    draft.notes[name] = (
        f"mean of {len(scales)} steps, of which one has another scale by up to {_deviation(scales):.2%}"
        f" and another bias by up to {_deviation(biases):.2%} of the greatest mean"
    )
    return given


def _deviation(values: np.ndarray) -> float:
    mean = values.mean(0)
    largest = np.abs(mean).max()
    return float(np.abs(values - mean).max() / largest) if largest else 0.0


def line(module: Any, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Scale and bias of each channel. Raises NodeError."""
    if module.running_mean is None:
        reason = "it has no running statistics, so that it normalises by the batch that it gets"
        raise NodeError(reason, "train it with track_running_stats=True")
    if channels != module.num_features:
        raise NodeError(f"it takes {module.num_features} channels but gets {channels}", "make the two agree")
    scale = 1 / np.sqrt(array(module.running_var) + module.eps)
    if module.weight is not None:
        scale = scale * array(module.weight)
    bias = -array(module.running_mean) * scale
    return scale, bias if module.bias is None else bias + array(module.bias)


def fold(draft: Draft) -> None:
    """Take every norm into the synapses that lead to nothing else than to it; make nodes of those without any."""
    for name in [name for name, node in draft.nodes.items() if isinstance(node, Norm)]:
        norm = draft.nodes[name]
        assert isinstance(norm, Norm)
        own = [n for n in draft.before(name) if isinstance(draft.nodes[n], _SYNAPSES) and draft.after(n) == [name]]
        if not own:
            node = pointwise(norm.scale[:, None], norm.bias, draft.shapes[name], len(norm.scale))
            if len(draft.shapes[name]) == 1:
                node = nir.Affine(np.diag(norm.scale), norm.bias)
            draft.nodes[name] = node
            continue
        others = [source for source in draft.before(name) if source not in own]
        targets = draft.after(name)
        draft.edges = [edge for edge in draft.edges if name not in edge]
        for place, source in enumerate(own):
            synapses: Any = draft.nodes[source]
            synapses.weight = synapses.weight * norm.scale.reshape(-1, *[1] * (synapses.weight.ndim - 1))
            synapses.bias = synapses.bias * norm.scale + (0 if place else norm.bias)
            draft.edges += [(source, target) for target in targets]
        del draft.nodes[name]
        for source in others:
            wide = norm.scale.reshape(-1, *[1] * (len(draft.shapes[name]) - 1))
            scale = draft.free(f"{name}.{source}")
            draft.nodes[scale] = nir.Scale(np.broadcast_to(wide, draft.shapes[name]).copy())
            draft.shapes[scale] = draft.shapes[name]
            draft.edges += [(source, scale), *((scale, target) for target in targets)]
