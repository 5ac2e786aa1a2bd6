"""Valid proofs of every kind, on every domain; tests begin from these."""

import json
import struct
from dataclasses import dataclass
from typing import Any

from monic_checker import Array
from tests.monic_checker.networks import (
    BOX,
    collision_header,
    composition,
    first_stage_header,
    network_subject,
)
from tests.monic_checker.tiny_prover import VERSION, Layer, doubles, named, tree_body

__all__ = [
    *("DOMAINS", "EXAMPLES", "SPEC_ARRAY", "SPEC_EXAMPLE", "TREES", "Example", "TreeExample"),
    "augmented",
]


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

#: Rows 0, 1, 4 on a plane, rows 2, 3 on a line across: in the coordinates of rows 0, 1 the plane's
#: are (1, 0), (0, 1), (-1, -2), with a tree by itself once the biases help.
_BLOCKS = Layer(
    [
        [1.0, 1.0, 0.0, 1.0],
        [0.0, 1.0, 0.0, 1.0],
        [0.0, 1.0, 1.0, 0.0],
        [0.0, -2.0, -2.0, 0.5],
        [-1.0, -1.0, 0.0, 2.0],
        [0.0, -3.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0],
    ]
)
_PLANE = Layer(
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, 0.0, 2.0], [0.0, -3.0, 0.0], [1.0, -1.0, 0.0]]
)
_PLANE_TREE = tree_body(_PLANE)
assert _PLANE_TREE is not None, "the plane's rows have a tree"
_IN_BLOCKS = {
    "kind": "blocks",
    "blocks": [
        {"basis": [0, 1], "rows": [4, 5, 6], "proof": {"kind": "tree"}},
        {"basis": [2], "rows": [3], "proof": {"kind": "paired-rows", "pairs": [[0, 1]]}},
    ],
}
EXAMPLES["blocks"] = Example(_BLOCKS.header(_IN_BLOCKS), _PLANE_TREE, _BLOCKS.arrays)

#: No two of these rows are opposite, and the third moments with these weights cancel.
_MOMENTS = Layer(
    [[-1.0, 3.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [-2.0, -3.0, 0.0], [-3.0, -2.0, 1.0]]
)
_WEIGHTS = [[0, "30"], [1, "8910"], [2, "1980"], [3, "264"], [4, "324"]]
EXAMPLES["moments"] = _relu(_MOMENTS, "INJECTIVE", {"kind": "moments", "weights": _WEIGHTS})

_SPLIT = Layer([[1.0, 0.0], [-1.0, 0.5]], BOX)
_ORTHANT = Layer([[1.0, 0.0, 0.0], [1.0, 2.0, 1.0]], {"kind": "orthant"})
_SMALL = Layer(_ORTHANT.rows, {"kind": "box", "lower": ["0", "0"], "upper": ["2", "3/2"]})
_LAST = Layer([[1.0, 1.0, -1.0], [0.0, 1.0, 0.0]])


def _network(parts: tuple[dict[str, Any], bytes], *layers: Layer) -> Example:
    return Example(*parts, [array for layer in layers for array in layer.arrays])


_DIES = Layer([[1.0, 0.25]])
_MEET = [(_SPLIT, "relu"), (Layer([[2.0, 4.0, 0.0]]), "one-to-one")]

#: x -> (x, -2x) on the box, and a map of what comes when x is carried past a ReLU.
_SKIP = Layer([[1.0, 0.0], [-2.0, 0.0]], BOX)
_JOINED = Layer(
    [[1.0, 0.25, 0.0], [0.0, 1.0, 1.0]],
    {"kind": "box", "lower": ["-1", "0"], "upper": [None, "2"]},
)
#: What comes after slopes 1/4 and 1/8 below 0, and rows that are positive there.
_UP = Layer(
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]],
    {"kind": "box", "lower": ["-1/4", "-1/2"], "upper": ["2", "2"]},
)
#: Dead for x <= 1/2, whatever was not carried.
_MERGED = (Layer([[2.0, 0.0, -1.0]]), "relu")

#: x -> x + ReLU(x + 1) / 2, in two stages of which only the first is one-to-one alone.
_BESIDE = Layer([[1.0, 0.0], [1.0, 1.0]])
_ADDED = Layer([[1.0, 0.5, 0.0]])
_NORMS = {"kind": "contraction", "norms": [["9/8", "0", "9/8", "0"], ["9/8", "5/8", "0", "0"]]}
_INVERSE = {"kind": "slopes", "inverse": [["4/5"]], "weights": ["1"]}


def _together(evidence: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    stages = [(_BESIDE, "relu past 1"), (_ADDED, "identity")]
    header = collision_header(stages, {"kind": "whole"}, [], [])
    layers = [{"stages": 2, "domain": None, "evidence": evidence}]
    return header | {
        "claim": "INJECTIVE",
        "evidence": {"kind": "composition", "layers": layers},
    }, b""


_WIDE = Layer([[1.0, 0.0, 0.0], [-2.0, 1.0, 0.0]], {"kind": "orthant"})
_NARROW = collision_header([(_WIDE, "identity"), _MERGED], _WIDE.domain, [], []) | {
    "evidence": {"kind": "bottleneck", "stage": 1, "x": ["1", "1/2"]}
}

EXAMPLES |= {
    "composition": _network(
        composition([(_SPLIT, "relu"), (_ORTHANT, "relu"), (_LAST, "one-to-one")], [1, 0]),
        *(_SPLIT, _ORTHANT, _LAST),
    ),
    "composition on a box": _network(
        composition([(_SPLIT, "relu"), (_SMALL, "relu")], []), _SPLIT, _SMALL
    ),
    "first stage": _network(
        (first_stage_header([(_DIES, "relu"), _MEET[0]], BOX, ["-1/2"]), b""),
        *(_DIES, _SPLIT),
    ),
    "carried numbers": _network(
        composition([(_SKIP, "relu past 1"), (_JOINED, "identity")], [0, 1]), _SKIP, _JOINED
    ),
    "leaky slopes": _network(
        composition([(_SKIP, "leaky-relu 1/4 1/8"), (_UP, "relu")], [1]), _SKIP, _UP
    ),
    "collision past carried numbers": _network(
        (collision_header([(_SKIP, "relu past 1"), _MERGED], BOX, ["1/2"], ["0"]), b""),
        *(_SKIP, _MERGED[0]),
    ),
    "contraction": _network(_together(_NORMS), _BESIDE, _ADDED),
    "slopes": _network(_together(_INVERSE), _BESIDE, _ADDED),
    "bottleneck": _network((_NARROW, b""), _WIDE, _MERGED[0]),
    "network collision": _network(
        (collision_header(_MEET, BOX, ["1"], ["0"]), b""), *(layer for layer, _ in _MEET)
    ),
}

_RAYS = Layer([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0], [-2.0, 1.0]])
_PROJECTION = Layer(
    [[1.0, 0.0, 2.0, 1.0, 0.5], [0.0, 1.0, 0.0, -1.0, 0.0], [0.0, 0.0, 1.0, 3.0, 1.0]]
)


def _projected() -> Example:
    """Two rays in R^4 and a matrix with 2 x 1 + 1 rows; the claim happens to be true."""
    whole = {"kind": "whole"}
    stages = [(_RAYS, "relu"), (_PROJECTION, "tanh")]
    tree = composition([(_RAYS, "relu")], [])
    header = tree[0] | {
        "assumption": "random-projections",
        "subject": network_subject(stages, whole),
    }
    header["evidence"]["layers"].append(
        {"stages": 1, "domain": whole, "evidence": {"kind": "random-projection"}}
    )
    return Example(header, tree[1], [*_RAYS.arrays, *_PROJECTION.arrays])


EXAMPLES["random projection"] = _projected()

#: x -> U ReLU(x + 1/2) + A x / 2, where x is carried past the ReLU.
_DRAWN = Array("drawn", "float64", (3, 1), doubles([1.0, 2.0, -1.0]))
_UNFOLDED = Array("branch", "float64", (3, 1), doubles([1.0, -1.0, 3.0]))
_SUM = [
    ["input", 2],
    ["select", [0], 0],
    ["linear", 0, 1],
    ["scale", 2, 2],
    ["select", [1], 0],
    ["linear", 1, 4],
    ["add", 3, 5],
]


def _skipped() -> Example:
    """A sum with a matrix of 2 x 1 + 1 rows; the claim happens to be true."""
    beside = Layer([[1.0, 0.5]])
    half = {"values": ["1/2"], "shape": [1]}
    arrays = [named(_DRAWN), named(_UNFOLDED), half]
    first = network_subject([(beside, "relu past 1")], BOX)["stages"][0]
    first["map"].append(["concat", 0, 2])
    last = {"activation": "identity", "carried": 0, "slope": None, "arrays": arrays, "map": _SUM}
    layers = [{"stages": 2, "domain": None, "evidence": {"kind": "random-skip"}}]
    header = {
        "claim": "INJECTIVE",
        "assumption": "random-projections",
        "subject": {"kind": "network", "stages": [first, last], "domain": BOX},
        "evidence": {"kind": "composition", "layers": layers},
    }
    return Example(header, b"", [*beside.arrays, _DRAWN, _UNFOLDED])


EXAMPLES["random skip"] = _skipped()

_SCALED = Array("gamma", "float64", (2,), doubles([3.0, 0.5]))
_SPREAD = Array("variance", "float64", (2,), doubles([2.0, 7.0]))
_ROWS_OF_ONE = Array("w", "float64", (2, 1), doubles([1.0, -1.0]))


def _folded() -> Example:
    """[1; -1] under a batch norm: the tree of the worked example."""
    factors = {"factors": [1, 2], "epsilon": "1/100000", "shape": [2]}
    arrays = [_ROWS_OF_ONE, _SCALED, _SPREAD]
    subject = {
        "kind": "relu-layer",
        "arrays": [*map(named, arrays), factors],
        "map": [["input", 1], ["linear", 0, 0], ["channel-scale", 3, 1]],
        "domain": {"kind": "whole"},
    }
    header = {"claim": "INJECTIVE", "assumption": None, "subject": subject}
    return Example(header | {"evidence": {"kind": "tree"}}, bytes([2, 0, 0, 1]), arrays)


def _centred() -> Example:
    """Two points that differ by a constant in a group, and what is made of what is left."""
    third = [[[0, "1/3"], [1, "-2/7"]], [[1, "1"]]]
    subject = {
        "kind": "affine",
        "arrays": [],
        "map": [["input", 4], ["centre", 2, 0], ["combine", 2, third, 1]],
        "domain": {"kind": "whole"},
    }
    evidence = {
        "kind": "collision",
        "x": ["0", "0", "1", "2"],
        "other": ["1/3", "1/3", "1", "2"],
    }
    header = {"claim": "NOT_INJECTIVE", "assumption": None, "subject": subject}
    return Example(header | {"evidence": evidence}, b"", [])


#: (x, y) -> (mean, u + 1, 2 v, 3 s): half the difference over s, both ways, and s itself.
_HALVES = Layer([[0.5, 0.5, 0.0], [0.5, -0.5, 0.0], [-0.5, 0.5, 0.0]])
_FREED = Layer(
    [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 2.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 3.0, 0.0],
    ]
)


def augmented(epsilon: str, last: Layer = _FREED) -> Example:
    """A layer norm that gives out its mean and deviation."""
    stages = [
        (_HALVES, f"augmented-normalization past 1 of 1 with {epsilon}"),
        (last, "identity"),
    ]
    header, body = composition(stages, [0, 1, 2, 3])
    header["evidence"]["layers"][0]["evidence"] = {"kind": "independent-rows", "rows": [0, 1]}
    return Example(header, body, [*_HALVES.arrays, *last.arrays])


EXAMPLES |= {"augmented normalization": augmented("1/4"), "augmented, epsilon 0": augmented("0")}

EXAMPLES |= {"batch norm": _folded(), "means taken off": _centred()}


def _pair_tree(
    stages: list[tuple[Layer, str]], domain: dict[str, Any], scale: str | None, body: str
) -> Example:
    header = {
        "claim": "INJECTIVE",
        "assumption": None,
        "subject": network_subject(stages, domain),
        "evidence": {"kind": "pair-tree", "scale": scale},
    }
    arrays = [array for layer, _ in stages for array in layer.arrays]
    return Example(header, bytes.fromhex(body), arrays)


_SPLIT = Layer([[1.0, 0.0], [-1.0, 0.0]])
_MINUS = [(_SPLIT, "relu"), (Layer([[1.0, -1.0, 0.0]]), "identity")]

#: Above 0 on the box, ReLU(x + 3) is x + 3: one leaf, the output times -1. On all of R the network
#: ReLU(x) - ReLU(-x) needs decisions.
EXAMPLES |= {
    "pair tree of one leaf": _pair_tree([(Layer([[1.0, 3.0]]), "relu")], BOX, None, "00012002"),
    "pair tree": _pair_tree(
        _MINUS,
        {"kind": "whole"},
        "1",
        "080100032f81010e81010380010a0100052281010781010b810104810108800100052381010681010b810104"
        "810108800100042381010681011481010380010004228101078101148101038001000505411e810106810114"
        "810103800100050641268101088101048101088001",
    ),
}

_RULES = {"stride": [1], "dilation": [1], "padding": [[0, 0]], "groups": 1, "mode": "zero"}


def _over_filters(
    kernel: list[list[float]], bias: list[float], steps: list[Any], evidence: dict[str, Any]
) -> dict[str, Any]:
    """A header about convolutions with kernels of one channel and the given steps."""
    arrays = _filter_arrays(kernel, bias)
    subject = {
        "kind": "relu-layer",
        "arrays": [named(array) for array in arrays],
        "map": steps,
        "domain": {"kind": "whole"},
    }
    claim = "NOT_INJECTIVE" if evidence["kind"] in ("point", "collision") else "INJECTIVE"
    return {"claim": claim, "assumption": None, "subject": subject, "evidence": evidence}


def _filter_arrays(kernel: list[list[float]], bias: list[float]) -> list[Array]:
    flat = [entry for row in kernel for entry in row]
    return [
        Array("kernel", "float64", (len(kernel), 1, len(kernel[0])), doubles(flat)),
        Array("bias", "float64", (len(bias),), doubles(bias)),
    ]


def _convolution(**changes: Any) -> list[Any]:
    return ["convolution", 0, 0, {"shape": [1, 3], **_RULES, **changes}]


#: y = C x and (y, -s y) with s = (1/2, 3), padded on one side.
_FACTORED = [
    ["input", 3],
    _convolution(padding=[[0, 1]]),
    ["channel-scale", 1, 1],
    ["concat", 1, 2],
]
_WRITTEN = [["input", 3], _convolution(mode="circular", padding=[[1, 0]]), ["channel-shift", 1, 1]]
_POINTWISE = [["input", 3], _convolution(), ["channel-shift", 1, 1]]
_UNPADDED = [["input", 3], _convolution(), ["channel-scale", 1, 1], ["concat", 1, 2]]
_RANK = {"kind": "paired-filters", "prime": 1009, "pairs": [[0, 2], [1, 3]]}
_KERNEL = [[1.0, 2.0], [-1.0, 1.0]]
_OPPOSITE = [[1.0, 2.0], [-1.5, -3.0]]
_ONE = [[1.0], [-1.0], [2.0]]
_ONE_BIAS = [1.0, -0.5, -3.0]
_WINDOW = Layer([[*w, b] for w, b in zip(_ONE, _ONE_BIAS, strict=True)])
_EVERYWHERE = [[0, 0], [0, 1], [0, 2]]


def _windows(proof: dict[str, Any]) -> dict[str, Any]:
    classes = [{"windows": _EVERYWHERE, "proof": proof}]
    return {"kind": "windows", "size": [1], "classes": classes}


_FILTERS = {
    "paired filters, factored": (
        *(_KERNEL, [-0.5, -3.0], _FACTORED),
        {"kind": "paired-filters", "prime": 1009, "pairs": [[0, 2], [1, 3]]},
    ),
    "paired filters, written out": (
        *(_OPPOSITE, [1.0, -1.0], _WRITTEN),
        {"kind": "paired-filters", "prime": 1013, "pairs": [[0, 1]]},
    ),
    "paired filters, by frequencies": (
        *(_OPPOSITE, [1.0, -1.0], _WRITTEN),
        {"kind": "paired-filters", "prime": 1033, "pairs": [[0, 1]]},
    ),
    "windows by pairs": (
        *(_ONE, _ONE_BIAS, _POINTWISE),
        _windows({"kind": "paired-rows", "pairs": [[0, 1]]}),
    ),
    "windows by opposite filters": (
        *(_KERNEL, [-0.5, -3.0], _UNPADDED),
        {
            "kind": "windows",
            "size": [2],
            "classes": [{"windows": [[0, 0], [0, 1]], "proof": _RANK}],
        },
    ),
    "windows by trees": (*(_ONE, _ONE_BIAS, _POINTWISE), _windows({"kind": "tree"})),
    "point of a convolution": (
        *(_KERNEL, [-5.0, -5.0], _POINTWISE),
        {"kind": "point", "x": ["1/2", "1", "-1"]},
    ),
}

EXAMPLES |= {
    name: Example(
        _over_filters(kernel, bias, steps, evidence),
        (tree_body(_WINDOW) or b"") if name == "windows by trees" else b"",
        _filter_arrays(kernel, bias),
    )
    for name, (kernel, bias, steps, evidence) in _FILTERS.items()
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
