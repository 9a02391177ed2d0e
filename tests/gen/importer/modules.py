"""Small networks of random weights, and what the import makes of them."""

from pathlib import Path

import numpy as np
import torch

from ranvier.gen.config import load_configuration
from ranvier.gen.importer.importing import Imported, import_source
from ranvier.gen.importer.source import Source
from ranvier.gen.network import Network
from ranvier.gen.readers import read_network

SEED = 7


def imported(folder: Path, module: torch.nn.Module, shape: tuple[int, ...], steps: int | None = 8) -> Imported:
    """``module`` in eval mode, as ``net.nir`` and ``net.toml`` in ``folder``."""
    print(f"seed {SEED}")
    return import_source(Source("test.py:net", "net", module.eval(), shape), folder, steps, SEED)


def equal(folder: Path, module: torch.nn.Module, shape: tuple[int, ...], steps: int | None = 8) -> Imported:
    """The same, which must compute what ``module`` does: every spike, or every potential to 1e-6 of the greatest."""
    done = imported(folder, module, shape, steps)
    comparison = done.comparison
    print(comparison.summary())
    assert comparison.fired > 10
    if comparison.differing is None:
        assert comparison.greatest <= 1e-6 * comparison.largest
    else:
        assert comparison.differing == 0
        assert comparison.fired < 0.9 * comparison.values
    return done


def network(folder: Path) -> Network:
    """What ``ranvier check`` reads."""
    configuration = load_configuration(str(folder / "net.toml"))
    assert configuration.model is not None
    return read_network(configuration.model, configuration.discretisation)


def spread(module: torch.nn.Module, factor: float = 1.0, seed: int = SEED) -> torch.nn.Module:
    """Random weights that make neurons fire, and norms with statistics of their own."""
    generator = torch.Generator().manual_seed(seed)

    def normal(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d):
                fan_in = float(np.prod(each.weight.shape[1:]))
                each.weight.copy_(factor * 2 * normal(each.weight) / fan_in**0.5)
                if each.bias is not None:
                    each.bias.copy_(0.2 * normal(each.bias).abs())
            if isinstance(each, torch.nn.modules.batchnorm._BatchNorm):
                each.running_mean.copy_(0.3 * normal(each.running_mean))
                each.running_var.copy_(0.5 + normal(each.running_var).abs())
                if each.weight is not None:
                    each.weight.copy_(0.8 + 0.4 * normal(each.weight).abs())
                if each.bias is not None:
                    each.bias.copy_(0.3 * normal(each.bias))
    return module
