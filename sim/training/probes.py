"""What a trainer's probes recorded, in the order of golden: samples, steps, layers, neurons."""

import numpy as np

from ranvier.hw.train.config import TrainerConfig

from ..compiled.words import unpack_fields


def layer_values(
    config: TrainerConfig, record: np.ndarray, width: int, *, signed: bool, backwards: bool = False
) -> list[np.ndarray]:
    """Of each layer the fields, ``width`` bits each, of a record (uint64 ``[n, chunks]``, one for each group of lanes
    of each layer and step): int64 ``[samples, steps, neurons]``. ``backwards``: last step and last layer come first.
    """
    lanes = config.lanes
    values = unpack_fields(record, width, lanes, signed=signed)
    values = values.reshape(-1, config.setup.steps, config.groups * lanes)
    if backwards:
        values = values[:, ::-1]
    result = []
    for layer in config.layers:
        first = config.groups - layer.group_base - layer.groups if backwards else layer.group_base
        result.append(values[:, :, first * lanes : first * lanes + layer.layer.neurons])
    return result
