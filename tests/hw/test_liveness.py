"""Chips that the check of liveness refuses lock up in simulation, and those that it lets pass do not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ranvier.golden.program import Connection, Layer, Program
from ranvier.golden.synapse import Dense
from ranvier.hw import config as hw_config
from ranvier.hw.config import ChipConfig, Feed, chip_config
from ranvier.hw.liveness import deadlock

from ..programs import random_attention, random_graph, random_model, random_parameters
from .bench import events_of, play


def diamond() -> Program:
    """Neurons that always spike; the third layer hears the first and the second."""
    rng = np.random.default_rng(0)
    model = replace(random_model(rng, current=False), spiking=True, reset="none", comparison="greater_equal")
    layers = []
    for name, sources in (("a", ((-1,),)), ("b", ((-1,),)), ("c", ((-1,), (-2,)))):
        parameters = random_parameters(rng, model, 4) | {"threshold": np.array(-(1 << model.state_width - 1))}
        connections = tuple(Connection(Dense(np.ones((4, 4), np.int64)), each) for each in sources)
        layers.append(Layer(name, connections, 4, model, parameters))
    return Program("diamond", tuple(layers), 2)


def unchecked(config: ChipConfig, feeds: tuple[tuple[Feed, ...], ...], monkeypatch: pytest.MonkeyPatch) -> ChipConfig:
    with monkeypatch.context() as patch:
        patch.setattr(hw_config, "deadlock", lambda feeds: None)
        return replace(config, feeds=feeds)


WRONG = {
    "the later source first": lambda feeds: (*feeds[:2], feeds[2][::-1]),
    "one source in two feeds": lambda feeds: (*feeds[:2], (Feed(1, (0,)), Feed(1, (4,)))),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_refused_locks_up(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = diamond()
    good = chip_config(program, 2)
    spikes = np.ones((1, 2, 4), bool)
    assert deadlock(good.feeds) is None
    assert len(play(program, good, events_of(spikes), limit=2000).sent) == 2 * 5
    feeds = WRONG[wrong](good.feeds)
    with pytest.raises(ValueError, match="Feeds of chip diamond must not wait for each other, as do "):
        replace(good, feeds=feeds)
    with pytest.raises(AssertionError, match="no end after 2000 cycles"):
        play(program, unchecked(good, feeds, monkeypatch), events_of(spikes), limit=2000)


@dataclass(frozen=True)
class Takes:
    """A chip of processes that take turns: how far each is, tried out step by step."""

    feeds: tuple[tuple[Feed, ...], ...]

    def ends(self) -> bool:
        """Whether one step ends, each source handing on one event, when all who hear it can take it."""
        turn = [0] * len(self.feeds)
        full = {(core, k) for core, own in enumerate(self.feeds) for k, feed in enumerate(own) if feed.back}
        moved = True
        while moved:
            moved = False
            for core, own in enumerate(self.feeds):
                if turn[core] < len(own) and own[turn[core]].back:
                    full.discard((core, turn[core]))
                    turn[core] += 1
                    moved = True
            for source in range(-1, len(self.feeds)):
                takers = [(c, k) for c, own in enumerate(self.feeds) for k, f in enumerate(own) if f.source == source]
                ready = source < 0 or turn[source] == len(self.feeds[source])
                forward = [(c, k) for c, k in takers if not self.feeds[c][k].back]
                backward = [taker for taker in takers if taker not in forward]
                if ready and forward and all(turn[c] == k for c, k in forward) and not full.intersection(backward):
                    for c, _ in forward:
                        turn[c] += 1
                    moved = True
        return all(at == len(own) for at, own in zip(turn, self.feeds, strict=True))


def test_the_check_agrees_with_trying_it_out() -> None:
    """On feeds of random graphs, in the right order and in random ones."""
    rng = np.random.default_rng(3)
    found = {True: 0, False: 0}
    for seed in range(300):
        program = random_attention(rng) if seed % 5 == 0 else random_graph(rng, delays=True)
        good = chip_config(program, 1).feeds
        assert deadlock(good) is None and Takes(good).ends()
        mixed = tuple(tuple(own[k] for k in rng.permutation(len(own))) for own in good)
        ends = Takes(mixed).ends()
        assert (deadlock(mixed) is None) == ends, mixed
        found[ends] += 1
    print(f"random orders that end: {found[True]}, that lock up: {found[False]}")
    assert min(found.values()) >= 20


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        (lambda feeds: (*feeds[:2], (Feed(0, (0,)),)), "Core b must be heard by another, as it is not the last one"),
        (lambda feeds: (feeds[0], (Feed(2, (0,), back=True),), feeds[2]),
         "Core b must hear the input or a layer before it, which begin its steps"),
    ],
)  # fmt: skip
def test_a_core_that_would_wait_for_ever_is_refused(feeds, message: str) -> None:
    good = chip_config(diamond(), 2)
    with pytest.raises(ValueError) as error:
        replace(good, feeds=feeds(good.feeds))
    assert str(error.value) == message
