"""Training one neuron, step and weight at a time, in exact fractions, from the equations of the specification.

It reads setups as plain descriptions; nothing is computed by ``ranvier.golden``. A rounding is a call of
:func:`nearest`, :func:`floor` or :func:`towards_zero` on an exact :class:`Fraction`. Matrices are lists of lists.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.train.loss import CountError, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Surrogate, Triangle

from ..oracle import State, limited, nearest, opening

Matrix = list[list[int]]


def towards_zero(value: Fraction) -> int:
    return floor(value) if value >= 0 else -floor(-value)


def leak_factor(decay: Decay, factor: int) -> Fraction:
    """What is left of 1 after a step."""
    match decay:
        case Keep():
            return Fraction(1)
        case Shift(amount=amount):
            return 1 - Fraction(1, 2**amount)
        case Multiply(fraction_bits=bits):
            return Fraction(factor, 2**bits)


def surrogate_steps(surrogate: Surrogate, distance: int) -> int:
    """The surrogate derivative in units of ``2**-fraction_bits``."""
    away = abs(distance)
    if isinstance(surrogate, Rectangle):
        return int(away < surrogate.half_width)
    if isinstance(surrogate, Triangle):
        height = 1 - Fraction(away, 2**surrogate.log2_half_width)
        return max(floor(height * 2**surrogate.fraction_bits), 0)
    index = floor(Fraction(away, 2**surrogate.index_shift))
    return surrogate.values[index] if index < len(surrogate.values) else 0


def synapses(layer: TrainedLayer) -> list[tuple[int, int, int, int]]:
    """``(input, neuron, row, column)`` of each synapse from the inputs, its weight being ``[row][column]``."""
    conv = layer.convolution
    if conv is None:
        return [(j, k, j, k) for j in range(layer.inputs) for k in range(layer.neurons)]
    (high, wide), (down, across), (top, left) = conv.kernel, conv.stride, conv.padding
    result, neuron = [], 0
    for filter_ in range(conv.filters):
        for y in range(0, conv.height + 2 * top - high + 1, down):
            for x in range(0, conv.width + 2 * left - wide + 1, across):
                for channel in range(conv.channels):
                    for i in range(high):
                        for j in range(wide):
                            row, column = y + i - top, x + j - left
                            if 0 <= row < conv.height and 0 <= column < conv.width:
                                source = (channel * conv.height + row) * conv.width + column
                                result.append((source, neuron, (channel * high + i) * wide + j, filter_))
                neuron += 1
    assert neuron == layer.neurons
    return result


@dataclass
class LayerRun:
    """One sample: lists over steps of lists over neurons; gradients stay empty until :func:`backward`."""

    inputs: list[list[bool]]
    v: Matrix = field(default_factory=list)
    s: list[list[bool]] = field(default_factory=list)
    derivative: Matrix = field(default_factory=list)
    saturations: int = 0
    gs: Matrix = field(default_factory=list)
    gv: Matrix = field(default_factory=list)
    learned: Matrix = field(default_factory=list)  # what weights multiply their axons' spikes by
    gradient_saturations: int = 0


def forward(setup: TrainingSetup, weights: list[Matrix], inputs: list[list[bool]]) -> list[LayerRun]:
    runs = []
    for layer, matrix in zip(setup.layers, weights, strict=True):
        runs.append(_forward_layer(layer, matrix, inputs))
        inputs = runs[-1].s
    return runs


def _forward_layer(layer: TrainedLayer, weights: Matrix, inputs: list[list[bool]]) -> LayerRun:
    model, parameters, run = layer.model, layer.parameters, LayerRun(inputs)
    theta = parameters.get("threshold", 0)
    own_row = len(weights) - layer.neurons
    states = [State() for _ in range(layer.neurons)]
    for spikes in inputs:
        drive = [0] * layer.neurons
        for j, k, row, column in synapses(layer):
            drive[k] += weights[row][column] if spikes[j] else 0
        if layer.recurrent:
            for other in range(layer.neurons):
                for k in range(layer.neurons):
                    drive[k] += weights[own_row + other][k] if states[other].spiked else 0
        potentials, fired, slopes, after = [], [], [], []
        for k, state in enumerate(states):
            total = opening(model, parameters, state) + drive[k]
            v = limited(total, model.state_width)
            run.saturations += v != total
            spike = model.spiking and (v > theta if model.comparison == "greater" else v >= theta)
            membrane = v
            if spike and model.reset_timing == "same_step" and model.reset != "none":
                membrane = parameters["reset_value"] if model.reset == "hard" else v - theta
            potentials.append(v)
            fired.append(spike)
            slopes.append(0 if layer.surrogate is None else surrogate_steps(layer.surrogate, v - theta))
            after.append(State(membrane, spike))
        states = after
        run.v.append(potentials)
        run.s.append(fired)
        run.derivative.append(slopes)
    return run


def first_largest(values: list[int]) -> int:
    return values.index(max(values))


def softmax_error(softmax: Softmax, scores: list[int], label: int) -> tuple[list[int], int]:
    """Probabilities less the target, and the loss."""
    one, step = 2**softmax.exponential_bits, 2**softmax.step_bits
    steps = [floor(Fraction((max(scores) - score) * step, 2**softmax.unit_bits)) for score in scores]
    exponentials = [round(one * math.exp(-n / step)) if n < softmax.entries - 1 else 0 for n in steps]
    total = sum(exponentials)
    bits = softmax.exponential_bits + softmax.probability_bits + softmax.classes.bit_length()
    reciprocal = floor(Fraction(2**bits, total))
    unit = 2**softmax.probability_bits
    shares = [nearest(Fraction(e * reciprocal * unit, 2**bits)) for e in exponentials]
    error = [share - (k == label) * unit for k, share in enumerate(shares)]
    sixteenths = floor(Fraction(16 * total, one))
    loss = Fraction(256 * steps[label], step) + round(256 * math.log((sixteenths + 0.5) / 16))
    assert loss.denominator == 1
    return error, int(loss)


def assess(setup: TrainingSetup, run: LayerRun, label: int) -> tuple[Matrix, int, int]:
    """Gradient of the outputs of each step, loss and prediction."""
    loss, steps = setup.loss, setup.steps
    if isinstance(loss, CountError):
        counts = [sum(column) for column in zip(*run.s, strict=True)]
        gaps = [count - (loss.on if k == label else loss.off) for k, count in enumerate(counts)]
        return [[gap * 2**loss.gain_shift for gap in gaps]] * steps, sum(g * g for g in gaps), first_largest(counts)
    totals = [sum(column) for column in zip(*run.v, strict=True)]
    if loss.every_step:
        pairs = [softmax_error(loss.softmax, scores, label) for scores in run.v]
        return [error for error, _ in pairs], sum(part for _, part in pairs), first_largest(totals)
    error, value = softmax_error(loss.softmax, totals, label)
    return [error] * steps, value, first_largest(totals)


def backward(setup: TrainingSetup, weights: list[Matrix], runs: list[LayerRun], outputs: Matrix) -> None:
    """Fill in the gradients of ``runs``, from the last layer to the first."""
    unit = 2**setup.weight_fraction
    arriving = [[Fraction(g) for g in row] for row in outputs]
    for index in reversed(range(len(setup.layers))):
        layer, run, matrix = setup.layers[index], runs[index], weights[index]
        _backward_layer(setup, layer, matrix, run, arriving)
        arriving = [[Fraction(0)] * layer.inputs for _ in range(setup.steps)]
        for t in range(setup.steps):
            for j, k, row, column in synapses(layer):
                arriving[t][j] += Fraction(matrix[row][column] * run.gv[t][k], unit)


def _backward_layer(
    setup: TrainingSetup, layer: TrainedLayer, weights: Matrix, run: LayerRun, arriving: list[list[Fraction]]
) -> None:
    model, parameters, bits = layer.model, layer.parameters, setup.gradient_width
    unit = 2**setup.weight_fraction
    alpha = leak_factor(model.membrane_decay, parameters.get("membrane_factor", 0))
    theta, rest = parameters.get("threshold", 0), parameters.get("reset_value", 0)
    own_row = len(weights) - layer.neurons
    later = [0] * layer.neurons  # gv of the step after
    for t in reversed(range(setup.steps)):
        if not setup.temporal:
            later = [0] * layer.neurons
        gs_row, gv_row = [], []
        for k in range(layer.neurons):
            total = arriving[t][k]
            if layer.recurrent:
                total += sum(Fraction(weights[own_row + k][n] * later[n], unit) for n in range(layer.neurons))
            g_out, v, s = nearest(total), run.v[t][k], run.s[t][k]
            leaked = towards_zero(alpha * later[k])
            if layer.surrogate is None:
                gs, wanted = 0, g_out + leaked
            else:
                path = Fraction(0)
                if setup.reset_path == "exact" and model.reset == "hard":
                    path = Fraction(leaked * (v - rest), unit)
                elif setup.reset_path == "exact" and model.reset == "soft":
                    path = Fraction((leaked if model.reset_timing == "same_step" else later[k]) * theta, unit)
                gs, slope = 0, run.derivative[t][k]
                if slope:
                    gs = limited(g_out - nearest(path), bits)
                    run.gradient_saturations += gs != g_out - nearest(path)
                cut = s and model.reset == "hard"
                wanted = nearest(Fraction(slope) / Fraction(2) ** layer.surrogate.fraction_bits * gs)
                wanted += 0 if cut else leaked
            gs_row.append(gs)
            gv_row.append(limited(wanted, bits))
            run.gradient_saturations += gv_row[-1] != wanted
        later = gv_row
        learned_row = list(gv_row)
        if setup.traces and run.learned:
            for k, following in enumerate(run.learned[0]):
                wanted = gv_row[k] + towards_zero(alpha * following)
                learned_row[k] = limited(wanted, bits)
                run.gradient_saturations += learned_row[k] != wanted
        run.learned.insert(0, learned_row)
        run.gs.insert(0, gs_row)
        run.gv.insert(0, gv_row)


def weight_gradient(layer: TrainedLayer, shape: tuple[int, int], runs: list[LayerRun]) -> Matrix:
    """Sum over samples, steps and synapses of a weight; ``runs``: one of each sample."""
    total = [[0] * shape[1] for _ in range(shape[0])]
    own_row = shape[0] - layer.neurons
    for run in runs:
        for t, gv in enumerate(run.learned):
            for j, k, row, column in synapses(layer):
                total[row][column] += gv[k] if run.inputs[t][j] else 0
            if layer.recurrent and t:
                for j in range(layer.neurons):
                    for k in range(layer.neurons):
                        total[own_row + j][k] += gv[k] if run.s[t - 1][j] else 0
    return total


def xorshift(state: int) -> int:
    """Marsaglia's generator of 32 bits with shifts of 13, 17 and 5."""
    state ^= state << 13 & 0xFFFFFFFF
    state ^= state >> 17
    return state ^ (state << 5 & 0xFFFFFFFF)


def noise(layer: TrainedLayer, shape: tuple[int, int], generators: list[int]) -> tuple[Matrix, list[int]]:
    """A state of a generator for each weight, and the generators afterwards: a visit of ``lanes`` columns of a row
    advances all of them; own spikes of a recurrent layer begin at a row that is a multiple of ``lanes``."""
    lanes = len(generators)
    rows = list(range(shape[0]))
    if layer.recurrent:
        start = math.ceil(layer.inputs / lanes) * lanes
        rows = [*range(layer.inputs), *range(start, start + layer.neurons)]
    drawn: dict[int, list[int]] = {}
    for row in range(rows[-1] + 1):
        drawn[row] = []
        for first in range(0, shape[1], lanes):
            for column in range(first, min(first + lanes, shape[1])):
                drawn[row].append(generators[(row + column) % lanes])
            generators = [xorshift(state) for state in generators]
    return [drawn[row] for row in rows], generators


def update(optimiser: Sgd, weight: int, momentum: int, gradient: int, rate: int, draw: int) -> tuple[int, int, bool]:
    """Weight and momentum after a batch, and whether the momentum was limited."""
    kept = towards_zero(leak_factor(optimiser.decay, optimiser.decay_factor) * momentum)
    wanted = kept + nearest(Fraction(gradient, 2**optimiser.gradient_shift))
    momentum = limited(wanted, optimiser.momentum_width)
    unit = 2**optimiser.rate_shift
    target = weight - Fraction(momentum * (rate if optimiser.rate_width else 1), unit)
    moved = floor(target + Fraction(draw % unit, unit)) if optimiser.stochastic else nearest(target)
    return min(max(moved, -optimiser.clip), optimiser.clip), momentum, momentum != wanted
