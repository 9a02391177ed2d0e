"""The quick proofs: each holds, is not vacuous, and fails with each bug that is planted. ``scripts/prove`` runs all."""

import pytest

from .proofs import PROOFS, find, prove, witness

QUICK = [name for name, proof in PROOFS.items() if proof.quick]
BUGS = [(name, bug) for name in QUICK for bug in PROOFS[name].bugs]


@pytest.mark.parametrize("name", QUICK)
def test_it_holds(name, tmp_path):
    assert prove(name, tmp_path).status == "PASS"


@pytest.mark.parametrize("name", QUICK)
def test_it_is_not_vacuous(name, tmp_path):
    assert witness(name, tmp_path).status == "PASS"


@pytest.mark.parametrize(("name", "bug"), BUGS)
def test_it_finds_a_planted_bug(name, bug, tmp_path):
    verdict = find(name, bug, tmp_path)
    assert verdict.status == "FAIL"
    assert verdict.found, "no trace"


@pytest.mark.parametrize("name", PROOFS)
def test_each_proof_has_bugs_to_find(name):
    assert PROOFS[name].bugs
