"""The wedges of the plane on which a ReLU layer is linear, and whether their active rows span.

The layer x -> ReLU(W x) with W of shape (m, 2) is linear in wedges. It is one-to-one if and only
if in each of them the active rows (those with w.x >= 0) span the plane; on the lines between, no
fewer rows are active than beside them. A wedge whose active rows do not span is squeezed onto a
line, or onto the origin.

Without files, the layers are those of the paper (Globally Injective ReLU Networks, Puthawala et
al.): three rows, as in Figure 1 of the revision, and the two layers of Figure 1 of the preprint,
which is Figure 2 of the revision.

Run: python examples/wedges.py [LAYER.npy ...] [--out FOLDER]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key
from math import atan2, degrees, hypot
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patches import Wedge as Slice
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import monic
from shared import options, save

Vector = tuple[Fraction, Fraction]

PAPER = {
    "three rows": [[1.0, 0.0], [-0.5, 1.0], [-0.5, -1.0]],
    "four rows, not paired": [[2.0, 1.0], [-2.0, 2.0], [-1.5, -2.0], [2.0, -1.0]],
    "four rows in two pairs": [[2.0, 1.0], [-2.0, 1.0], [-2.0, -1.0], [2.0, -1.0]],
}
SPANS = ("#cfe3d4", "#a9cdb4")  # neighbouring wedges take turns
SQUEEZED = ("#f3c7a5", "#eba878")
PAIR = "#b02a1c"


@dataclass(frozen=True)
class Wedge:
    """An open wedge: its two sides, counterclockwise, and its active rows, counted from 1."""

    sides: tuple[Vector, Vector]
    active: tuple[int, ...]
    spans: bool

    @property
    def middle(self) -> Vector:
        """A vector inside."""
        return middle(*self.sides)


def cross(a: Vector, b: Vector) -> Fraction:
    """Twice the area of the triangle 0, a, b: positive when b lies to the left of a."""
    return a[0] * b[1] - a[1] * b[0]


def dot(a: Vector, b: Vector) -> Fraction:
    """The inner product."""
    return a[0] * b[0] + a[1] * b[1]


def middle(a: Vector, b: Vector) -> Vector:
    """A vector between a and b, counterclockwise from a; b is at most half a turn away."""
    return (a[0] + b[0], a[1] + b[1]) if cross(a, b) > 0 else (-a[1], a[0])


def wedges(rows: Sequence[Vector]) -> list[Wedge]:
    """Returns the wedges in counterclockwise order, exactly: every float is a rational."""
    sides: list[Vector] = []
    for w in rows:
        for side in ((-w[1], w[0]), (w[1], -w[0])):
            known = any(cross(side, s) == 0 and dot(side, s) > 0 for s in sides)
            if any(w) and not known:
                sides.append(side)
    sides.sort(key=cmp_to_key(by_angle))
    return [wedge(rows, a, b) for a, b in zip(sides, [*sides[1:], *sides[:1]], strict=True)]


def by_angle(a: Vector, b: Vector) -> int:
    """Orders vectors counterclockwise from the right, without computing an angle."""
    lower = [v[1] < 0 or (v[1] == 0 and v[0] < 0) for v in (a, b)]
    return lower[0] - lower[1] or (-1 if cross(a, b) > 0 else 1)


def wedge(rows: Sequence[Vector], a: Vector, b: Vector) -> Wedge:
    """Returns the wedge between two sides. Two of its active rows span unless parallel."""
    inside = middle(a, b)
    active = [i for i, w in enumerate(rows) if dot(w, inside) >= 0]
    spans = any(cross(rows[i], rows[j]) != 0 for i in active for j in active)
    return Wedge((a, b), tuple(i + 1 for i in active), spans)


def described(name: str, cut: Sequence[Wedge], decision: monic.Decision) -> Iterator[str]:
    """Yields what is printed about one layer."""
    squeezed = [w for w in cut if not w.spans]
    sets = " ".join("{" + ", ".join(map(str, w.active)) + "}" for w in squeezed)
    tail = f" only: {sets}" if squeezed else "s that span, in each"
    yield f"{name}: {len(cut)} wedges, {len(squeezed)} squeezed; active row{tail}"
    yield f"  {decision}"


def draw(axes: Any, title: str, layer: monic.ReLULayer, cut: Sequence[Wedge]) -> None:
    """Draws the wedges, the rows as arrows, and two inputs with the same output if there are."""
    for k, w in enumerate(cut):
        start, end = (degrees(atan2(float(s[1]), float(s[0]))) for s in w.sides)
        color = (SPANS if w.spans else SQUEEZED)[k % 2]
        axes.add_patch(Slice((0, 0), 1, start, end, facecolor=color, edgecolor="white"))
        width = (end - start) % 360
        angle = np.radians(start + width / 2)
        if width > 5:
            place = 1.17 * np.cos(angle), 1.17 * np.sin(angle)
            axes.text(*place, label(layer, w), ha="center", va="center")
    rows = np.array(layer.weight, dtype=np.float64)
    rows *= 0.6 / np.hypot(*rows.T).max()
    for i, (x, y) in enumerate(rows):
        axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "lw": 1.5})
        far = 1 + 0.1 / max(hypot(x, y), 0.1)
        axes.text(x * far, y * far, f"$w_{{{i + 1}}}$", ha="center", va="center")
    axes.set(title=title, xlim=(-1.35, 1.35), ylim=(-1.3, 1.3), aspect="equal")
    axes.axis("off")


def label(layer: monic.ReLULayer, w: Wedge) -> str:
    """Names the active rows of a wedge, or counts them where the names would be long."""
    return "{" + ", ".join(map(str, w.active)) + "}" if layer.shape[0] <= 4 else str(len(w.active))


def draw_pair(axes: Any, pair: monic.Collision) -> None:
    """Draws two inputs with the same output, both times the same positive number."""
    points = np.array([[float(t) for t in x] for x in (pair.x, pair.other)])
    points *= 0.9 / np.hypot(*points.T).max()
    axes.plot(*points.T, "o-", color=PAIR, markersize=5, zorder=3)
    way = (points[0] - points[1]) / np.linalg.norm(points[0] - points[1])
    for name, (x, y) in (("x", points[0] + 0.1 * way), ("x'", points[1] - 0.1 * way)):
        axes.text(x, y, f"${name}$", ha="center", va="center", color=PAIR)


def draw_image(axes: Any, layer: monic.ReLULayer, cut: Sequence[Wedge]) -> None:
    """Draws the image of the disc in R^3; what is squeezed lies on lines, in bold."""
    rows = np.array(layer.weight, dtype=np.float64)
    for k, w in enumerate(cut):
        start, end = (atan2(float(s[1]), float(s[0])) for s in w.sides)
        turn = np.linspace(start, start + (end - start) % (2 * np.pi), 40)
        image = np.maximum(rows @ np.array([np.cos(turn), np.sin(turn)]), 0).T
        if w.spans:
            sector = [np.vstack([[0, 0, 0], image])]
            color = SPANS[k // 2 % 2]
            axes.add_collection3d(Poly3DCollection(sector, facecolor=color, edgecolor="white"))
        else:
            tip = image[np.argmax(np.linalg.norm(image, axis=1))]
            axes.plot(*zip((0, 0, 0), tip, strict=True), color=SQUEEZED[1], lw=5, zorder=10)
    top = float(np.linalg.norm(rows, axis=1).max())
    axes.set(
        xlim=(0, top), ylim=(0, top), zlim=(0, top), xticks=[0, 1], yticks=[0, 1], zticks=[0, 1]
    )
    axes.set(xlabel="$(w_1 x)^+$", ylabel="$(w_2 x)^+$", zlabel="$(w_3 x)^+$")
    axes.set_title("its image, in three dimensions", y=0.93)
    axes.view_init(elev=28, azim=42)
    axes.set_box_aspect(None, zoom=0.85)


def explain(figure: Figure) -> None:
    """Says below what colours and labels mean."""
    entries = [
        Patch(
            color=SPANS[1], label="the active rows (outside: which, or how many) span the plane"
        ),
        Patch(
            color=SQUEEZED[1], label="they do not: the wedge is squeezed onto a line or a point"
        ),
        Line2D([], [], color=PAIR, marker="o", label="two inputs with the same output"),
    ]
    columns = 3 if len(figure.axes) > 3 else 1
    figure.legend(handles=entries, loc="outside lower center", ncols=columns, fontsize="small")


def read(paths: Sequence[Path]) -> dict[str, monic.ReLULayer]:
    """Returns the layers of weight files, or those of the paper.

    Raises:
        LayerError: when a layer is none that this script draws.
    """
    layers = {} if paths else {name: monic.ReLULayer(rows) for name, rows in PAPER.items()}
    for path in paths:
        found = monic.load(path)
        if not isinstance(found, dict):
            raise monic.LayerError(f"Expected a file of weights. Got a network: {path}.")
        for name, layer in found.items():
            insist_on_plane(layer, f"{name!r} of {path}")
            layers[path.name if len(found) == 1 else f"{path.name}, {name}"] = layer
    return layers


def insist_on_plane(layer: monic.ReLULayer, what: str) -> None:
    """Raises LayerError for a layer that has no wedges."""
    if layer.shape[1] != 2 or layer.bias is not None or not np.any(layer.weight):
        bias = "no bias" if layer.bias is None else "a bias"
        raise monic.LayerError(
            f"Expected weights of shape (m, 2), not all 0, without bias. Got {what} of shape "
            f"{layer.shape} with {bias}; a bias cuts the plane along lines that miss the origin."
        )


def main() -> None:
    """Reads, decides and draws."""
    parser = options(__doc__)
    parser.add_argument("layers", nargs="*", type=Path, help="weight files; default: the paper's")
    asked = parser.parse_args()
    try:
        layers = read(asked.layers)
    except monic.MonicError as error:
        parser.error(str(error))
    panels = len(layers) + sum(layer.shape[0] == 3 for layer in layers.values())
    figure = plt.figure(figsize=(max(4 * panels, 5), 5), layout="constrained")
    place = 0
    for name, layer in layers.items():
        rows = [(Fraction(x), Fraction(y)) for x, y in layer.weight.tolist()]
        cut, decision = wedges(rows), monic.decide(layer)
        print(*described(name, cut, decision), sep="\n")
        place += 1
        axes = figure.add_subplot(1, panels, place)
        draw(axes, f"{name}: {decision.verdict.name}", layer, cut)
        if decision.collision is not None:
            draw_pair(axes, decision.collision)
        if layer.shape[0] == 3:
            place += 1
            draw_image(figure.add_subplot(1, panels, place, projection="3d"), layer, cut)
    explain(figure)
    save(figure, asked.out / "wedges.png")


if __name__ == "__main__":
    main()
