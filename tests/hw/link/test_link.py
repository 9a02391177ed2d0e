"""Two links on lines that err: every flit arrives once and in order, and in the time that is said."""

from itertools import pairwise

import pytest

from ranvier.hw.link import Link

from .pair import OTHER, SIDES, Bench, exchange

SMALL = {"width": 8, "wires": 4}  # a frame in 44 cycles


@pytest.mark.parametrize(
    "parameters",
    [
        SMALL,
        {"width": 16, "wires": 1},
        {"width": 5, "wires": 3, "oversampling": 5, "window": 2},
        {"width": 40, "wires": 8, "oversampling": 8, "window": 7},
    ],
)
def test_latency_on_an_idle_line(parameters):
    bench = Bench(0, (1, 0), limit=6000, **parameters)
    link = bench.pair.links["left"]
    bench.flits["left"] = []

    async def story(ctx):
        await ctx.tick("left").repeat(4 * link.timeout)
        bench.flits["left"] = [21]

    bench.simulator.add_testbench(story)
    bench.last = dict.fromkeys(SIDES, 6 * link.timeout)
    outcome = bench.run()
    ((taken, flit),), ((offered, same),) = outcome.sent["left"], outcome.got["right"]
    assert (flit, same) == (21, 21)
    form = link.form
    assert link.frame_cycles == link.oversampling * (2 + form.body_symbols + form.check_symbols)
    assert offered - taken == link.latency == link.frame_cycles - link.oversampling + link.oversampling // 2 + 6


def turns(outcome, side):
    """Cycles between flits that arrive, once the link is in its stride."""
    return [later - cycle for (cycle, _), (later, _) in pairwise(outcome.got[side][12:])]


@pytest.mark.parametrize("counts", [(60, 60), (60, 0)])
@pytest.mark.parametrize("parameters", [SMALL, {"width": 20, "wires": 8, "oversampling": 6, "window": 9}])
def test_throughput_is_a_flit_a_frame(parameters, counts):
    outcome = exchange(1, counts, limit=8000, **parameters)
    for side, count in zip(SIDES, counts, strict=True):
        if count:
            assert set(turns(outcome, OTHER[side])) == {outcome.link.frame_cycles}
    assert not any([*outcome.corrupted.values(), *outcome.retransmissions.values(), *outcome.outages.values()])


def test_throughput_with_a_window_of_one():
    outcome = exchange(1, (30, 0), limit=8000, window=1, **SMALL)
    assert set(turns(outcome, "right")) == {2 * outcome.link.latency}


@pytest.mark.parametrize(
    ("seed", "rate", "burst", "options"),
    [
        (0, 1e-3, 4, SMALL),
        (2, 3e-3, 1, SMALL | {"stalls": (0.5, 0.9)}),
        (3, 6e-3, 1, SMALL | {"window": 7}),
        (4, 2e-3, 1, {"width": 16, "wires": 1, "stalls": (0.2, 0.2)}),
        (5, 4e-3, 15, SMALL | {"stalls": (0.3, 0.3)}),  # burst errors
        (6, 1e-2, 60, SMALL | {"window": 3}),
        (7, 3e-3, 1, {"width": 8, "wires": 3, "window": 1}),
        (8, 2e-3, 1, SMALL | {"periods": (10.0, 10.1), "stalls": (0.3, 0.3)}),  # clocks that differ by a hundredth
        (9, 2e-3, 1, {"width": 4, "wires": 1, "oversampling": 8, "periods": (10.1, 10.0)}),
        (10, 6e-3, 7, {"width": 21, "wires": 8, "oversampling": 5, "periods": (9.95, 10.0), "window": 6}),
        (11, 2e-3, 1, SMALL | {"delay": 40, "periods": (10.0, 10.1)}),  # almost a frame on its way
    ],
)
def test_everything_arrives_once_and_in_order(seed, rate, burst, options):
    count = 80 if options["wires"] > 3 else 30
    outcome = exchange(seed, (count, count), rate=rate, burst=burst, limit=60_000, **options)
    assert outcome.flips >= 3 * burst
    assert sum(outcome.corrupted.values()) > 0
    assert sum(outcome.retransmissions.values()) > 0


def test_without_errors_nothing_is_sent_again():
    """Whatever the streams do, and with almost a frame on its way; clocks that differ by a hundredth lose no frame."""
    for seed, stalls in enumerate([(0.9, 0.0), (0.0, 0.95), (0.6, 0.6)]):
        periods = (10.1, 10.0) if seed else (10.0, 10.0)
        options = SMALL | {"periods": periods, "delay": (40, 0, 3)[seed]}
        outcome = exchange(seed, (50, 50), stalls=stalls, limit=30_000, **options)
        assert not any([*outcome.corrupted.values(), *outcome.retransmissions.values(), *outcome.outages.values()])


@pytest.mark.parametrize("level", [0x0, 0xA])
def test_a_cut_line_is_down_and_loses_nothing(level):
    """Left hears nothing for a while; the flag rises at both ends, or at the one that waits, and falls again."""
    flags = {side: [] for side in SIDES}

    async def story(ctx, bench):
        pair = bench.pair
        patience = pair.links["left"].patience
        for cut in (("left",), ("left", "right"), ("right",)):
            await ctx.tick("left").repeat(600)
            for side in cut:
                ctx.set(pair.level[side], level)
                ctx.set(pair.cut[side], 1)
            await ctx.tick("left").repeat(patience + 400)
            for side in SIDES:
                flags[side].append(ctx.get(pair.links[side].down))
                ctx.set(pair.cut[side], 0)
            await ctx.tick("left").repeat(3 * pair.links["left"].timeout)
            assert not any(ctx.get(pair.links[side].down) for side in SIDES)

    outcome = exchange(level, (180, 180), stalls=(0.1, 0.1), story=story, limit=60_000, **SMALL)
    assert flags["left"][:2] == [1, 1] and flags["right"][1:] == [1, 1]
    assert all(outages >= 2 for outages in outcome.outages.values())
    assert all(again > 0 for again in outcome.retransmissions.values())


def test_a_sink_that_takes_nothing_costs_nothing():
    """Right's stream stalls for long: its window fills and no more comes, the other way goes on, no flag rises."""
    parameters = SMALL | {"window": 4}
    bench = Bench(3, (40, 200), stalls=(0.0, 0.0), limit=20_000, rate=1e-3, **parameters)
    pair, taking = bench.pair, {}
    play = bench._tick

    async def tick(ctx, side, ready):
        if side == "right" and bench.cycles[side] < 6000:
            ready = False
            ctx.set(pair.links[side].flits_out.ready, 0)
        elif side == "right":
            ready = True
            ctx.set(pair.links[side].flits_out.ready, 1)
        if bench.cycles[side] == 5990:
            taking[side] = len(bench.outcome.sent[side])
            assert not ctx.get(pair.links[side].down)
        await play(ctx, side, ready)

    bench._tick = tick
    outcome = bench.run()
    assert taking["left"] == 8  # four in right's window, four that wait
    assert taking["right"] > 100
    for side in SIDES:
        assert outcome.flits("got", OTHER[side]) == bench.flits[side]
    assert sum(outcome.corrupted.values()) > 0
    assert not any(outcome.outages.values())


def test_a_lost_credit_is_asked_for():
    """Everything is acknowledged, right's window is full, and the frame that tells of room comes over a cut line."""
    bench = Bench(4, (30, 0), limit=8000, **SMALL)
    pair, play = bench.pair, bench._tick

    async def tick(ctx, side, ready):
        ready = side == "right" and bench.cycles[side] > 2000
        ctx.set(pair.links[side].flits_out.ready, ready)
        ctx.set(pair.cut[side], side == "left" and 1900 < bench.cycles[side] < 2300)
        await play(ctx, side, ready)

    bench._tick = tick
    outcome = bench.run()
    assert outcome.flits("got", "right") == bench.flits["left"]
    assert outcome.retransmissions["left"] == 0
    print(f"flits came in cycles {[cycle for cycle, _ in outcome.got['right']]}")
    assert [cycle < 2300 for cycle, _ in outcome.got["right"]] == [True] * 4 + [False] * 26


def test_an_idle_link_is_silent():
    """Once a session is open and all is acknowledged, the lines do not move."""
    levels = set()

    async def story(ctx, bench):
        link = bench.pair.links["left"]
        await ctx.tick("left").repeat(40 * link.frame_cycles)
        assert bench.done
        for _ in range(30 * link.frame_cycles):
            levels.add((ctx.get(link.line_out), ctx.get(link.line_in)))
            assert ctx.get(link.linked)
            await ctx.tick("left")

    exchange(5, (10, 10), story=story, limit=4000, **SMALL)
    assert levels == {(15, 15)}


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_a_reset_of_one_side_opens_a_new_session(seed):
    """Resets of either side at any time, with errors: afterwards each flit once and in order, from where is said."""
    window, when, both = 4, 700 + 37 * seed, seed == 5
    resets = {"left": range(when, when + 1 + seed)} | ({"right": range(when + 60, when + 61)} if both else {})
    bench = Bench(
        seed, (200, 200), stalls=(0.1, 0.4 * (seed % 2)), rate=1e-3 * (seed > 1), resets=resets, distinct=True,
        whole=False, limit=4000, window=window, **SMALL,
    )  # fmt: skip
    outcome = bench.run()

    def parts(record, side):
        """Flits of ``side`` before and after its reset."""
        cycles, last = getattr(outcome, record)[side], resets[side][-1]
        return [flit for cycle, flit in cycles if cycle <= last], [flit for cycle, flit in cycles if cycle > last]

    (before, after), (earlier, later) = parts("sent", "left"), parts("got", "left")
    print(f"seed {seed}: left had taken {len(before)} flits and got {len(earlier)}, then {len(after)} and {len(later)}")
    assert earlier == list(range(len(earlier)))
    if both:  # each begins anew with what it took after its own reset
        received = parts("got", "right")[1]
        assert later == parts("sent", "right")[1][: len(later)]
        assert received == after[: len(received)]
    else:
        # To the side that stayed: what came before the reset, then all that was taken after it.
        got = outcome.flits("got", "right")
        kept = len([flit for flit in got if flit in set(before)])
        received = got[kept:]
        assert got[:kept] == before[:kept]
        assert len(before) - 2 * window - len(resets["left"]) <= kept
        assert received == after[: len(received)]
        # From the side that stayed: without a gap or a repetition, from at most a window around where it was.
        assert later == list(range(later[0], later[0] + len(later)))
        assert abs(later[0] - len(earlier)) <= window
    assert len(after) - 2 * window <= len(received)
    assert len(received) > 20
    assert len(later) > 20


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"oversampling": 3}, "Oversampling of a link must be at least 4 cycles, not 3"),
        ({"timeout": 251}, "Timeout of a link must be at least 252 cycles, not 251"),
        ({"patience": 251}, "Patience of a link must be at least its timeout, 252 cycles, not 251"),
        ({"wires": 9}, "Wires of a link must be 1..8, not 9"),
    ],
)
def test_bad_values_are_refused(sizes, message):
    with pytest.raises(ValueError) as error:
        Link(**(SMALL | sizes))
    assert str(error.value) == message
