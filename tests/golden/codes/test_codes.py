"""Each code against definitions that share no code with it: exact fractions, walks of the generator, frameworks."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from snntorch import spikegen
from spikingjelly.activation_based.encoding import LatencyEncoder

from ranvier.gen.training.coding import rate_code
from ranvier.golden.codes.address import AddressEvents
from ranvier.golden.codes.delta import Delta
from ranvier.golden.codes.direct import Direct
from ranvier.golden.codes.latency import Latency
from ranvier.golden.codes.population import Population
from ranvier.golden.codes.rate import Rate
from ranvier.golden.codes.regular import Regular

SEEDS = range(6)


def walked(seed: int, count: int) -> list[int]:
    """Marsaglia's generator, one step after the other."""
    states, state = [], seed
    for _ in range(count):
        states.append(state)
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
    return states


def drawn(seed: int, count: int, bits: int) -> list[Fraction]:
    """Numbers in 0 … 1 as the walk gives them, of so many high bits."""
    return [Fraction(state >> (32 - bits), 1 << bits) for state in walked(seed, count)]


@pytest.mark.parametrize("seed", SEEDS)
def test_rate_is_a_bernoulli_trial_with_the_walked_number(seed):
    rng = np.random.default_rng(seed)
    inputs, steps, maximum = int(rng.integers(1, 9)), int(rng.integers(1, 12)), int(rng.integers(1, 1 << 16))
    code = Rate(inputs=inputs, steps=steps, maximum=maximum, seed=int(rng.integers(1, 1 << 32)))
    values = rng.choice([0, 1, maximum - 1, maximum, int(rng.integers(0, maximum + 1))], (3, inputs))
    spikes = code.encode(values)
    numbers = drawn(code.seed, steps * inputs, 16)
    expected = [
        [[numbers[step * inputs + n] < Fraction(int(row[n]), maximum) for n in range(inputs)] for step in range(steps)]
        for row in values
    ]
    assert spikes.dtype == bool and spikes.tolist() == expected
    print(f"seed {seed}: {spikes.size} trials, {spikes.sum()} spikes")


def test_rates_are_the_values():
    """Over many steps each rate lies within five standard deviations of its value, and neighbours are independent."""
    steps, maximum = 20_000, 40
    values = np.arange(maximum + 1)[None]
    spikes = Rate(inputs=maximum + 1, steps=steps, maximum=maximum, seed=0x9E3779B9).encode(values)[0]
    probability = values[0] / maximum
    off = np.abs(spikes.mean(axis=0) - probability) / np.sqrt(np.maximum(probability * (1 - probability), 1e-9) / steps)
    assert off.max() < 5
    assert not spikes[:, 0].any() and spikes[:, -1].all()
    inner = spikes[:, 1:-1].astype(float)
    correlated = np.corrcoef(inner.T) - np.eye(inner.shape[1])
    following = np.corrcoef(inner[:-1, 19], inner[1:, 19])[0, 1]
    print(f"{spikes.size} trials, worst {off.max():.2f} deviations, correlation {np.abs(correlated).max():.4f}")
    assert np.abs(correlated).max() < 0.05 and abs(following) < 0.05


def test_a_sample_is_coded_alike_whatever_came_before():
    values = np.random.default_rng(1).integers(0, 17, (5, 7))
    code = Rate(inputs=7, steps=9, maximum=16, seed=77)
    together = code.encode(values)
    assert together.any()
    for sample in range(5):
        np.testing.assert_array_equal(code.encode(values[sample : sample + 1])[0], together[sample])


@pytest.mark.parametrize("seed", SEEDS)
def test_regular_is_the_difference_of_floors(seed):
    rng = np.random.default_rng(seed)
    steps, maximum = int(rng.integers(1, 40)), int(rng.integers(1, 1 << 12))
    values = np.append(rng.integers(0, maximum + 1, 18), [0, maximum])[None]
    spikes = Regular(inputs=20, steps=steps, maximum=maximum).encode(values)
    for n, value in enumerate(values[0].tolist()):
        rate = Fraction(value, maximum)
        assert spikes[0, :, n].tolist() == [math.floor((t + 1) * rate) > math.floor(t * rate) for t in range(steps)]
    np.testing.assert_array_equal(spikes, rate_code(values, steps, maximum))
    print(f"seed {seed}: {spikes.size} slots, {spikes.sum()} spikes")


@pytest.mark.parametrize("seed", SEEDS)
def test_latency_is_equation_11(seed):
    rng = np.random.default_rng(seed)
    steps, maximum = int(rng.integers(1, 60)), int(rng.integers(1, 300))
    values = np.arange(maximum + 1)[None]
    spikes = Latency(inputs=maximum + 1, steps=steps, maximum=maximum).encode(values)[0]
    assert (spikes.sum(axis=0) == 1).all()
    for value, step in enumerate(spikes.argmax(axis=0).tolist()):
        assert step == math.floor(Fraction(maximum - value, maximum) * (steps - 1) + Fraction(1, 2))
    print(f"seed {seed}: {spikes.sum()} spikes")


@pytest.mark.parametrize("steps", [2, 8, 33])
def test_latency_equals_snntorch_and_spikingjelly(steps):
    """All values whose time does not lie in the middle of two steps, which PyTorch rounds to the even one."""
    maximum = 255
    times = [Fraction(maximum - value, maximum) * (steps - 1) for value in range(maximum + 1)]
    values = np.array([value for value, time in enumerate(times) if time.denominator != 2])
    ours = Latency(inputs=len(values), steps=steps, maximum=maximum).encode(values[None])[0]
    given = torch.tensor(values, dtype=torch.float64) / maximum
    encoder = LatencyEncoder(steps, "linear", step_mode="s")
    np.testing.assert_array_equal(ours, np.stack([encoder(given).numpy() for _ in range(steps)]).astype(bool))
    theirs = spikegen.latency(given, num_steps=steps, normalize=True, linear=True, tau=1, threshold=1e-9)
    np.testing.assert_array_equal(ours, theirs.numpy().astype(bool))
    print(f"{ours.sum()} spikes")


@pytest.mark.parametrize("curve", ["gaussian", "triangular"])
@pytest.mark.parametrize("seed", SEEDS)
def test_population_spikes_by_its_tuning_curve(curve, seed):
    rng = np.random.default_rng(seed)
    neurons, maximum = int(rng.integers(2, 9)), int(rng.integers(16, 1 << 12))
    width = float(rng.choice([0.5, 1, 1.7]))
    first = int(rng.integers(1, 1 << 32))
    code = Population(inputs=4, steps=9, maximum=maximum, neurons=neurons, curve=curve, width=width, seed=first)
    values = np.array([[0, maximum, *rng.integers(0, maximum + 1, 2)]])
    spikes = code.encode(values).reshape(9, 4, neurons)
    numbers = np.array(drawn(first, 9 * 4 * neurons, 8)).reshape(spikes.shape)
    bits = max(maximum.bit_length() - 6, 0)
    checked = 0
    for n, unit in np.ndindex(4, neurons):
        distance = abs(int(values[0, n]) - math.floor(Fraction(unit * maximum, neurons - 1)))
        middle = (distance >> bits << bits) + ((1 << bits) - 1) / 2
        scaled = middle / (width * maximum / (neurons - 1))
        response = math.exp(-scaled * scaled / 2) if curve == "gaussian" else max(0.0, 1 - scaled)
        for step in range(9):
            margin = float(numbers[step, n, unit]) - response
            if abs(margin) > 2**-9 + 1e-9:  # the table rounds to 2**-8
                assert spikes[step, n, unit] == (margin < 0)
                checked += 1
    print(f"seed {seed}: {checked} of {spikes.size} slots, {spikes.sum()} spikes")
    assert checked > 0.9 * spikes.size


def test_triangular_neighbours_share_a_value():
    """Of width 1, they are a partition of one: the responses to a value add up to 2**8."""
    code = Population(inputs=1, steps=1, maximum=60, neurons=5, curve="triangular", width=1, seed=1)
    assert code.centres == (0, 15, 30, 45, 60)
    sums = [sum(code.responses[abs(value - centre)] for centre in code.centres) for value in range(61)]
    assert sums == [256] * 61


def test_direct_sends_the_value_in_every_step():
    values = np.array([[0, 1, 9], [3, 9, 0]])
    spikes = Direct(inputs=3, steps=4, maximum=9).encode(values)
    assert spikes.dtype == np.uint8 and spikes.shape == (2, 4, 3)
    np.testing.assert_array_equal(spikes, np.stack([values] * 4, axis=1))


@pytest.mark.parametrize("seed", SEEDS)
def test_delta_sends_where_a_signal_has_moved_since_its_last_event(seed):
    """Followed signal by signal; the values at events rebuild the signal to within the threshold."""
    rng = np.random.default_rng(seed)
    steps, inputs, maximum = int(rng.integers(1, 40)), int(rng.integers(1, 6)), int(rng.integers(2, 300))
    threshold = int(rng.integers(0, min(maximum, 40)))
    moves = rng.integers(-20, 21, (3, steps, inputs)).cumsum(axis=1)
    values = np.clip(moves + maximum // 2, 0, maximum)
    spikes = Delta(inputs=inputs, steps=steps, maximum=maximum, threshold=threshold).encode(values)
    assert spikes.shape == (3, steps, 2 * inputs)
    for sample, n in np.ndindex(3, inputs):
        held = None
        for step, value in enumerate(values[sample, :, n].tolist()):
            on, off = spikes[sample, step, 2 * n : 2 * n + 2].tolist()
            held = value if held is None else held
            assert (on, off) == (value > held + threshold, value < held - threshold)
            held = value if on or off else held
            assert abs(value - held) <= threshold
    print(f"seed {seed}: {spikes.sum()} events")


def test_delta_equals_snntorch_where_signals_jump_or_stand_still():
    rng = np.random.default_rng(5)
    threshold = 10
    jumps = rng.choice([-3, -2, -1, 0, 0, 1, 2, 3], (1, 60, 4)) * (threshold + 1)
    values = jumps.cumsum(axis=1)
    values -= values.min()
    code = Delta(inputs=4, steps=60, maximum=int(values.max()), threshold=threshold)
    ours = code.encode(values).reshape(60, 4, 2).astype(int)
    theirs = spikegen.delta(torch.tensor(values[0]).double(), threshold=threshold + 1, padding=True, off_spike=True)
    np.testing.assert_array_equal(ours[..., 0] - ours[..., 1], theirs.numpy().astype(int))
    assert ours.sum() > 100


@pytest.mark.parametrize("seed", SEEDS)
def test_address_events_are_counted_by_bin(seed):
    rng = np.random.default_rng(seed)
    rows, columns, steps, interval = (int(n) for n in rng.integers(1, [7, 7, 9, 500]))
    levels = int(rng.integers(1, 4))
    code = AddressEvents(rows=rows, columns=columns, steps=steps, interval=interval, levels=levels)
    events = np.stack([rng.integers(0, bound, (2, 300)) for bound in (columns, rows, 2, steps * interval)], axis=-1)
    events[..., 3].sort(axis=1)
    events[1, 200:] = -1
    spikes = code.encode(events)
    assert spikes.dtype == (bool if levels == 1 else np.uint8)
    image = spikes.reshape(2, steps, rows, columns, 2)
    counted = dict.fromkeys(np.ndindex(image.shape), 0)
    for sample, kept in enumerate((events[0], events[1, :200])):
        for x, y, polarity, time in kept.tolist():
            counted[sample, math.floor(Fraction(time, interval)), y, x, polarity] += 1
    for place, count in counted.items():
        assert image[place] == min(count, levels)
    print(f"seed {seed}: {sum(counted.values())} events, {sum(max(n - levels, 0) for n in counted.values())} merged")
