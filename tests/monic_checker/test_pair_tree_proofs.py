"""Evidence `pair-tree`: rows hold for all pairs, and no change of bytes proves what is false."""

import copy
import io
import random
from typing import Any

import pytest
from flint import fmpq, fmpq_mat

from monic_checker import Array, CheckError, InvalidProof, MalformedProof, check
from monic_checker.pair_program import Flat, Span, Units
from monic_checker.pair_rows import AT_X, AT_Y, KINDS, WAY, Combination, shown
from monic_checker.pair_tree import _ranges
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.networks import network_claim_is_true
from tests.monic_checker.tiny_prover import Layer

NAMES = ["pair tree of one leaf", "pair tree"]


def refused(example: Example, header: dict[str, Any], body: bytes | None = None) -> CheckError:
    """The error that a changed proof must give."""
    changed = Example(header, example.body if body is None else body, example.arrays)
    with pytest.raises((InvalidProof, MalformedProof)) as caught:
        check(io.BytesIO(changed.proof), example.arrays)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_holds_and_is_true(name: str) -> None:
    example = EXAMPLES[name]
    claim = check(io.BytesIO(example.proof), example.arrays)
    assert "pairs of inputs" in claim.sentence()
    assert claim.evidence == "pair-tree"
    assert network_claim_is_true(example.header, example.arrays)


@pytest.mark.parametrize("name", NAMES)
def test_every_shorter_or_longer_body_is_malformed(name: str) -> None:
    example = EXAMPLES[name]
    for length in range(len(example.body)):
        refused(example, example.header, example.body[:length])
    for more in (b"\0", b"\0\0", b"\x01"):
        assert isinstance(refused(example, example.header, example.body + more), MalformedProof)


def test_the_scale_belongs_to_unbounded_domains() -> None:
    for name, scale in ((NAMES[0], "1"), (NAMES[1], None)):
        header = copy.deepcopy(EXAMPLES[name].header)
        header["evidence"]["scale"] = scale
        assert refused(EXAMPLES[name], header).address == "evidence.scale"
    for wrong in ("0", "-1", 1, "x"):
        header = copy.deepcopy(EXAMPLES[NAMES[1]].header)
        header["evidence"]["scale"] = wrong
        assert refused(EXAMPLES[NAMES[1]], header).address == "evidence.scale"


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "one-to-one", "normalization"])
def test_only_piecewise_linear_stages_but_for_the_last(activation: str) -> None:
    example = EXAMPLES[NAMES[1]]
    header = copy.deepcopy(example.header)
    header["subject"]["stages"][0]["activation"] = activation
    assert refused(example, header).address == "subject.stages"
    header = copy.deepcopy(example.header)
    header["subject"]["stages"][1]["activation"] = activation
    if activation == "normalization":
        assert refused(example, header).address == "subject.stages"
    else:
        check(io.BytesIO(Example(header, example.body, example.arrays).proof), example.arrays)


def test_a_leaf_of_a_smaller_box_is_refused_on_a_larger_one() -> None:
    """On [-4, 2] ReLU(x + 3) is not injective, and its phase is not known."""
    example = EXAMPLES[NAMES[0]]
    header = copy.deepcopy(example.header)
    header["subject"]["domain"]["lower"] = ["-4"]
    assert not network_claim_is_true(header, example.arrays)
    refused(example, header)


def test_multipliers_of_inequalities_are_not_negative() -> None:
    """The row 16 form + 2 of the unit, r >= 0, with a negative weight."""
    example = EXAMPLES[NAMES[0]]
    body = bytes([0, 2, KINDS + 2, 2, 32 - KINDS - 2, 2])
    assert "negative" in str(refused(example, example.header, body))


@pytest.mark.parametrize(("form", "kind"), [(0, 2), (0, 4), (0, 12), (1, 13), (1, 9 + 4)])
def test_rows_that_do_not_exist(form: int, kind: int) -> None:
    example = EXAMPLES[NAMES[0]]
    row = KINDS * form + kind
    refused(example, example.header, bytes([0, 2, row, 3, 32 - row, 2]))


def test_rows_and_forms_out_of_range() -> None:
    example = EXAMPLES[NAMES[0]]
    assert isinstance(refused(example, example.header, bytes([0, 1, 33, 2])), MalformedProof)
    assert isinstance(refused(example, example.header, bytes([7, 1, 0, 0])), MalformedProof)


def _false_claims() -> list[Example]:
    """Networks beside the valid examples that are not injective."""
    found = []
    for rows in ([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], [[2.0, 0.0, 1.0]]):
        example = EXAMPLES[NAMES[1]]
        other = Layer(rows)
        header = copy.deepcopy(example.header)
        header["subject"]["stages"][1]["arrays"] = other.header({})["subject"]["arrays"]
        first: list[Array] = example.arrays[: -len(other.arrays)]
        found.append(Example(header, example.body, [*first, *other.arrays]))
    example = EXAMPLES[NAMES[0]]
    header = copy.deepcopy(example.header)
    header["subject"]["domain"]["lower"] = ["-4"]
    return [*found, Example(header, example.body, example.arrays)]


@pytest.mark.parametrize("number", range(4))
def test_no_change_of_bytes_proves_what_is_false(number: int) -> None:
    example = _false_claims()[number]
    assert not network_claim_is_true(example.header, example.arrays)
    refused(example, example.header)
    generator = random.Random(number)
    for _ in range(400):
        body = bytearray(example.body)
        for _ in range(generator.randrange(1, 6)):
            place = generator.randrange(len(body))
            change = generator.randrange(3)
            if change == 0:
                body[place] = generator.randrange(256)
            elif change == 1:
                body.insert(place, generator.choice([0, 1, 2, 3, 128, 129]))
            elif len(body) > 1:
                del body[place]
        changed = Example(example.header, bytes(body), example.arrays)
        with pytest.raises(CheckError):
            check(io.BytesIO(changed.proof), example.arrays)


class _Pair:
    """A random network with two random inputs, and what is at them."""

    def __init__(self, generator: random.Random) -> None:
        self.random = generator
        self.n, self.inputs = 0, 1 + generator.randrange(3)
        homogeneous = generator.random() < 0.4
        self.n = self.inputs + homogeneous
        self.flat = self._flat(homogeneous)
        tau = fmpq(1 + generator.randrange(8), 8)
        self.points = []
        for _ in range(2):
            x = [fmpq(generator.randrange(-8, 9), 8) for _ in range(self.inputs)]
            self.points.append([*x, tau] if homogeneous else x)
        x, y = self.points
        gaps = [abs(a - b) for a, b in zip(x[: self.inputs], y, strict=False)]
        self.facet = gaps.index(max(gaps))
        if x[self.facet] < y[self.facet]:
            self.points = [y, x]
        self.t = max(gaps)

    def _number(self) -> fmpq:
        return fmpq(self.random.randrange(-6, 7), 1 + self.random.randrange(3))

    def _flat(self, homogeneous: bool) -> Flat:
        groups: list[Units] = []
        first = 0
        for _ in range(self.random.randrange(3)):
            size = 1 + self.random.randrange(3)
            rows = [[self._number() for _ in range(1 + self.n + first)] for _ in range(size)]
            if homogeneous:
                rows = [[fmpq(0), *row[1:]] for row in rows]
            groups.append(Units(first, fmpq_mat(rows)))
            first += size
        outputs = [[self._number() for _ in range(1 + self.n + first)] for _ in range(2)]
        ends = [Span(fmpq(-1), fmpq(1))] * self.inputs
        ends += [Span(fmpq(0), fmpq(1))] * homogeneous
        return Flat(self.n, groups, fmpq_mat(outputs), ends, [], homogeneous)

    def values(self, side: int) -> tuple[list[fmpq], list[fmpq]]:
        """All forms at a point, and (1, x, r)."""
        x = self.points[side]
        forms, known = list(x), [fmpq(1), *x]
        for units in self.flat.groups:
            new = (units.rows * fmpq_mat([[v] for v in known])).entries()
            forms += new
            known += [max(z, fmpq(0)) for z in new]
        return forms, known

    def node(self) -> list[list[Span]]:
        """Intervals of a node that holds the pair: some are cut at 0 or at random."""
        ways = [Span(fmpq(-1), fmpq(1))] * self.inputs
        ways[self.facet] = Span(fmpq(1), fmpq(1))
        ways += [Span(fmpq(0), fmpq(0))] * (self.n - self.inputs)
        known = [_ranges(self.flat, self.flat.ends) for _ in range(2)]
        known.append(_ranges(self.flat, ways, way=True))
        first, second = self.values(AT_X)[0], self.values(AT_Y)[0]
        gaps = [(a - b) / self.t for a, b in zip(first, second, strict=True)]
        for side, values in ((AT_X, first), (AT_Y, second), (WAY, gaps)):
            for form, value in enumerate(values):
                low, high = known[side][form]
                assert low <= value <= high, "intervals at the root hold every pair"
                at = fmpq(0) if self.random.random() < 0.7 else self._number()
                if self.random.random() < 0.6:
                    cut = Span(max(low, at), high) if value >= at else Span(low, min(high, at))
                    known[side][form] = cut
        return known

    def rows(self, known: list[list[Span]], form: int) -> list[fmpq]:
        """The values of a form's rows at the pair, by the table of the specification."""
        values = [self.values(side)[0][form] for side in (AT_X, AT_Y)]
        places: list[fmpq] = []
        for side, z in enumerate(values):
            low, high = known[side][form]
            r = max(z, fmpq(0))
            slope, shift = self._line(low, high)
            places += [z - low, high - z, r, r - z, slope * z + shift - r]
        zeta = values[0] - values[1]
        rho = max(values[0], fmpq(0)) - max(values[1], fmpq(0))
        low, high = known[WAY][form]
        ways = [zeta - low * self.t, high * self.t - zeta, rho, -rho, zeta - rho, rho - zeta]
        return places + ways

    @staticmethod
    def _line(low: fmpq, high: fmpq) -> tuple[fmpq, fmpq]:
        if low >= 0 or high <= 0:
            return fmpq(low >= 0), fmpq(0)
        slope = fmpq((65536 * high / (high - low) + fmpq(1, 2)).floor(), 65536)
        return slope, max(-slope * low, (1 - slope) * high)


@pytest.mark.parametrize("seed", range(120))
def test_rows_hold_for_every_pair_and_sums_are_bounded(seed: int) -> None:
    """Rows that a node has are >= 0 at its pairs, and a sum is at most what is left of it."""
    generator = random.Random(seed)
    pair = _Pair(generator)
    if pair.t == 0:
        return
    outputs = [pair.flat.outputs * fmpq_mat([[v] for v in pair.values(s)[1]]) for s in (0, 1)]
    gaps = (outputs[0] - outputs[1]).entries()
    for _ in range(20):
        known, share = pair.node(), generator.choice([0.02, 0.1, 0.4])
        total, value = Combination(pair.flat, known, pair.facet), fmpq(0)
        for form in range(pair.flat.n + pair.flat.size):
            rows = pair.rows(known, form)
            for kind in range(KINDS):
                weight = fmpq(generator.randrange(1, 5))
                if generator.random() > share:
                    continue
                try:
                    total.add(form, kind, weight, "row")
                except InvalidProof:
                    continue
                assert rows[kind] >= 0
                value += weight * rows[kind]
        weights = [fmpq(generator.randrange(-4, 5)) for _ in gaps]
        total.add_outputs(weights)
        value += sum((w * g for w, g in zip(weights, gaps, strict=True)), fmpq(0))
        negative = total.is_negative()
        rate, constant = total._t, total._one
        assert rate * pair.t + constant >= value
        assert not (negative and value >= 0)


@pytest.mark.parametrize("seed", range(40))
def test_lines_lie_above_at_both_ends(seed: int) -> None:
    generator = random.Random(seed)
    low, high = fmpq(-generator.randrange(1, 999), 7), fmpq(generator.randrange(1, 999), 11)
    slope, shift = shown(Span(low, high))
    assert slope * low + shift >= 0
    assert slope * high + shift >= high
    assert min(slope * low + shift, slope * high + shift - high) == 0
