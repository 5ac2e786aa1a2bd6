"""Proofs with several random changes at once; whatever is accepted is judged by other roads.

By hand: `python -m tests.monic_checker.random_proofs --count 100000 --seed 1`.
"""

import argparse
import copy
import io
import json
import random
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from monic_checker import Array, InvalidProof, MalformedProof, OverBudget, check, read_arrays
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.slow_check import claim_is_true
from tests.monic_checker.tiny_prover import doubles, named

__all__ = ["Tally", "run"]

VALID = Path(__file__).parents[1] / "certificates" / "valid"
_RATIONALS = ("0", "1", "-1", "2", "1/2", "-1/2", "1/3", "3/2", "-2", "1000")
_WORDS = (
    *("INJECTIVE", "NOT_INJECTIVE", "relu-layer", "affine", "whole", "orthant", "tree"),
    *("relu", "identity", "leaky-relu", "tanh", "shift", "scale", "channel-scale"),
)


@dataclass
class Tally:
    """How many proofs were tried, and the accepted ones by what the other roads say."""

    outcomes: Counter[str]
    false: list[dict[str, Any]]


def run(count: int, seed: int) -> Tally:
    """Changes examples and files of the corpus at random, and judges what is accepted."""
    generator, tally = random.Random(seed), Tally(Counter(), [])
    names = sorted(_sources())
    for _ in range(count):
        example = _changed(_sources()[generator.choice(names)], generator)
        outcome = _outcome(example)
        tally.outcomes[outcome] += 1
        if outcome == "accepted, false":
            tally.false.append(example.header)
    return tally


@cache
def _sources() -> dict[str, Example]:
    found = dict(EXAMPLES)
    for path in VALID.glob("*.monic"):
        _, line, body = path.read_bytes().split(b"\n", 2)
        header = json.loads(line)
        arrays = read_arrays(path.with_suffix(".npz"))
        if header["claim"] != "BOUND" and all(a.dtype == "float64" for a in arrays):
            found[path.stem] = Example(header, body, list(arrays))
    return found


def _outcome(example: Example) -> str:
    try:
        check(io.BytesIO(example.proof), example.arrays)
    except InvalidProof:
        return "invalid"
    except MalformedProof:
        return "malformed"
    except OverBudget:
        return "over budget"
    try:
        return "accepted, true" if _is_true(example) else "accepted, false"
    except NotImplementedError:
        return "accepted, not judged"


@cache
def _judged(header: str, arrays: tuple[Array, ...]) -> bool:
    return claim_is_true(json.loads(header), arrays)


def _is_true(example: Example) -> bool:
    """Whether a claim holds; the evidence says nothing about that."""
    if example.header["assumption"] not in (None, "random-projections"):
        raise NotImplementedError
    about = {key: example.header[key] for key in ("claim", "subject")}
    return _judged(json.dumps(about), tuple(example.arrays))


def _changed(example: Example, generator: random.Random) -> Example:
    header, body, arrays = copy.deepcopy(example.header), example.body, list(example.arrays)
    for _ in range(generator.randint(1, 4)):
        kind = generator.random()
        if kind < 0.3 and arrays:
            _change_weight(header, arrays, generator)
        elif kind < 0.45 and body:
            at = generator.randrange(len(body))
            new = bytes([generator.choice([0, 1, 2, 3, body[at] ^ 1, generator.randrange(256)])])
            body = (
                body[:at] + generator.choice([b"", new, body[at : at + 1] + new]) + body[at + 1 :]
            )
        else:
            _change_entry(header, generator)
    return Example(header, body, arrays)


def _change_weight(header: dict[str, Any], arrays: list[Array], generator: random.Random) -> None:
    """One number of a model's array becomes another, and the header names the new array."""
    k = generator.randrange(len(arrays))
    old = arrays[k]
    numbers = list(struct.unpack(f"<{len(old.data) // 8}d", old.data))
    if not numbers:
        return
    at = generator.randrange(len(numbers))
    numbers[at] = generator.choice([0.0, -numbers[at], 2 * numbers[at], numbers[at] + 1, 1.0])
    arrays[k] = Array(old.name, old.dtype, old.shape, doubles(numbers))
    for holder, key in list(_places(header)):
        if holder[key] == named(old):
            holder[key] = named(arrays[k])


def _change_entry(header: dict[str, Any], generator: random.Random) -> None:
    """A number, a text or a list somewhere in the header becomes another."""
    holder, key = generator.choice(
        [(h, k) for h, k in _places(header) if k not in ("sha256", "dtype")]
    )
    value = holder[key]
    if isinstance(value, bool) or value is None:
        holder[key] = generator.choice([None, True, "0", "1", []])
    elif isinstance(value, int):
        holder[key] = value + generator.choice([-1, 1, 2])
    elif isinstance(value, str):
        holder[key] = _another(value, generator)
    elif isinstance(value, list) and value:
        _change_list(value, generator)
    elif isinstance(holder, dict) and isinstance(value, dict):
        other = [v for _, v in EXAMPLES.items() if key in v.header]
        if other:
            holder[key] = copy.deepcopy(generator.choice(other).header[key])


def _another(text: str, generator: random.Random) -> str:
    try:
        number = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return generator.choice(_WORDS)
    near = (-number, number / 2, number + Fraction(1, 8), number - Fraction(1, 8))
    return generator.choice([*_RATIONALS, *map(str, near)])


def _change_list(value: list[Any], generator: random.Random) -> None:
    at, other = generator.randrange(len(value)), generator.randrange(len(value))
    how = generator.randrange(3)
    if how == 0:
        value[at], value[other] = value[other], value[at]
    elif how == 1:
        value[at] = copy.deepcopy(value[other])
    else:
        del value[at]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every place of a document: the object or list, and the key or number in it."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.monic_checker.random_proofs")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tally = run(options.count, options.seed)
    for name, number in sorted(tally.outcomes.items()):
        print(f"{name}: {number}")
    for header in tally.false[:20]:
        print(json.dumps(header))
    return int(bool(tally.false))


if __name__ == "__main__":
    sys.exit(main())
