"""Golden arithmetic in PyTorch: what ``select``, ``lookup`` and ``logistic`` mean for tensors."""

from collections.abc import Sequence

import torch

from .fixed import Value, is_real, logistic, lookup, select


@select.register
def _(condition: torch.Tensor, if_true: Value, if_false: Value) -> torch.Tensor:
    return torch.where(condition, if_true, if_false)


@is_real.register
def _(value: torch.Tensor) -> bool:
    return value.is_floating_point()


@logistic.register
def _(value: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(value)


@lookup.register
def _(index: torch.Tensor, table: Sequence[int]) -> torch.Tensor:
    return torch.tensor(table, dtype=torch.int64)[index]
