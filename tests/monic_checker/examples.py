"""Valid proofs of every kind, on every domain; tests begin from these."""

import json
import struct
from dataclasses import dataclass
from typing import Any

from monic_checker import Array
from tests.monic_checker.networks import BOX, collision_header, composition
from tests.monic_checker.tiny_prover import VERSION, Layer, tree_body

__all__ = ["DOMAINS", "EXAMPLES", "SPEC_ARRAY", "SPEC_EXAMPLE", "TREES", "Example", "TreeExample"]


@dataclass(frozen=True)
class Example:
    """A header, a body and the arrays of the model."""

    header: dict[str, Any]
    body: bytes
    arrays: list[Array]

    @property
    def proof(self) -> bytes:
        return VERSION + json.dumps(self.header).encode() + b"\n" + self.body


@dataclass(frozen=True)
class TreeExample:
    """A layer, and a tree that proves it injective."""

    layer: Layer
    body: bytes

    @property
    def example(self) -> Example:
        return Example(self.layer.header({"kind": "tree"}), self.body, self.layer.arrays)


DOMAINS: dict[str, dict[str, Any]] = {
    "whole": {"kind": "whole"},
    "orthant": {"kind": "orthant"},
    "box": {"kind": "box", "lower": ["-1", None], "upper": ["1/2", "2"]},
    "polyhedron": {"kind": "polyhedron", "A": [["1", "1"], ["-1", "2"]], "c": ["1", "3/2"]},
    "ball": {"kind": "ball", "radius": "1", "center": ["0", "0"]},
    "ball with centre": {"kind": "ball", "radius": "3/2", "center": ["1/3", "0"]},
    "ball without offsets": {"kind": "ball", "radius": "1/7", "center": ["1", "0"]},
}

_SQUARE = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [1.0, 1.0], [-1.0, -2.0]]

#: A layer for each domain that is injective there; on the whole plane only the first is.
_LAYERS = {
    "whole": [[*w, b] for w, b in zip(_SQUARE, (1.0, -0.5, -1.0, 0.5, 3.0, -2.0), strict=True)],
    "orthant": [[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.5], [0.0, 1.0, -1.0]],
    "box": [[1.0, 0.0, 1.0], [0.0, -1.0, 2.0], [1.0, 1.0, -5.0]],
    "polyhedron": [[-1.0, -1.0, 1.0], [1.0, -2.0, 1.5], [1.0, 2.0, 0.0]],
    "ball": [[1.0, 1.0, 2.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [2.0, 1.0, -1.0]],
    "ball without offsets": [[w, v, -w] for w, v in _SQUARE],
    "ball with centre": [[1.0, 1.0, 3.0], [1.0, 0.0, -0.5], [-2.0, 0.0, 1.0], [2.0, 1.0, -1.0]],
}


_FIVE = [[1.0, -2.0, 1.0], [-2.0, 1.0, 1.0], [-1.0, 2.0, 1.0], [2.0, -1.0, 0.0], [0.0, 2.0, 0.0]]


def _tree(layer: Layer, *, use_active: bool = False) -> TreeExample:
    body = tree_body(layer, use_active=use_active)
    assert body is not None, f"the example layer {layer} has no tree"
    return TreeExample(layer, body)


TREES = {name: _tree(Layer(_LAYERS[name], domain)) for name, domain in DOMAINS.items()}

_DEEP = [
    [2.0, -1.0, 1.0, 0.0],
    [-2.0, 0.0, 2.0, 0.0],
    [0.0, 0.0, 1.0, -1.0],
    [1.0, 2.0, 1.0, 0.0],
    [1.0, 2.0, 0.0, 1.0],
    [-2.0, 1.0, -1.0, 0.0],
    [0.0, 1.0, -2.0, 0.0],
]

#: Trees whose relations have active rows, and one with a repeated relation.
TREES |= {
    "three dimensions": _tree(Layer(_DEEP, {"kind": "orthant"}), use_active=True),
    "five rows": _tree(Layer(_FIVE), use_active=True),
}

#: On the unit disk row 1 is active nowhere: the relation of the node K = [1] has no P.
TREES["a row that is active nowhere"] = TreeExample(
    Layer([[1.0, 0.0, 2.0], [1.0, 0.0, -3.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]], DOMAINS["ball"]),
    bytes([2, 0, 1, 0, 1, 10, 0, 0, 1, 0, 1, 2, 0, 2, 3, 1, 1]),
)

_PAIRED = Layer([[1.0, 2.0, 1.0], [0.0, 3.0, -1.0], [-0.5, -1.0, 0.0], [0.0, -6.0, 2.0]])
_DEPENDENT = Layer([[1.0, 2.0, 1.0], [2.0, 4.0, 0.0], [-1.0, -2.0, 5.0]])
_SPARSE = Layer([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, -1.0, -1.0]], DOMAINS["box"])


def _affine(layer: Layer, claim: str, evidence: dict[str, Any]) -> Example:
    header = layer.header(evidence, claim)
    header["subject"]["kind"] = "affine"
    return Example(header, b"", layer.arrays)


def _relu(layer: Layer, claim: str, evidence: dict[str, Any]) -> Example:
    return Example(layer.header(evidence, claim), b"", layer.arrays)


_PAIRS = {"kind": "paired-rows", "pairs": [[0, 2], [3, 1]]}
_ROWS = {"kind": "independent-rows", "rows": [3, 0]}
_TOGETHER = {"kind": "collision", "x": ["2", "-1"], "other": ["0", "0"]}
_BOTH_DEAD = {"kind": "collision", "x": ["-1/2", "-1/4"], "other": ["-1/2", "-1/3"]}
_FEW = {"kind": "point", "x": ["-1/2", "-1/4"]}

EXAMPLES: dict[str, Example] = {
    f"tree on {name}": tree.example for name, tree in TREES.items()
} | {
    "paired rows": _relu(_PAIRED, "INJECTIVE", _PAIRS),
    "independent rows": _affine(_PAIRED, "INJECTIVE", _ROWS),
    "collision": _relu(_SPARSE, "NOT_INJECTIVE", _BOTH_DEAD),
    "affine collision": _affine(_DEPENDENT, "NOT_INJECTIVE", _TOGETHER),
    "point": _relu(_SPARSE, "NOT_INJECTIVE", _FEW),
}

_SPLIT = Layer([[1.0, 0.0], [-1.0, 0.5]], BOX)
_ORTHANT = Layer([[1.0, 0.0, 0.0], [1.0, 2.0, 1.0]], {"kind": "orthant"})
_SMALL = Layer(_ORTHANT.rows, {"kind": "box", "lower": ["0", "0"], "upper": ["2", "3/2"]})
_LAST = Layer([[1.0, 1.0, -1.0], [0.0, 1.0, 0.0]])


def _network(parts: tuple[dict[str, Any], bytes], *layers: Layer) -> Example:
    return Example(*parts, [array for layer in layers for array in layer.arrays])


_MEET = [(_SPLIT, "relu"), (Layer([[2.0, 4.0, 0.0]]), "one-to-one")]

EXAMPLES |= {
    "composition": _network(
        composition([(_SPLIT, "relu"), (_ORTHANT, "relu"), (_LAST, "one-to-one")], [1, 0]),
        *(_SPLIT, _ORTHANT, _LAST),
    ),
    "composition on a box": _network(
        composition([(_SPLIT, "relu"), (_SMALL, "relu")], []), _SPLIT, _SMALL
    ),
    "network collision": _network(
        (collision_header(_MEET, BOX, ["1"], ["0"]), b""), *(layer for layer, _ in _MEET)
    ),
}

#: The worked example of the specification, byte for byte.
SPEC_EXAMPLE = (
    b"monic-proof 1\n"
    b'{"claim": "INJECTIVE", "assumption": null, "subject": {"kind": "relu-layer", "arrays": '
    b'[{"dtype": "float64", "shape": [2, 1], "sha256": '
    b'"b74fce6cd8bcafd014a1ce8c6585beac59c5f4098a6d499f5d1d42d464146633"}], "map": '
    b'[["input", 1], ["linear", 0, 0]], "domain": {"kind": "whole"}}, "evidence": '
    b'{"kind": "tree"}}\n'
    b"\x02\x00\x00\x01"
)
SPEC_ARRAY = Array("weight", "float64", (2, 1), struct.pack("<2d", 1.0, -1.0))
