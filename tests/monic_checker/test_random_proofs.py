"""Several random changes at once: nothing false is accepted."""

import pytest

from tests.monic_checker.random_proofs import run


@pytest.mark.thorough
def test_two_thousand_changed_proofs() -> None:
    tally = run(2_000, seed=0)
    assert tally.false == []
    assert tally.outcomes["accepted, true"] > 100
    assert tally.outcomes["invalid"] > 300


@pytest.mark.slow
def test_many_changed_proofs() -> None:
    assert run(100_000, seed=1).false == []
