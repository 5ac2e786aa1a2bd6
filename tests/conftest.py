"""Tiers of tests, seeds for all of them, one hypothesis profile, and interrupts that reach them.

`quick` tests are those that are neither `thorough` (seconds, in the default run) nor `slow` (by
hand): `python -m pytest -m quick -n 2 tests` takes about two minutes on two cores.
"""

import random
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "exact",
    derandomize=True,
    max_examples=60,  # so that all tests together stay within minutes on two cores
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("exact")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in jobs that a shell put aside
    signal.signal(signal.SIGINT, signal.default_int_handler)  # processes of tests inherit it

SEED = 20_200_608


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as quick what no other tier claims; examples in docstrings are of the default run."""
    for item in items:
        others = {"thorough", "slow"} & {mark.name for mark in item.iter_markers()}
        if not others and not isinstance(item, pytest.DoctestItem):
            item.add_marker("quick")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Fixes the global generators, for every test."""
    random.seed(SEED)
    np.random.seed(SEED)  # libraries may use the global one


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(SEED)
