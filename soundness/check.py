"""Asks monic every question of the corpus and compares; exit code 1 where it contradicts a truth.

Usage: python soundness/check.py [WORD]   only cases whose file name holds WORD

UNDECIDED contradicts nothing and is counted. A proof that comes with a verdict is checked, two
inputs that collide are evaluated exactly.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import monic
from monic import Ball, Box, Network, Orthant, Polyhedron, ReLULayer, Verdict, WholeSpace
from monic.model import Domain

__all__ = ["answers"]

HERE = Path(__file__).parent

Case = dict[str, Any]


def main(word: str = "") -> int:
    """Prints every contradiction, and how many answers there were of each kind."""
    counts: Counter[str] = Counter()
    for case, answer in answers(word):
        counts[answer] += 1
        if answer == "WRONG":
            print(f"{case['file']}: {case['about']}; the truth is {case['truth']}")
    print(", ".join(f"{count} {answer}" for answer, count in sorted(counts.items())))
    return int(counts["WRONG"] > 0)


def answers(word: str = "") -> Iterator[tuple[Case, str]]:
    """Yields each case with "right", "undecided" or "WRONG"."""
    for case in json.loads((HERE / "cases.json").read_text("utf-8")):
        if word in case["file"]:
            yield case, _ASK[case["question"]](case)


def _injective(case: Case) -> str:
    model = _model(case)
    decision = monic.decide(model)
    if decision.verdict is Verdict.UNDECIDED:
        return "undecided"
    if decision.certificate is not None:
        monic.check(decision.certificate, model)
    pair = decision.collision
    if pair is not None and model.exact(pair.x) != model.exact(pair.other):
        return "WRONG"
    return "right" if (decision.verdict is Verdict.INJECTIVE) == case["truth"] else "WRONG"


def _values(case: Case) -> str:
    network = monic.load(HERE / case["file"])
    assert isinstance(network, Network), "a graph is read as a network"
    for x, y in zip(case["inputs"], case["truth"], strict=True):
        found = network.exact([Fraction(t) for t in x])
        if [float(t) for t in found] != y:
            return "WRONG"
    return "right"


def _bounds(case: Case) -> str:
    found = monic.bound(_model(case))
    for name, interval in (
        ("inverse Lipschitz squared", found.inverse_lipschitz),
        ("Lipschitz squared", found.lipschitz),
    ):
        truth = Fraction(case["truth"][name])
        if not Fraction(interval.lower) ** 2 <= truth <= Fraction(interval.upper) ** 2:
            return "WRONG"
    return "right"


_ASK = {"injective": _injective, "values": _values, "bounds": _bounds}


def _model(case: Case) -> ReLULayer | Network:
    path, domain = HERE / case["file"], _domain(case["domain"])
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return ReLULayer(arrays["weight"], arrays["bias"], domain)
    network = monic.load(path)
    assert isinstance(network, Network), "a graph is read as a network"
    return Network(network.stages, domain)


def _domain(value: Case) -> Domain:
    """A domain as in Section 3 of the certificate specification; its numbers are float64 ones."""
    if value["kind"] == "box":
        return Box(_numbers(value["lower"], -np.inf), _numbers(value["upper"], np.inf))
    if value["kind"] == "ball":
        return Ball(float(Fraction(value["radius"])), _numbers(value["center"], 0.0))
    if value["kind"] == "polyhedron":
        return Polyhedron(
            np.array([_numbers(row, 0.0) for row in value["A"]]), _numbers(value["c"], 0.0)
        )
    return {"whole": WholeSpace, "orthant": Orthant}[value["kind"]]()


def _numbers(entries: list[str | None], otherwise: float) -> np.ndarray:
    return np.array([otherwise if t is None else float(Fraction(t)) for t in entries])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
