"""What a run did, in the metrics of the surveys: how right, how soon, how many spikes, at what energy.

"Survey" is the survey of large-scale spiking networks that this project started from; its sections are named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ranvier.golden.decoding.decoded import Decoded
from ranvier.golden.program import Program

SPIKE_PJ = 20.0
"""Energy of a spike, ``E_spike``: that of Loihi, a digital chip with memory beside its cores (survey, table 2). It is
not of a chip of ours, and serves to compare networks, not chips."""


@dataclass(frozen=True)
class Metrics:
    """Of some samples; what needs labels is None where there are none, what needs spikes where no layer spikes.

    - ``decoder``: its name. ``accuracy``: share of samples whose last prediction is their label (survey, 5.2).
    - ``latency_steps``: ``L = min {t | prediction(t) = label}``, steps counted from 1 (survey, 5.2): mean over the
      samples that have one; ``never_right``: how many have none.
    - ``exit_steps``: steps after which a sample may end, mean; ``exit_accuracy``: of the predictions by then.
    - ``firing_rate``: ``r = sum of spikes / (N T)``, neurons of all spiking layers and steps (survey, 5.2);
      ``sparsity``: ``1 - r``.
    - ``spikes``: of these neurons in a sample, mean; ``input_spikes``: that came in. ``energy_pj``:
      ``E = N_spikes E_spike`` of a sample (survey, 5.2), with :data:`SPIKE_PJ`.
    - ``duty_cycle``: active time by total time (survey, 6.3), of a core, mean over the cores; None where it was not
      measured.
    """

    decoder: str
    accuracy: float | None
    latency_steps: float | None
    never_right: int | None
    exit_steps: float
    exit_accuracy: float | None
    firing_rate: float | None
    sparsity: float | None
    spikes: float
    input_spikes: float
    energy_pj: float
    duty_cycle: float | None


def metrics_of(
    program: Program,
    inputs: np.ndarray,
    outputs: Sequence[np.ndarray],
    decoder: str,
    decoded: Decoded,
    labels: np.ndarray | None,
    duty_cycle: float | None,
) -> Metrics:
    """``inputs``: spikes ``[samples, steps, inputs]``, bool or graded; ``outputs``: of each layer bool ``[samples,
    steps, neurons]``; ``decoded``: what ``decoder`` made of the last; ``labels`` int64 ``[samples]``."""
    samples = len(inputs)
    spiking = [each for each, layer in zip(outputs, program.layers, strict=True) if layer.model.spiking]
    spikes, places = sum(int(np.count_nonzero(each)) for each in spiking), sum(each.size for each in spiking)
    rate = spikes / places if places else None
    accuracy = latency = never = early = None
    if labels is not None:
        right = decoded.predictions == labels[:, None]
        ever = right.any(axis=1)
        accuracy, never = float(right[:, -1].mean()), int((~ever).sum())
        latency = float((right[ever].argmax(axis=1) + 1).mean()) if ever.any() else None
        early = float((decoded.exit_answers == labels).mean())
    return Metrics(
        decoder=decoder,
        accuracy=accuracy,
        latency_steps=latency,
        never_right=never,
        exit_steps=float((decoded.exit_steps + 1).mean()),
        exit_accuracy=early,
        firing_rate=rate,
        sparsity=None if rate is None else 1 - rate,
        spikes=spikes / samples,
        input_spikes=int(inputs.sum(dtype=np.int64)) / samples,
        energy_pj=SPIKE_PJ * spikes / samples,
        duty_cycle=duty_cycle,
    )
