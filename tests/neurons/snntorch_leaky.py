"""snnTorch's Leaky in float64."""

import numpy as np
import snntorch
import torch


def run_leaky(
    beta: np.ndarray, threshold: np.ndarray, drives: np.ndarray, mechanism: str, delay: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and membrane potentials ``[steps, neurons]``."""
    node = snntorch.Leaky(
        beta=torch.as_tensor(beta), threshold=torch.as_tensor(threshold), reset_mechanism=mechanism, reset_delay=delay
    )
    membrane, found = torch.zeros(drives.shape[1], dtype=torch.float64), []
    for drive in torch.from_numpy(drives):
        fired, membrane = node(drive, membrane)
        found.append((fired.numpy(), membrane.numpy()))
    return np.array([fired for fired, _ in found]), np.array([each for _, each in found])
