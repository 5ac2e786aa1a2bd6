"""Budgets for tests that are about something else."""

from monic_checker.budget import Budget

__all__ = ["plenty"]


def plenty() -> Budget:
    """Returns a budget that nothing small uses up."""
    return Budget(2**32, 10**13)
