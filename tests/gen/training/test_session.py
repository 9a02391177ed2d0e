"""The loop: whatever stops it, wherever, the numbers are those of a training that nothing stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.errors import RanvierError
from ranvier.gen.training.checkpoint import CHECKPOINT, Checkpoint
from ranvier.gen.training.engine import GoldenEngine
from ranvier.gen.training.plan import TrainingPlan, load_plan
from ranvier.gen.training.results import Tally
from ranvier.gen.training.session import Session
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import TrainingState

from ...trainings import TOML, changed, write


class Golden(GoldenEngine):
    """One sample at a time, so that a session can be stopped after each."""

    chunk = 1


def same(a: TrainingState, b: TrainingState) -> None:
    for name in ("weights", "momentum", "gradient"):
        for expected, found in zip(getattr(a, name), getattr(b, name), strict=True):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(a.generators, b.generators)
    assert a.pending == b.pending


def timeless(session: Session) -> list[dict]:
    """All figures but the times."""
    times = {"seconds", "samples_per_second"}
    return [figures.model_dump(exclude=times) for figures in session.figures]


@pytest.fixture
def plan(tmp_path: Path) -> TrainingPlan:
    return load_plan(write(tmp_path))


@pytest.fixture
def whole(plan: TrainingPlan, tmp_path: Path) -> Session:
    (tmp_path / "whole").mkdir()
    session = Session(plan, GoldenEngine(plan.setup), tmp_path / "whole")
    assert session.run()
    return session


def test_it_learns(whole):
    assert [figures.epoch for figures in whole.figures] == [1, 2]
    assert whole.figures[-1].train_loss < whole.figures[0].train_loss
    assert 0 < whole.figures[0].spikes["hidden"] < 1


def test_a_session_is_the_loop_of_golden(plan, whole):
    """The same, written down anew: batches of five, the last of an epoch of two, its rate that of its first sample."""
    state = TrainingState.fresh(plan.setup, 3)
    from ranvier.gen.training.coding import Course

    for epoch in range(2):
        samples = Course(plan.data, 3, 3, epoch, 0.5).part(0, 42)
        for start in range(0, 42, 5):
            bptt.learn(plan.setup, state, samples.spikes[start : start + 5], samples.labels[start : start + 5])
            bptt.update(plan.setup, state, plan.rates.rate(epoch, start / 42))
    same(state, whole.engine.save())


@pytest.mark.parametrize("stops", [(1,), (7, 12), (42, 43), (55, 60, 97), tuple(range(0, 110, 9))])
def test_interrupted_and_resumed_is_as_uninterrupted(plan, whole, tmp_path, stops):
    """After any calls of the engine: in a batch, between two, in the test, after the end of an epoch."""
    checkpoint, calls = None, 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls - 1 in stops

    for _ in range(len(stops) + 1):
        session = Session(plan, Golden(plan.setup), tmp_path, checkpoint, stop=stop)
        if session.run():
            break
        checkpoint = Checkpoint.load(tmp_path / CHECKPOINT, plan.hash, plan.setup)
    assert len(session.figures) == 2
    same(whole.engine.save(), session.engine.save())
    assert timeless(whole) == timeless(session)


def test_a_finished_session_has_nothing_to_do(plan, whole, tmp_path):
    checkpoint = Checkpoint.load(tmp_path / "whole" / CHECKPOINT, plan.hash, plan.setup)
    again = Session(plan, GoldenEngine(plan.setup), tmp_path, checkpoint)
    assert again.run()
    same(whole.engine.save(), again.engine.save())


def test_a_batch_of_one(tmp_path):
    plan = load_plan(write(tmp_path, changed("batch = 5", "batch = 1")))
    session = Session(plan, GoldenEngine(plan.setup), tmp_path)
    assert session.run()
    from ranvier.gen.training.coding import Course

    state = TrainingState.fresh(plan.setup, 3)
    for epoch in range(2):
        samples = Course(plan.data, 3, 3, epoch, 0.5).part(0, 42)
        for sample in range(42):
            bptt.learn(plan.setup, state, samples.spikes[sample : sample + 1], samples.labels[sample : sample + 1])
            bptt.update(plan.setup, state, plan.rates.rate(epoch, sample / 42))
    same(state, session.engine.save())


@pytest.mark.parametrize(
    "change",
    [
        ("epochs = 2", "epochs = 3"),
        ("seed = 3", "seed = 4"),
        ("lanes = 4", "lanes = 8"),
        ("shifted = 0.5", "shifted = 0.4"),
        ("layers = [16, 12, 3]", "layers = [16, 13, 3]"),
        ("batch = 5", "batch = 6"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(plan, whole, tmp_path, change):
    other = load_plan(write(tmp_path, changed(*change)))
    path = tmp_path / "whole" / CHECKPOINT
    with pytest.raises(RanvierError, match="of another configuration, data, seed or version of Ranvier: give those"):
        Checkpoint.load(path, other.hash, other.setup)


def test_a_checkpoint_of_other_data_is_refused_and_one_of_overlap_is_not(plan, whole, tmp_path):
    labels = plan.data.train.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    other = load_plan(write(tmp_path, train_labels=labels))
    with pytest.raises(RanvierError, match="another configuration, data, seed"):
        Checkpoint.load(tmp_path / "whole" / CHECKPOINT, other.hash, other.setup)
    assert load_plan(write(tmp_path, TOML + "overlap = true\n")).hash == plan.hash
    assert load_plan(write(tmp_path, TOML + "recompute = false\n")).hash == plan.hash


def test_a_damaged_checkpoint_is_refused(plan, whole, tmp_path):
    data = (tmp_path / "whole" / CHECKPOINT).read_bytes()
    path = tmp_path / CHECKPOINT
    random = np.random.default_rng(0)
    for number in range(120):
        broken = bytearray(data)
        place = int(random.integers(len(data)))
        broken[place] ^= 1 << int(random.integers(8))
        path.write_bytes(broken if number % 2 else data[:place])
        with pytest.raises(RanvierError) as error:
            Checkpoint.load(path, plan.hash, plan.setup)
        assert str(error.value) == f"Checkpoint {path} is damaged; start again with --force"


def test_tallies_add_up_in_any_order():
    engine_figures = Tally(samples=2, loss=5, spikes=[1, 2], gradients=[3], saturations=[0, 1, 0])
    assert Tally.model_validate_json(engine_figures.model_dump_json()) == engine_figures


def test_a_session_of_another_engine_goes_on(plan, whole, tmp_path):
    """Figures name the engine that ended the epoch."""
    calls = iter(range(1000))
    first = Session(plan, Golden(plan.setup), tmp_path, stop=lambda: next(calls) == 20)
    assert not first.run()
    checkpoint = Checkpoint.load(tmp_path / CHECKPOINT, plan.hash, plan.setup)
    assert checkpoint.position.samples == 20
    assert checkpoint.state.pending == 0
    engine = GoldenEngine(plan.setup)
    engine.name = "other"
    second = Session(replace(plan), engine, tmp_path, checkpoint)
    assert second.run()
    assert [figures.engine for figures in second.figures] == ["other", "other"]
    same(whole.engine.save(), second.engine.save())
