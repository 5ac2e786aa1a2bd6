"""Bounds as tables for people and as JSON for programs; numbers are rounded outward."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monic.bounds.certificates import file_name
from monic.bounds.compare import Claim
from monic.bounds.evidence import BELOW, End
from monic.bounds.interval import Interval
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.result import NetworkBounds, StageBounds
from monic.decision.convolution.sigma import SigmaEstimate
from monic.decision.result import Collision, Verdict
from monic.report.document import document
from monic.report.table import empty_table
from monic.report.text import float_or_none, point, printable, rational, sentence

#: What the quantities of ends are called.
_QUANTITIES = {
    "inverse-lipschitz": "kappa",
    "smallest-singular": "sigma*",
    "lipschitz": "Lipschitz constant",
}

__all__ = ["BoundsAnswer", "LayerBounds", "bounds_json", "outward", "print_bounds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBounds:
    """The bounds of one layer, and what others say about it, if that was asked."""

    stage: StageBounds
    claims: Sequence[Claim] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundsAnswer:
    """The bounds of a file: its layers and, when it holds one, its network.

    Arguments:
        model: The file, as the user wrote it.
        sha256: The SHA-256 of the file.
        layers: The layers in order.
        network: The network, if the file holds one.
        asked: What was asked besides the model, as what JSON holds.
        files: The paths of certificates by the ends that they prove: for each layer, and after
            them for the network.
    """

    model: str
    sha256: str
    layers: Sequence[LayerBounds]
    network: NetworkBounds | None = None
    asked: Mapping[str, object] = field(default_factory=dict)
    files: Sequence[Mapping[str, str]] = ()


def outward(interval: Interval) -> str:
    """Returns an interval to six digits, the lower end rounded down and the upper one up.

    Example:
        >>> outward(Interval(0.7071067811865475, 0.7071067811865476))
        '[0.707106, 0.707107]'
    """
    return f"[{_digits(interval.lower, ROUND_FLOOR)}, {_digits(interval.upper, ROUND_CEILING)}]"


def print_bounds(answer: BoundsAnswer, console: Console) -> None:
    """Prints one row a layer, what others say, and the network."""
    console.print(_table(answer))
    console.print()
    for layer in answer.layers:
        for line in _notes(layer.stage):
            console.print(Text(line), soft_wrap=True)
        if layer.claims:
            console.print(
                Text(f"{printable(layer.stage.name)}, lower and upper bounds for kappa:")
            )
            console.print(_claims(layer.claims))
            console.print()
    if answer.network is not None:
        for line in _network(answer.network):
            console.print(Text(line), soft_wrap=True)
    for line in _proofs(answer):
        console.print(Text(line), soft_wrap=True)


def _all_ends(answer: BoundsAnswer) -> list[tuple[str, Sequence[End]]]:
    """The ends whose evidence was asked for, by the names of layers, the network last."""
    found = [(printable(layer.stage.name), layer.stage.bounds.ends) for layer in answer.layers]
    return found + ([] if answer.network is None else [("the network", answer.network.ends)])


def _proofs(answer: BoundsAnswer) -> list[str]:
    """One line for each end, with the file that proves it, or that there is none."""
    lines = []
    for (name, ends), files in zip(_all_ends(answer), answer.files, strict=False):
        for end in ends:
            if end.is_trivial:
                continue
            way = ROUND_FLOOR if end.relation == BELOW else ROUND_CEILING
            said = f"{name}: {_QUANTITIES[end.quantity]} {end.relation} {_digits(end.end, way)}"
            path = files.get(file_name(end))
            if path is None:
                lines.append(f"{said}: not certified by a proof file")
            elif end.is_certified:
                lines.append(f"{said}: {printable(path, 4000)}")
            else:
                weaker = _digits(_rounded(end), way)
                lines.append(
                    f"{said}: not certified by a proof file; {end.relation} {weaker} is: "
                    f"{printable(path, 4000)}"
                )
    return lines


def _rounded(end: End) -> float:
    """What is proved as a float, rounded outward."""
    number = float(end.value)
    if end.relation == BELOW:
        return number if number <= end.value else math.nextafter(number, -math.inf)
    return number if number >= end.value else math.nextafter(number, math.inf)


def _evidence(ends: Sequence[End], files: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {
            "quantity": end.quantity,
            "relation": end.relation,
            "end": _finite(end.end),
            "certified": None if end.evidence is None else str(end.value),
            "certificate": files.get(file_name(end)),
        }
        for end in ends
    ]


def bounds_json(answer: BoundsAnswer) -> str:
    """Returns the bounds as one line of JSON; what JSON cannot hold is null."""
    network, count = answer.network, len(answer.layers)
    known = [*answer.files, *({} for _ in range(count + 1 - len(answer.files)))]
    value = {
        "model": answer.model,
        "sha256": answer.sha256,
        **answer.asked,
        "layers": [
            _layer(layer, files) for layer, files in zip(answer.layers, known, strict=False)
        ],
        "network": None
        if network is None
        else {
            "inverse_lipschitz": _ends(network.inverse_lipschitz),
            "lipschitz": _ends(network.lipschitz),
            "pair": _pair(network.pair),
            "samples": network.samples,
            "seed": network.seed,
            "limit": network.limit,
            "verdict": None if network.verdict is None else network.verdict.name,
            "collision": _collision(network.collision),
            "ends": _evidence(network.ends, known[count]),
        },
    }
    return document("bounds", value)


def _table(answer: BoundsAnswer) -> Table:
    table = empty_table()
    table.add_column("layer", overflow="fold")
    table.add_column("shape", justify="right", no_wrap=True)
    table.add_column("domain", no_wrap=True)
    for name in ("kappa", "sigma*", "Lipschitz"):
        table.add_column(name, no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for layer in answer.layers:
        stage, bounds = layer.stage, layer.stage.bounds
        table.add_row(
            Text(printable(stage.name)),
            f"{stage.shape[0]}×{stage.shape[1]}",
            Text(stage.domain),
            outward(bounds.inverse_lipschitz),
            outward(bounds.smallest_singular),
            outward(bounds.lipschitz),
            f"{bounds.seconds:.2f}",
        )
    return table


def _claims(claims: Sequence[Claim]) -> Table:
    table = empty_table()
    for name in ("source", "lower", "upper", "note"):
        table.add_column(name)
    for claim in claims:
        ends = [
            "" if end is None else _digits(end, way)
            for end, way in ((claim.lower, ROUND_FLOOR), (claim.upper, ROUND_CEILING))
        ]
        table.add_row(Text(claim.source), *ends, Text(claim.note))
    return table


def _notes(stage: StageBounds) -> list[str]:
    bounds, name = stage.bounds, printable(stage.name)
    lines = []
    if bounds.collision is not None:
        lines.append(f"{name}: not one-to-one; two inputs with exactly equal outputs:")
        lines.append(f"    x     = {point(bounds.collision.x)}")
        lines.append(f"    other = {point(bounds.collision.other)}")
    elif bounds.inverse_lipschitz.upper == 0:
        lines.append(f"{name}: not one-to-one")
    else:
        lines.append(f"{name}: the lower bound for kappa comes from {bounds.method}")
    if bounds.limit is not None:
        lines.append(f"{name}: {sentence(bounds.limit)}")
    if bounds.estimate is not None:
        lines.append(
            f"{name}: not proved, an estimate in floats: the filters' lower bound is "
            f"{'at most' if bounds.estimate.bound else 'about'} {bounds.estimate.value:.2e} "
            f"({bounds.estimate.steps} steps, seed {bounds.estimate.seed})"
        )
    return lines


def _network(network: NetworkBounds) -> list[str]:
    lines = [
        f"The network: kappa in {outward(network.inverse_lipschitz)}, Lipschitz constant in "
        f"{outward(network.lipschitz)}.",
        "One end is the product over the layers, the other a pair of inputs evaluated exactly "
        f"({network.samples} samples, seed {network.seed})."
        if network.samples
        else "No pair of inputs was evaluated: some stage is too large, or its activation has "
        "numbers that the model does not keep.",
    ]
    if network.verdict is Verdict.NOT_INJECTIVE:
        lines[1:] = ["It is not one-to-one" + (":" if network.collision else ".")]
        if network.collision is not None:
            lines.append(f"    x     = {point(network.collision.x)}")
            lines.append(f"    other = {point(network.collision.other)}")
    elif network.verdict is Verdict.INJECTIVE:
        lines.append("It is one-to-one, by decide; the product does not show how stably.")
    if network.pair is not None and network.verdict is not Verdict.NOT_INJECTIVE:
        lines.append(f"    x     = {point(network.pair.x)}")
        lines.append(f"    other = {point(network.pair.other)}")
    return lines


def _layer(layer: LayerBounds, files: Mapping[str, str]) -> dict[str, object]:
    stage, bounds = layer.stage, layer.stage.bounds
    return {
        "name": stage.name,
        "shape": list(stage.shape),
        "domain": stage.domain,
        "activation": stage.activation,
        "inverse_lipschitz": _ends(bounds.inverse_lipschitz),
        "smallest_singular": _ends(bounds.smallest_singular),
        "lipschitz": _ends(bounds.lipschitz),
        "frame": _ends(bounds.frame),
        "papers": bounds.papers,
        "method": bounds.method,
        "limit": bounds.limit,
        "point": None if bounds.point is None else [rational(t) for t in bounds.point],
        "pair": _pair(bounds.pair),
        "collision": _collision(bounds.collision),
        "nodes": bounds.nodes,
        "seconds": bounds.seconds,
        "estimate": _estimate(bounds.estimate),
        "claims": [
            {"source": c.source, "lower": c.lower, "upper": c.upper, "note": c.note}
            for c in layer.claims
        ],
        "ends": _evidence(bounds.ends, files),
    }


def _collision(pair: Collision | None) -> dict[str, object] | None:
    if pair is None:
        return None
    return {"x": [rational(t) for t in pair.x], "other": [rational(t) for t in pair.other]}


def _estimate(estimate: SigmaEstimate | None) -> dict[str, object] | None:
    if estimate is None:
        return None
    return {
        "value": _finite(estimate.value),
        "at_most": estimate.bound,
        "steps": estimate.steps,
        "seed": estimate.seed,
    }


def _pair(pair: Pair | None) -> dict[str, object] | None:
    if pair is None:
        return None
    return {
        "x": [float_or_none(t) for t in pair.x],
        "other": [float_or_none(t) for t in pair.other],
        "ratio": _finite(pair.ratio),
    }


def _ends(interval: Interval) -> list[float | None]:
    return [_finite(interval.lower), _finite(interval.upper)]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _digits(number: float, way: str) -> str:
    if not math.isfinite(number):
        return "inf" if number > 0 else "-inf"
    rounded = Context(prec=6, rounding=way).create_decimal(Decimal(number))
    return f"{rounded.normalize():f}" if 1e-4 <= abs(number) < 1e15 else f"{rounded.normalize()}"
