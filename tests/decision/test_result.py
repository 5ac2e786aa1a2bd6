"""Answers as strings: short, whatever the size of what they carry."""

import numpy as np

from monic import Network, ReLULayer, Stage, decide
from monic.model import Input, Linear


def test_a_decision_says_its_verdict_and_why() -> None:
    decision = decide(ReLULayer([[1.0], [-1.0]]))
    assert str(decision).startswith("INJECTIVE: 1 pair")
    assert "<Certificate of INJECTIVE: paired-rows>" in repr(decision)


def test_an_assumption_is_part_of_what_it_says() -> None:
    rows = np.random.default_rng(0).standard_normal((60, 4))
    decision = decide(ReLULayer(rows), assume="general-position", method="packing")
    assert str(decision).startswith("INJECTIVE (assuming general-position): ")


def test_a_network_says_what_its_stages_are() -> None:
    first = Stage("first", Linear(np.vstack([np.eye(2), -np.eye(2)]), Input(2)))
    lines = str(decide(Network([first, Stage("second", Linear(np.eye(4), Input(4)))]))).split("\n")
    assert len(lines) == 3
    assert lines[1].startswith("  first (on the whole space): INJECTIVE: ")
    assert lines[2].startswith("  second (on the orthant): ")


def test_points_in_many_dimensions_do_not_fill_the_screen() -> None:
    rows = np.random.default_rng(0).standard_normal((60, 40))
    decision = decide(ReLULayer(rows))
    assert decision.collision is not None
    assert "<Collision of two points of R^40>" in repr(decision)
    assert len(repr(decision)) < 1000
