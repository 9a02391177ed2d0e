"""The trained digits network in RTL: real test images, and the speed of both simulators."""

import time
from pathlib import Path

import pytest

from ranvier.gen.design import load_design
from ranvier.gen.emit import generate
from ranvier.gen.stimulus import Samples
from ranvier.sim.result import SimResult
from ranvier.sim.runner import simulate_build

IMAGES = 200


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    design = load_design("digits")
    folder: Path = tmp_path_factory.mktemp("digits") / "digits"
    generate(design, folder)
    samples = design.samples(seed=0)
    return design, folder, Samples(samples.spikes[:IMAGES], samples.labels[:IMAGES])


def speed(result: SimResult) -> float:
    """Clock cycles a second of CPU time: other processes must not make the test fail."""
    print(
        f"{result.cycles_per_second:,.0f} cycles a second, {result.clock_cycles / result.cpu_seconds:,.0f} of CPU time"
    )
    return result.clock_cycles / result.cpu_seconds


def test_200_images_on_verilator(digits):
    design, folder, samples = digits
    result = simulate_build(folder, samples, simulator="verilator", seed=1)
    assert result.passed, result.problem
    neurons = sum(layer.neurons for layer in design.program.layers)
    assert result.samples == IMAGES
    assert result.compared.spikes == result.compared.membranes == samples.spikes[..., 0].size * neurons
    assert result.accuracy_rtl == result.accuracy_golden
    assert result.accuracy_rtl >= design.report.float_accuracy - 0.02  # on a part of the split
    assert result.event_utilisation >= 0.95
    assert speed(result) >= 150_000


def work() -> float:
    """CPU seconds of some work in Python, which goes as fast as the machine does."""
    begin = time.process_time()
    for number in range(200_000):
        int(f"{number:040b}", 2)
    return time.process_time() - begin


def test_some_images_on_icarus(digits):
    """Twice; the better of the two as a ratio, as machines are not alike, nor one always as fast as itself: 1,000
    cycles in the time of ``work`` are 10,000 a second where that takes 0.1 s."""
    _, folder, samples = digits
    few = Samples(samples.spikes[:8], samples.labels[:8])
    ratios = []
    for seed in (2, 3):
        before = work()
        result = simulate_build(folder, few, seed=seed)
        ratios.append(speed(result) * (before + work()) / 2)
        assert result.passed, result.problem
        assert len(result.latencies) == 4
    print(f"cycles in the time of the work: {ratios}")
    assert max(ratios) >= 1_000
