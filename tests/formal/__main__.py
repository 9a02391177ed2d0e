"""All proofs, or those that are named, as a table: ``scripts/prove [NAME …]``."""

import argparse
import sys
from pathlib import Path

from .proofs import PROOFS, find, prove, witness

FOLDER = Path("build/formal")


def main():
    parser = argparse.ArgumentParser(prog="scripts/prove", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a proof, or how the names of some begin")
    wanted = parser.parse_args().names
    unknown = [name for name in wanted if not any(proof.startswith(name) for proof in PROOFS)]
    if unknown:
        parser.error(f"Proofs must begin as one of {', '.join(PROOFS)} does, not as {', '.join(unknown)}")
    names = [name for name in PROOFS if not wanted or any(name.startswith(begin) for begin in wanted)]
    print("| proof | engine | bound | CPU s | result | witness | planted bugs found |\n" + "|---" * 7 + "|", flush=True)
    rows = [_row(name) for name in names]
    print(f"Logs and traces are in {FOLDER}/.")
    sys.exit(not all(rows))


def _row(name):
    proof = PROOFS[name]
    held, seen = prove(name, FOLDER), witness(name, FOLDER)
    found = [find(name, bug, FOLDER) for bug in proof.bugs]
    caught = sum(verdict.status == "FAIL" and bool(verdict.found) for verdict in found)
    seconds = [f"{verdict.cpu_seconds:.1f}" for verdict in (held, seen)]
    bound = f"{proof.bound} cycles" if proof.bound else "none"
    most = max(verdict.cpu_seconds for verdict in found)
    print(
        f"| `{name}` | {proof.engine} | {bound} | {seconds[0]} | {held.status} "
        f"| {seen.status}, {seconds[1]} s | {caught} of {len(found)}, at most {most:.1f} s each |",
        flush=True,
    )
    return held.status == seen.status == "PASS" and caught == len(found)


main()
