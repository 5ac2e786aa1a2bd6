"""Norms with epsilon = 0: defined where no group is zero, and there the scale is lost as well.

y -> y / sqrt(|y|^2 / k) is the same for y and l y, l > 0. With u = W x + b before it, two inputs
meet if u' = l u, group by group; W z = b gives such inputs: x + t (x + z) has u' = (1 + t) u. A
claim about a network with such a norm is one about the inputs where it is defined, so that both
of two inputs are followed, exactly, past every such norm. A norm that gives out its deviations
loses nothing where it is defined. docs/normalization.md has the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm
from random import Random

from flint import fmpz_mat

from monic.certificate import network_collision_certificate
from monic.decision.affine import decide_affine
from monic.decision.network.chain import Chain, Layer, Point, is_small
from monic.decision.problem import Problem
from monic.decision.result import Collision, Decision, NetworkDecision, Verdict
from monic.model import Domain, Network, ReLULayer, Stage

__all__ = ["decide_scales", "where_defined"]

#: Points inside the domain that are tried, each moved by coordinates out of twice as many.
TRIES = 16

NOWHERE = f"no input where it is defined was found ({TRIES} tried)"
DEFINED = "where the norm, whose epsilon is 0, is defined"


def decide_scales(stage: Stage, domain: Domain) -> Decision:
    """Decides a stage that ends in a norm with epsilon = 0, where the norm is defined.

    Arguments:
        stage: The stage.
        domain: The domain of its input, with interior.
    """
    if not is_small(stage.map):
        return _undecided("its matrix is too large for a look at which of its groups are zero")
    plain = decide_affine(stage.map, domain)
    problem = Problem(ReLULayer(stage.map, domain=domain))
    if plain.collision is not None:
        pair = plain.collision
        step = tuple(b - a for a, b in zip(pair.x, pair.other, strict=True))
        found = _pair(stage, problem, pair.x, lambda _: step)
        reason = f"{DEFINED}, it is the same for two inputs: {plain.reason}"
        return _decided(stage, domain, found, reason)
    if plain.verdict is Verdict.UNDECIDED or plain.certificate is None:
        return replace(plain, reason=f"{DEFINED}: {plain.reason}")
    start = problem.outside(problem.inner_point())
    if not stage.loses_scale:
        if next(_defined(stage, problem, start), None) is None:
            return _undecided(NOWHERE)
        return replace(plain, reason=f"{plain.reason}; {DEFINED}, it gives out its deviations")
    if stage.carried:
        return _undecided("inputs of which only the scale differs differ in carried numbers")
    rows = plain.certificate.header["evidence"]["rows"]
    away = _solved(stage, rows)
    if away is None:
        return _undecided(
            "its bias is no value of its linear part, so that no two inputs are known of which "
            "only the scale differs before the norm; neither was proved"
        )
    found = _pair(stage, problem, start, lambda x: _sum(x, away, Fraction(1)))
    return _decided(stage, domain, found, f"{DEFINED}, it loses the scale of its groups")


def where_defined(network: Network, decision: NetworkDecision) -> NetworkDecision:
    """Returns a decision, UNDECIDED where its inputs are not known to pass norms of epsilon 0.

    Arguments:
        network: The network.
        decision: What was found about it.
    """
    norms = [k for k, stage in enumerate(network.stages) if _is_partial(stage)]
    if decision.verdict is Verdict.INJECTIVE and any(s.is_partial for s in network.stages):
        return replace(decision, reason=f"{decision.reason}; {DEFINED}")
    if not norms or decision.verdict is not Verdict.NOT_INJECTIVE:
        return decision
    pair = decision.collision
    if pair is not None and _meet(network, pair, norms[-1]):
        return replace(decision, reason=f"{decision.reason}; {DEFINED}")
    name = network.stages[norms[-1]].name
    reason = (
        f"{decision.reason}; but no two such inputs were followed exactly to where the norm of "
        f"{name!r}, whose epsilon is 0, is defined"
    )
    return replace(
        decision, verdict=Verdict.UNDECIDED, reason=reason, collision=None, certificate=None
    )


def _is_partial(stage: Stage) -> bool:
    return stage.norm is not None and stage.norm.epsilon == 0


def _meet(network: Network, pair: Collision, last: int) -> bool:
    """Whether two inputs meet, and pass the last norm with epsilon 0 where it is defined."""
    points, met = [pair.x, pair.other], False
    for k, stage in enumerate(network.stages):
        if not is_small(stage.map):
            return False
        layer = _layer(stage)
        before = [Chain((layer,), network.domain, len(x)).traces(x)[0] for x in points]
        if _is_partial(stage) and not all(_is_defined(stage, u) for u in before):
            return False
        points = [layer.value(u) for u in before]
        met = met or points[0] == points[1] or (stage.loses_scale and _parallel(stage, before))
        if met and k >= last:
            return True
        if stage.slopes() is None:
            return False
    return False


def _layer(stage: Stage) -> Layer:
    return Layer(stage.map.exact(), stage.slopes() or (Fraction(1),) * stage.map.out_dim)


def _groups(stage: Stage, u: Point) -> list[Point]:
    assert stage.norm is not None, "norms have groups"
    rest = u[stage.carried :]
    size = len(rest) // stage.norm.groups
    return [rest[at : at + size] for at in range(0, len(rest), size)]


def _is_defined(stage: Stage, u: Point) -> bool:
    """Whether no group is zero; with statistics given nothing is centred: none is constant."""
    if stage.is_partial:
        return all(any(group) for group in _groups(stage, u))
    return all(len(set(group)) > 1 for group in _groups(stage, u))


def _parallel(stage: Stage, before: Sequence[Point]) -> bool:
    """Whether two values are positive multiples in each group, and equal where carried."""
    first, second = before
    if first[: stage.carried] != second[: stage.carried]:
        return False
    for u, v in zip(_groups(stage, first), _groups(stage, second), strict=True):
        j = next(j for j, entry in enumerate(u) if entry)
        if v[j] * u[j] <= 0 or any(a * v[j] != b * u[j] for a, b in zip(u, v, strict=True)):
            return False
    return True


def _solved(stage: Stage, rows: Sequence[int]) -> Point | None:
    """Returns z with W z = b, given rows of W that are a basis, or None."""
    value = stage.map.exact()
    size = int(value.weight.ncols())
    if not any(value.bias.entries()):
        return (Fraction(0),) * size
    table, bias = value.weight.tolist(), value.bias.entries()
    square = fmpz_mat([table[i] for i in rows])
    found = square.solve(fmpz_mat(size, 1, [bias[i] for i in rows])).entries()
    unit = lcm(*(int(entry.q) for entry in found))
    numbers = fmpz_mat(size, 1, [int(entry.p) * (unit // int(entry.q)) for entry in found])
    if value.weight * numbers != value.bias * unit:
        return None
    return tuple(Fraction(int(entry.p), int(entry.q)) for entry in found)


def _pair(
    stage: Stage, problem: Problem, start: Point, step: Callable[[Point], Point]
) -> Collision | None:
    """Returns two points inside where the norm is defined, a positive multiple of a step apart."""
    for x in _defined(stage, problem, start):
        other = _inside(problem.layer.domain, x, step(x))
        if other != x and _is_defined(stage, _before(stage, problem, other)):
            return Collision(x=x, other=other)
    return None


def _defined(stage: Stage, problem: Problem, start: Point) -> Iterator[Point]:
    """Yields points inside the domain at which the norm is defined, after a few tries."""
    domain, random = problem.layer.domain, Random(0)
    for turn in range(TRIES):
        x = start
        if turn:
            way = tuple(Fraction(random.randrange(1, 4 << turn)) for _ in start)
            x = _inside(domain, start, way)
        if _is_defined(stage, _before(stage, problem, x)):
            yield x


def _before(stage: Stage, problem: Problem, x: Point) -> Point:
    """Returns what comes before the norm."""
    return Chain((_layer(stage),), problem.layer.domain, problem.dim).traces(x)[0]


def _inside(domain: Domain, x: Point, way: Point) -> Point:
    """Returns x + t d inside the domain, 0 < t <= 1, for x inside."""
    t = Fraction(1)
    while not domain.contains(other := _sum(x, way, t), interior=True):
        t /= 2
    return other


def _sum(x: Point, way: Point, t: Fraction) -> Point:
    return tuple(a + t * b for a, b in zip(x, way, strict=True))


def _decided(stage: Stage, domain: Domain, found: Collision | None, reason: str) -> Decision:
    if found is None:
        return _undecided(NOWHERE)
    network = Network([stage], domain)
    return Decision(
        verdict=Verdict.NOT_INJECTIVE,
        reason=reason,
        method="scale of a norm",
        certificate=network_collision_certificate(network, found.x, found.other),
        collision=found,
        point=found.x,
    )


def _undecided(reason: str) -> Decision:
    words = f"its norm has epsilon = 0 and is not defined everywhere: {reason}"
    return Decision(verdict=Verdict.UNDECIDED, reason=words, method="scale of a norm")
