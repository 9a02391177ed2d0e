"""From the units of a user to integers."""

import pytest

from ranvier.gen.config import load_configuration
from ranvier.gen.errors import RanvierError
from ranvier.gen.training.config import Training
from ranvier.gen.training.setup import rate_plan, trainer_config
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.loss import CountError, CrossEntropy, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Table, Triangle


def training(**tables) -> Training:
    return Training.model_validate({"layers": [16, 12, 3], "steps": 4} | tables)


def setup(**tables) -> TrainingSetup:
    return trainer_config("net", training(**tables)).setup


def preset(name: str) -> Training:
    found = load_configuration(name).training
    assert found is not None
    return found


def test_the_presets_are_the_measured_recipes():
    one = 1 << 9
    hidden = {"bias": 0, "threshold": one, "reset_value": 0}
    digits = TrainingSetup(
        "train_digits",
        (
            TrainedLayer("hidden", 64, 128, Lif(16, Shift(3)), hidden, Rectangle(one // 2)),
            TrainedLayer("readout", 128, 10, Lif(16, Shift(4), spiking=False), {"bias": 0}),
        ),
        CrossEntropy(Softmax(10, unit_bits=11, probability_bits=10)),
        Sgd(Shift(3), momentum_width=20, rate_width=8, rate_shift=21, clip=2047),
        steps=8,
        batch=16,
        weight_width=12,
        weight_fraction=9,
    )
    assert trainer_config("train_digits", preset("train_digits")).setup == digits
    mnist = TrainingSetup(
        "train_mnist",
        (
            TrainedLayer("hidden", 784, 200, Lif(16, Shift(3)), hidden, Rectangle(one // 2)),
            TrainedLayer("readout", 200, 10, Lif(16, Keep(), spiking=False), {"bias": 0}),
        ),
        CrossEntropy(Softmax(10, unit_bits=10, probability_bits=10)),
        Sgd(Shift(3), momentum_width=20, rate_width=8, rate_shift=20, clip=2047),
        steps=4,
        batch=32,
        weight_width=12,
        weight_fraction=9,
        gradient_width=14,
    )
    assert trainer_config("train_mnist", preset("train_mnist")).setup == mnist


def test_the_presets_have_the_rates_of_the_recipes():
    plan = rate_plan("digits", preset("train_digits"))
    assert [plan.rate(epoch, 0.9) for epoch in (0, 1, 10, 19)] == [255, 253, 128, 2]
    plan = rate_plan("mnist", preset("train_mnist"))
    assert [plan.rate(epoch, share) for epoch, share in ((0, 0.0), (0, 0.25), (1, 0.6), (2, 0.99))] == [
        255,
        251,
        128,
        4,
    ]


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [255, 255, 255, 255]),
        ("linear", [255, 191, 128, 64]),
        ([1.0, 0.1], [255, 255, 26, 26]),
        ([1.0, 0.0], [255, 255, 0, 0]),
        ([0.001], [1, 1, 1, 1]),
    ],
)
def test_schedules(schedule, rates):
    plan = rate_plan("net", training(epochs=4, optimiser={"schedule": schedule}))
    assert [plan.rate(epoch, 0.0) for epoch in range(4)] == rates


@pytest.mark.parametrize(
    ("leak", "decay"),
    [(1.0, Keep()), (0.0, Shift(0)), (0.5, Shift(1)), (0.9375, Shift(4)), (0.9, Multiply(8)), (0.7501, Shift(2))],
)
def test_leaks_are_shifts_where_they_can_be(leak, decay):
    layer = setup(neurons={"leak": leak}).layers[0]
    assert layer.model.membrane_decay == decay
    assert layer.parameters.get("membrane_factor", 230) == 230


def test_reals_become_integers_of_the_weights_fraction():
    found = setup(
        neurons={"threshold": 0.75}, surrogate={"width": 2.0}, loss={"unit": 0.5}, optimiser={"clip": 2.0}, batch=4
    )
    assert found.layers[0].parameters["threshold"] == 384
    assert found.layers[0].surrogate == Rectangle(384)
    assert isinstance(found.loss, CrossEntropy)
    assert found.loss.softmax.unit_bits == 8
    assert found.optimiser.clip == 1024


def test_surrogates_and_losses():
    assert setup(surrogate={"kind": "triangle", "width": 2.0}).layers[0].surrogate == Triangle(9, 4)
    assert isinstance(setup(surrogate={"kind": "arctan", "slope": 2.0}).layers[0].surrogate, Table)
    found = setup(loss={"kind": "count_error"})
    assert found.loss == CountError(3, 3)
    assert [layer.name for layer in found.layers] == ["hidden", "classes"]
    tet = setup(loss={"kind": "tet"}).loss
    assert isinstance(tet, CrossEntropy)
    assert tet.every_step


def test_names_recurrence_and_propagation():
    found = setup(layers=[16, 8, 4, 3], recurrent=[1], propagation="ottt")
    assert [layer.name for layer in found.layers] == ["hidden1", "hidden2", "readout"]
    assert [layer.recurrent for layer in found.layers] == [True, False, False]
    assert (found.temporal, found.traces) == (False, True)
    assert not setup(propagation="sltt").traces


def test_a_rate_is_that_of_the_mean_gradient():
    """One weight behind one spike, by hand: an error of 1 in all samples of a batch moves it by the rate; the error of
    a potential is that of the loss over its unit."""
    for batch, bits, unit in ((1, 10, 4.0), (8, 7, 1.0)):
        tables = {"batch": batch, "loss": {"unit": unit}, "formats": {"probability_bits": bits}}
        tables["optimiser"] = {"rate": 0.01}
        plan, found = rate_plan("net", training(**tables)), setup(**tables)
        lost = batch * 2**bits * plan.top / 2**found.optimiser.rate_shift / 2**found.weight_fraction
        assert lost == pytest.approx(0.01 / unit, rel=0.01)


def test_a_rate_of_a_power_of_two_takes_no_multiplier():
    tables = {"formats": {"rate_width": 0}, "optimiser": {"schedule": "constant", "rate": 0.01556}}
    assert (setup(**tables).optimiser.rate_shift, setup(**tables).optimiser.rate_width) == (13, 0)
    assert rate_plan("net", training(**tables)).rate(3, 0.5) == 1


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"optimiser": {"rate": 1e9}},
            "Training net: optimiser.rate overflows: 1e+09 becomes a factor of 7.812e+06, more than 255 (8 bits)",
        ),
        ({"optimiser": {"rate": 1e-12}}, "Training net: optimiser.rate vanishes: 1e-12 becomes a factor of 0"),
        (
            {"formats": {"rate_width": 0}},
            "Training net: a rate without a multiplier (formats.rate_width = 0) cannot change; set optimiser.schedule ="
            ' "constant"',
        ),
        (
            {"optimiser": {"clip": 8.0}},
            "Training net: optimiser.clip must be 0.00195312..3.99805 (12 bits, 9 of them fraction), not 8",
        ),
        ({"loss": {"unit": 3.0}}, "Training net: loss.unit must be a power of two, not 3"),
        (
            {"surrogate": {"kind": "triangle", "width": 3.0}},
            "Training net: half the surrogate.width of a triangle must be a power of two in units of weights, not 768;"
            " with this threshold 4 is",
        ),
        ({"recurrent": [3]}, "Training net: recurrent must name layers 1..2, not 3"),
        ({"recurrent": [2]}, "Training net: Layer readout must spike to be recurrent"),
        (
            {"batch": 1 << 16},
            "Training net: the gradient of a batch needs 35 bits, more than 32; set a smaller batch, steps or"
            " formats.gradient_width",
        ),
        (
            {"layers": [16, 1 << 30, 3], "formats": {"gradient_width": 32}, "steps": 2, "batch": 1, "recurrent": [1]},
            "Training net: sums of weights times gradients need 74 bits, more than 53; set a smaller"
            " formats.gradient_width or weight_width",
        ),
        (
            {"neurons": {"threshold": 100.0}},
            "Training net: Layer hidden: Parameter threshold must lie in -32768..32767 (16 bits), not 51200..51200",
        ),
        ({"layers": [16, 1]}, "Training net: Classes must be at least 2, not 1"),
    ],
)
def test_what_does_not_fit_is_refused(tables, message):
    with pytest.raises(RanvierError) as error:
        trainer_config("net", training(**tables))
    assert str(error.value) == message
