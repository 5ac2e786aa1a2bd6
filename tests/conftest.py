"""Seeds for all tests, one hypothesis profile, and interrupts that reach the tests."""

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


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Fixes the global generators, for every test."""
    random.seed(SEED)
    np.random.seed(SEED)  # libraries may use the global one


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(SEED)
