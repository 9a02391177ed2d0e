"""Float networks become integers that behave like them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ranvier.gen import quantize as quantizer
from ranvier.gen.accuracy import measure
from ranvier.gen.blank import blank_program
from ranvier.gen.config import BlankCore, Quantisation
from ranvier.gen.design import load_design
from ranvier.gen.errors import RanvierError
from ranvier.gen.network import Network, NetworkLayer, Neurons
from ranvier.gen.quantize import quantize
from ranvier.gen.stimulus import Samples
from ranvier.golden.inference import run_program
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.program import dense
from ranvier.hw.config import chip_config

SEED = 4


def layer(inputs: int = 30, n: int = 8, decay: float | np.ndarray = 0.875, **neurons: object) -> NetworkLayer:
    random = np.random.default_rng(SEED + n)
    fields = {
        "membrane_decay": np.broadcast_to(decay, n).astype(float), "threshold": np.ones(n), "reset_value": np.zeros(n),
        "membrane_bias": np.linspace(0, 0.06, n),
    }  # fmt: skip
    weights, bias = random.normal(0.1, 0.4, (inputs, n)), random.normal(0, 0.05, n)
    return NetworkLayer(f"layer{n}", dense(weights), bias, Neurons(**fields | neurons), f"node{n}")


def readout(inputs: int, n: int) -> NetworkLayer:
    return layer(inputs, n, decay=0.9, threshold=None, reset="none")


def spikes(inputs: int = 30) -> np.ndarray:
    print(f"seed {SEED}")
    return np.random.default_rng(SEED).random((20, 16, inputs)) < 0.15


@pytest.mark.parametrize("reset_timing", ["same_step", "next_step"])
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
@pytest.mark.parametrize("current_timing", [None, "same_step", "next_step"])
def test_sixteen_bits_follow_the_float_network(reset: str, reset_timing: str, current_timing: str | None) -> None:
    current = {} if current_timing is None else {"current_decay": np.full(8, 0.6), "current_timing": current_timing}
    first = layer(
        decay=np.linspace(0.5, 0.95, 8), reset=reset, reset_timing=reset_timing, comparison="greater", **current
    )
    network = Network("net", (first, readout(8, 3)))
    program = quantize(network, Quantisation(weight_width=16, decay_fraction_bits=16))
    model = program.layers[0].model
    assert (model.reset, model.reset_timing, model.comparison) == (reset, reset_timing, "greater")
    assert current_timing == (model.current and model.current.timing)
    report = measure(network, program, Samples(spikes()))
    hidden, out = report.layers
    assert 0.02 < hidden.rate < 0.95
    assert hidden.agreement > 0.999
    assert hidden.typical < 2e-3
    assert out.alone < 1e-3
    assert report.same_decision == 1
    assert hidden.saturations == out.saturations == 0


def test_the_scale_of_few_bits_beats_filling_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [Network("net", (layer(n=n),)) for n in range(10, 22)]

    def deviations() -> list[float]:
        programs = [quantize(network, Quantisation(weight_width=4)) for network in networks]
        reports = [measure(*pair, Samples(spikes())) for pair in zip(networks, programs, strict=True)]
        return [report.layers[0].typical for report in reports]

    chosen = deviations()
    filled = lambda layer, width, per_channel: np.full(layer.bias.size, 7 / np.abs(layer.weights).max())  # noqa: E731
    monkeypatch.setattr(quantizer, "best_scale", filled)
    assert np.mean(chosen) < 0.95 * np.mean(deviations())


@pytest.mark.parametrize("preset", ["digits", "digits_residual"])
def test_a_scale_for_each_channel_comes_nearer(preset: str) -> None:
    """Of dense layers and convolutions; readouts keep one scale."""
    design = load_design(preset)
    quantisation = design.configuration.quantisation
    programs = [
        quantize(design.network, quantisation.model_copy(update={"per_channel": chosen})) for chosen in (False, True)
    ]
    one, many = (measure(design.network, program, design.measured.first(60)) for program in programs)
    for layer, before, after in zip(programs[1].layers[:-1], one.layers, many.layers, strict=False):
        print(f"{layer.name}: {before.typical:.4f} with one scale, {after.typical:.4f} with {layer.scale.size}")
        assert layer.parameters["threshold"].shape == (layer.channels,)
        assert after.typical < 0.8 * before.typical
    assert programs[1].layers[-1].scale.shape == ()


def test_one_bit_keeps_the_signs() -> None:
    network = Network("net", (layer(),))
    (quantised,) = quantize(network, Quantisation(weight_width=1)).layers
    assert np.array_equal(quantised.matrix.reshape(-1), np.sign(network.layers[0].weights))
    assert quantised.scale == pytest.approx(1 / np.abs(network.layers[0].weights).mean())


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        (1.0, Keep()), (0.0, Shift(0)), (0.5, Shift(1)), (0.875, Shift(3)), (0.875 + 5e-8, Shift(3)),
        (0.9375 - 5e-7, Shift(4)), (0.9, Multiply(8)), (0.875 + 2e-6, Multiply(8)),
        (np.array([0.5, 0.75] * 4), Multiply(8)),
    ],
)  # fmt: skip
def test_decays_take_the_cheapest_circuit(decay: float | np.ndarray, expected: object) -> None:
    (quantised,) = quantize(Network("net", (layer(decay=decay),)), Quantisation()).layers
    assert quantised.model.membrane_decay == expected
    if isinstance(expected, Multiply):
        assert np.array_equal(quantised.parameters["membrane_factor"], np.rint(np.unique(decay) * 256).squeeze()) or (
            quantised.parameters["membrane_factor"].tolist() == [128, 192] * 4
        )


def test_shared_parameters_are_scalars_unless_programmable() -> None:
    network = Network("net", (layer(decay=0.9, membrane_bias=np.full(8, 0.1)),))
    shared, own = (quantize(network, Quantisation(), programmable).layers[0] for programmable in (False, True))
    assert {name: array.shape for name, array in shared.parameters.items()} == {
        "bias": (8,), "threshold": (), "reset_value": (), "membrane_factor": (),
    }  # fmt: skip
    assert {array.shape for array in own.parameters.values()} == {(8,)}
    assert all(np.array_equal(np.broadcast_to(shared.parameters[k], 8), own.parameters[k]) for k in own.parameters)


@pytest.mark.parametrize(("decay", "factor"), [(1.0, 256), (0.0, 0), (0.875, 224)])
def test_programmable_parameters_take_other_values(decay: float, factor: int) -> None:
    """Any decay and any bias of the state's width, whatever the network's own are."""
    plain = replace(layer(decay=decay, membrane_bias=np.zeros(8)), bias=np.zeros(8))
    current = {"current_decay": np.full(8, decay)}
    for network in (plain, replace(plain, neurons=replace(plain.neurons, **current))):
        (own,) = quantize(Network("net", (network,)), Quantisation(), programmable=True).layers
        assert own.model.membrane_decay == Multiply(8)
        assert (own.parameters["membrane_factor"] == factor).all()
        assert own.model.bias_width == max(own.model.state_width, own.model.integrator_width)
        if own.model.current is not None:
            assert own.model.current.decay == Multiply(8)
            assert (own.parameters["current_factor"] == factor).all()
        other = own.parameters | {"bias": np.full(8, 2 ** (own.model.state_width - 1) - 1)}
        replace(own, parameters=other)  # is refused where it does not fit


def test_programmable_networks_of_one_shape_share_a_chip() -> None:
    """So that what one needs in its memories can be loaded into the other's; without the option it cannot."""
    still = replace(layer(decay=1.0, membrane_bias=np.zeros(8)), bias=np.zeros(8))
    leaky = layer(decay=np.linspace(0.5, 0.95, 8), threshold=np.linspace(0.8, 1.2, 8))
    for programmable in (True, False):
        programs = [
            quantize(Network("net", (which,)), Quantisation(state_width=16), programmable) for which in (still, leaky)
        ]
        assert (chip_config(programs[0], 4) == chip_config(programs[1], 4)) == programmable


def test_given_state_width_saturates_and_is_reported() -> None:
    network = Network("net", (layer(reset="none", decay=1.0),))
    report = measure(network, quantize(network, Quantisation(weight_width=4, state_width=6)), Samples(spikes()))
    assert report.layers[0].state_width == 6
    assert report.layers[0].saturations > 0


@pytest.mark.parametrize(
    ("changed", "quantisation", "message"),
    [
        ({"weights": np.zeros((30, 8))}, {}, "all weights are 0, so that nothing can be computed; train it"),
        ({"weights": np.eye(8)}, {"weight_width": 1}, "56 of 64 weights are 0, but a weight of 1 bit is -1 or +1;"),
        ({"weights": np.full((30, 8), np.inf)}, {}, "weights times gains are not finite"),
        ({"threshold": np.full(8, 1e-3)}, {"weight_width": 2}, "a threshold of 0.001 becomes 0 beside weights up to"),
        ({"threshold": np.full(8, 1e9)}, {}, "its threshold becomes "),
        ({"threshold": np.full(8, 50.0)}, {"state_width": 8}, "but quantisation.state_width is 8; leave state_width"),
        ({"threshold": np.full(8, -1.0), "reset": "soft"}, {}, "Parameter threshold must lie in 0.."),
        ({"membrane_decay": np.full(8, 0.999)}, {}, "set quantisation.decay_fraction_bits to 9"),
        ({"membrane_decay": np.full(8, 0.9999969)}, {}, "use neurons without a leak"),
        (
            {"membrane_decay": np.ones(8), "threshold": None, "reset": "none"}, {"weight_width": 16, "steps": 1 << 16},
            "bits to hold 65536 steps, more than 32; set quantisation.state_width (it saturates), or fewer steps",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_quantised(changed: dict[str, object], quantisation: dict[str, int], message: str) -> None:
    original = layer()
    neurons = replace(original.neurons, **{k: v for k, v in changed.items() if k != "weights"})
    connections = dense(changed["weights"]) if "weights" in changed else original.connections
    broken = replace(original, connections=connections, neurons=neurons)
    with pytest.raises(RanvierError, match=r"^Layer layer8: .*" + re.escape(message)):
        quantize(Network("net", (broken,)), Quantisation(**quantisation))


def test_report_counts_labels_and_batches() -> None:
    """More samples than one batch; accuracies are those of the decisions themselves."""
    network = Network("net", (layer(), readout(8, 3)))
    program = quantize(network, Quantisation())
    stimulus = np.random.default_rng(SEED).random((300, 6, 30)) < 0.2
    trace = run_program(program, stimulus)[-1]
    labels = trace.membrane.sum(axis=1).argmax(axis=1)
    labels[:30] += 1
    report = measure(network, program, Samples(stimulus, labels))
    assert report.integer_accuracy == 0.9
    assert report.float_accuracy is not None
    assert abs(report.float_accuracy - 0.9) < 0.05
    assert (report.samples, report.steps) == (300, 6)
    assert "accuracy: float" in report.summary()


def test_blank_core_is_the_same_each_time() -> None:
    core = BlankCore(axons=12, neurons=5, threshold=20, leak_shift=3)
    first, second = (blank_program("core", core, Quantisation(weight_width=4)) for _ in range(2))
    assert np.array_equal(first.layers[0].matrix, second.layers[0].matrix)
    stimulus = np.random.default_rng(SEED).random((20, 16, 12)) < 0.5
    trace = run_program(first, stimulus)[0]
    assert trace.spikes.any()
    assert not trace.saturations.any()
    with pytest.raises(RanvierError, match="threshold 20 does not fit 5 bits of state; set it to at most 15"):
        blank_program("core", core, Quantisation(state_width=5))


def test_a_programmable_blank_core_takes_other_values() -> None:
    core = BlankCore(axons=12, neurons=5, threshold=20, leak_shift=3)
    (own,) = blank_program("core", core, Quantisation(weight_width=4), programmable=True).layers
    assert (own.model.membrane_decay, own.model.bias_width) == (Multiply(8), own.model.state_width)
    assert own.parameters["membrane_factor"].tolist() == [256 - 32] * 5
    with pytest.raises(RanvierError, match="has 2 fraction bits, too few for a leak_shift of 3; set leak_shift to"):
        blank_program("core", core, Quantisation(decay_fraction_bits=2), programmable=True)
