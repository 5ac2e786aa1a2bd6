"""Every change in one place of the subject of a valid proof: refused, or still true.

What is true is asked of the second road: the map in fractions, and z3.
"""

import copy
import io
import json

import pytest

from monic_checker import CheckError, check
from tests.monic_checker.examples import EXAMPLES
from tests.monic_checker.slow_check import claim_is_true
from tests.monic_checker.test_digest import changes
from tests.monic_checker.tiny_prover import VERSION

#: Of what these are about, the second road knows nothing once they are changed.
UNKNOWN = ("contraction", "slopes", "bottleneck", "filters", "convolution", "windows")


@pytest.mark.thorough
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_change_of_a_subject(name: str) -> None:
    example = EXAMPLES[name]
    for other in changes(copy.deepcopy(example.header["subject"])):
        header = example.header | {"subject": other}
        proof = VERSION + json.dumps(header).encode() + b"\n" + example.body
        try:
            claim = check(io.BytesIO(proof), example.arrays)
        except CheckError:
            continue
        known = claim.assumption is None and not any(word in name for word in UNKNOWN)
        assert not known or claim_is_true(header, example.arrays)
