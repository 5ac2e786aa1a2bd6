"""Checks proofs of monic, independently: the standard library and python-flint are all it needs.

A proof claims that a ReLU layer or network is injective, or that it is not. `check` follows it
step by step in exact arithmetic, and either returns the claim or raises. The format is specified
in `monic/certificate/SPEC.md`.
"""

from monic_checker.arrays import Array
from monic_checker.checker import check, check_files, read_arrays
from monic_checker.claim import Claim
from monic_checker.errors import (
    CheckError,
    InvalidProof,
    MalformedProof,
    OverBudget,
    UnreadableModel,
)
from monic_checker.graph import Comparison

__all__ = [
    "Array",
    "CheckError",
    "Claim",
    "Comparison",
    "InvalidProof",
    "MalformedProof",
    "OverBudget",
    "UnreadableModel",
    "check",
    "check_files",
    "read_arrays",
]
