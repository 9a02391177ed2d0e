"""What may not pass for a verdict."""

import pytest
from amaranth.hdl import Signal

import ranvier.hw.router.router as router
from ranvier.hw.router import arbiter

from .planted import Bug, planted
from .prover import Properties, run, verdict

LOG = "SBY [x] summary: engine_0 (abc pdr) returned PASS\n"


@pytest.fixture
def finished(tmp_path):
    """What sby leaves after a proof of two properties."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "design_aiger.aig").write_bytes(b"aig 9 1 2 0 4 2 1\n\x02\x04")
    (tmp_path / "status").write_text("PASS 0 3\n")
    (tmp_path / "logfile.txt").write_text(f"{LOG}SBY [x] DONE (PASS, rc=0)\n")
    return tmp_path


def test_a_verdict_on_which_all_agree(finished):
    assert verdict(finished, 0, "assert", 2) == ("PASS", ())


@pytest.mark.parametrize("text", [LOG, f"{LOG}SBY [x] DONE (PASS, rc=0", f"{LOG}SBY [x] DONE (FAIL, rc=2)\n", ""])
def test_a_log_cut_short_is_no_verdict(text, finished):
    (finished / "logfile.txt").write_text(text)
    with pytest.raises(RuntimeError, match=r"No verdict in .*: status PASS, exit status 0, log ends"):
        verdict(finished, 0, "assert", 2)


@pytest.mark.parametrize(("status", "exit_status"), [("PASS 0", 16), ("UNKNOWN 0", 0), ("ERROR 0", 16), (None, 0)])
def test_a_status_that_disagrees_is_no_verdict(status, exit_status, finished):
    (finished / "status").unlink() if status is None else (finished / "status").write_text(status)
    with pytest.raises(RuntimeError, match="No verdict in"):
        verdict(finished, exit_status, "assert", 2)


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_lost_property_is_no_verdict(expected, finished):
    with pytest.raises(RuntimeError, match="must have been given all of"):
        verdict(finished, 0, "assert", expected)


def counter(limit, cover):
    """Counts in cycles that are free; never to more than ``limit``, at times to ``cover``."""
    p = Properties()
    count = Signal(3)
    with p.m.If(p.free(1, "step") & (count != 5)):
        p.m.d.sync += count.eq(count + 1)
    p.check(count <= limit)
    p.cover(count == cover)
    return p


def test_true_and_false_properties(tmp_path):
    for limit, status in ((5, "PASS"), (4, "FAIL")):
        result = run(counter(limit, 5), tmp_path / f"limit{limit}", mode="prove", engine="abc pdr", depth=1)
        assert result.status == status
    for cover, status in ((5, "PASS"), (6, "FAIL")):
        result = run(counter(5, cover), tmp_path / f"cover{cover}", mode="cover", engine="smtbmc yices", depth=8)
        assert result.status == status


def test_assumptions_that_exclude_everything_show(tmp_path):
    p = counter(4, 0)
    p.assume(0)
    assert run(p, tmp_path / "vacuous", mode="cover", engine="smtbmc yices", depth=8).status == "FAIL"


def test_a_bug_is_planted_everywhere_and_goes_again():
    sound = arbiter.RoundRobin
    with planted(Bug(arbiter, "Mux(self.taken, after, self.choice)", "after")):
        assert router.RoundRobin is arbiter.RoundRobin is not sound
    assert router.RoundRobin is arbiter.RoundRobin is sound


def test_a_bug_that_is_not_there_is_refused():
    with pytest.raises(ValueError) as error, planted(Bug(arbiter, "no such text", "")):
        pass
    assert str(error.value) == "'no such text' must stand once in ranvier.hw.router.arbiter, not 0 times"
