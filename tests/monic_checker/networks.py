"""Valid proofs about networks of a few rows, and a second road to their claims."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from monic_checker import Array
from tests.monic_checker.slow_check import evaluate_map
from tests.monic_checker.tiny_prover import Layer, tree_body

__all__ = [
    "collision_header",
    "composition",
    "first_stage_header",
    "network_claim_is_true",
    "network_subject",
]

BOX = {"kind": "box", "lower": ["-1"], "upper": ["2"]}


def network_subject(stages: Sequence[tuple[Layer, str]], domain: dict[str, Any]) -> dict[str, Any]:
    """The subject of a proof about stages and what follows each.

    "relu past 2" stands for two carried numbers, "leaky-relu 1/4" for a slope, "direction of 2"
    for two groups, "augmented-normalization past 1 of 2 with 1/4" for an epsilon as well.
    """
    entries = []
    for layer, words in stages:
        about = layer.header({})["subject"]
        activation, *rest = words.split()
        slope, arrays, more = None, about["arrays"], dict[str, Any]()
        named = dict(zip(rest[::2], rest[1::2], strict=False)) if rest[1:] else {}
        carried = int(named.get("past", 0))
        if "of" in named:
            more["groups"] = int(named["of"])
        if "with" in named:
            more["epsilon"] = named["with"]
        elif rest and not {"past", "of"} & {*named}:
            slope, arrays = len(arrays), [*arrays, {"values": rest, "shape": [len(rest)]}]
        after = {"activation": activation, "carried": carried, "slope": slope} | more
        entries.append(after | {"arrays": arrays, "map": about["map"]})
    return {"kind": "network", "stages": entries, "domain": domain}


def collision_header(
    stages: Sequence[tuple[Layer, str]], domain: dict[str, Any], x: list[str], other: list[str]
) -> dict[str, Any]:
    """The header of a proof that two points collide."""
    return {
        "claim": "NOT_INJECTIVE",
        "assumption": None,
        "subject": network_subject(stages, domain),
        "evidence": {"kind": "collision", "x": x, "other": other},
    }


def first_stage_header(
    stages: Sequence[tuple[Layer, str]], domain: dict[str, Any], x: list[str]
) -> dict[str, Any]:
    """The header of a proof by a point where too few rows of the first stage are active."""
    header = collision_header(stages, domain, x, x)
    evidence = {"kind": "point", "x": x}
    return header | {"evidence": {"kind": "first-stage", "evidence": evidence}}


def composition(
    stages: Sequence[tuple[Layer, str]], last: list[int]
) -> tuple[dict[str, Any], bytes]:
    """The header and the body of a proof by trees, and by independent rows in the last stage.

    Each layer carries the domain on which it is one-to-one; the first one has the network's.
    """
    layers: list[dict[str, Any]] = []
    body = b""
    for k, (layer, activation) in enumerate(stages):
        evidence: dict[str, Any] = {"kind": "independent-rows", "rows": last}
        if activation.startswith("relu"):
            tree = tree_body(_doubled(layer, activation))
            assert tree is not None, f"stage {k} has no tree"
            evidence, body = {"kind": "tree"}, body + tree
        domain = layer.domain if k else None
        layers.append({"stages": 1, "domain": domain, "evidence": evidence})
    header = {
        "claim": "INJECTIVE",
        "assumption": None,
        "subject": network_subject(stages, stages[0][0].domain),
        "evidence": {"kind": "composition", "layers": layers},
    }
    return header, body


def network_claim_is_true(header: dict[str, Any], arrays: Sequence[Array]) -> bool:
    """Returns whether the claim about a network holds, by z3.

    Raises:
        NotImplementedError: for smooth activations before others.
    """
    import z3

    subject = header["subject"]
    size = evaluate_map(subject["stages"][0], arrays)
    dim = len(size[0]) - 1
    solver = z3.Solver()
    inputs = [[z3.Real(f"{name}{j}") for j in range(dim)] for name in "xy"]
    for point in inputs:
        _inside(solver, subject["domain"], point)
    solver.add(z3.Or([a != b for a, b in zip(*inputs, strict=True)]))
    outputs = [_outputs(subject["stages"], arrays, point, solver) for point in inputs]
    solver.add([a == b for a, b in zip(*outputs, strict=True)])
    solver.set("timeout", 20_000)
    found = solver.check()
    if found == z3.unknown:
        raise NotImplementedError("z3 does not know")
    return bool((found == z3.unsat) == (header["claim"] == "INJECTIVE"))


def _outputs(
    stages: list[dict[str, Any]], arrays: Sequence[Array], point: list[Any], solver: Any
) -> list[Any]:
    import z3

    value = point
    for k, stage in enumerate(stages):
        value = [
            z3.Sum([z3.RealVal(str(a)) * t for a, t in zip(w, value, strict=True)])
            + z3.RealVal(str(b))
            for *w, b in evaluate_map(stage, arrays)
        ]
        if stage["activation"] in ("relu", "leaky-relu"):
            first = stage["carried"]
            slopes = _slopes(stage, arrays, len(value) - first)
            bent = [z3.If(t > 0, t, s * t) for s, t in zip(slopes, value[first:], strict=True)]
            value = [*value[:first], *bent]
        elif stage["activation"] == "augmented-normalization":
            value = _normalized(stage, value, solver)
        elif k + 1 < len(stages):
            if stage["activation"] != "identity":
                raise NotImplementedError("the second road knows no smooth stages before others")
    return value


def _normalized(stage: dict[str, Any], value: list[Any], solver: Any) -> list[Any]:
    """Numbers z with z s = y and s > 0, s^2 = |y|^2 / k + epsilon for each group, and the s."""
    import z3

    first, groups = stage["carried"], stage["groups"]
    rest, epsilon = value[first:], z3.RealVal(str(Fraction(stage["epsilon"])))
    size = len(rest) // groups
    roots, made = [z3.FreshReal("s") for _ in range(groups)], [z3.FreshReal("z") for _ in rest]
    for g, s in enumerate(roots):
        part = range(g * size, (g + 1) * size)
        solver.add(s > 0, s * s == z3.Sum([rest[i] * rest[i] for i in part]) / size + epsilon)
        solver.add([made[i] * s == rest[i] for i in part])
    return [*value[:first], *made, *roots]


def _slopes(stage: dict[str, Any], arrays: Sequence[Array], size: int) -> list[Any]:
    import z3

    if stage["slope"] is None:
        return [z3.RealVal(0)] * size
    entry = stage["arrays"][stage["slope"]]
    if "values" in entry:
        numbers = [z3.RealVal(str(Fraction(value))) for value in entry["values"]]
    else:
        found = next(a for a in arrays if a.sha256 == entry["sha256"])
        doubles = struct.unpack(f"<{len(found.data) // 8}d", found.data)
        numbers = [z3.RealVal(str(Fraction(number))) for number in doubles]
    return [number for number in numbers for _ in range(size // len(numbers))]


def _doubled(layer: Layer, words: str) -> Layer:
    """The layer with the rows (A, -A, W), for A carried past the ReLU and W under it."""
    if " past " not in words:
        return layer
    carried = int(words.split()[-1])
    kept, rest = layer.rows[:carried], layer.rows[carried:]
    return Layer([*kept, *[[-entry for entry in row] for row in kept], *rest], layer.domain)


def _inside(solver: Any, domain: dict[str, Any], point: list[Any]) -> None:
    import z3

    if domain["kind"] == "orthant":
        solver.add([t >= 0 for t in point])
    if domain["kind"] == "box":
        for t, low, high in zip(point, domain["lower"], domain["upper"], strict=True):
            solver.add([] if low is None else [t >= z3.RealVal(str(Fraction(low)))])
            solver.add([] if high is None else [t <= z3.RealVal(str(Fraction(high)))])
    if domain["kind"] == "polyhedron":
        for row, bound in zip(domain["A"], domain["c"], strict=True):
            terms = [z3.RealVal(str(Fraction(a))) * t for a, t in zip(row, point, strict=True)]
            solver.add(z3.Sum(terms) <= z3.RealVal(str(Fraction(bound))))
    if domain["kind"] == "ball":
        moved = [t - z3.RealVal(str(Fraction(c)))
                 for t, c in zip(point, domain["center"], strict=True)]  # fmt: skip
        radius = z3.RealVal(str(Fraction(domain["radius"])))
        solver.add(z3.Sum([t * t for t in moved]) <= radius * radius)
