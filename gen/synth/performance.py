"""What cycles measured in simulation and a clock speed from place and route give together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Performance:
    """``latency_us`` of one sample, from its first event to its last; ``samples_per_second`` one after the other, not
    overlapped; ``synaptic_operations_per_second`` at that rate (None where their number is not known)."""

    cycles_per_sample: float
    latency_us: float
    samples_per_second: float
    synaptic_operations_per_second: float | None


def performance(cycles: float, fmax_mhz: float, synaptic_operations: float | None = None) -> Performance:
    """``cycles`` and ``synaptic_operations`` are means over the samples that were simulated."""
    rate = fmax_mhz * 1e6 / cycles
    operations = None if synaptic_operations is None else synaptic_operations * rate
    return Performance(cycles, cycles / fmax_mhz, rate, operations)
