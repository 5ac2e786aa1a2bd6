"""Evidence `windows`: boxes of input positions that cover all, each spanned by its own rows."""

from dataclasses import dataclass

from monic_checker.body import Body
from monic_checker.document import choice, integer, items, members
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.window_layer import WindowLayer

__all__ = ["Windows"]


@dataclass(frozen=True, slots=True)
class _Class:
    """Windows (group, *start) of equal rows, and the proof about the first."""

    windows: list[tuple[int, ...]]
    kind: str
    proof: object


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one size, class by class; the trees follow in the body, in the same order."""

    size: list[int]
    classes: list[_Class]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "Windows":
        """Reads the evidence.

        Raises:
            MalformedProof: when it does not list windows and their proofs.
        """
        _, size, classes = members(value, "evidence", ["kind", "size", "classes"])
        sides = [integer(side, "evidence.size", 1, subject.n + 1) for side in items(size, "size")]
        if not sides:
            raise MalformedProof("evidence.size", "expected a side for each axis")
        entries = enumerate(items(classes, "evidence.classes"))
        read = [_read_class(entry, f"evidence.classes[{k}]", len(sides)) for k, entry in entries]
        return cls(sides, read)

    def check(self, system: System, body: Body) -> Findings:
        """Checks every class, and that the windows cover all positions of all groups.

        Raises:
            InvalidProof: when a window of a class differs, a proof does not hold, or a position
                is not covered.
            MalformedProof: when the body is not the trees of the classes.
        """
        layer = WindowLayer(system, self.size)
        covered: set[tuple[int, ...]] = set()
        for k, each in enumerate(self.classes):
            address = f"evidence.classes[{k}]"
            first, *others = each.windows
            with system.subject.budget.scope():
                shape, sides = layer.rows_inside(first, address), layer.sides(first)
                for other in others:
                    same = layer.rows_inside(other, address) == shape
                    if not same or layer.sides(other) != sides or other[0] != first[0]:
                        raise InvalidProof(address, f"the windows {first} and {other} differ")
                layer.check(each.kind, each.proof, (first[0], shape, sides), body)
            for window in each.windows:
                covered.update(layer.positions(window))
        body.end()
        if len(covered) < layer.groups * layer.inputs:
            raise InvalidProof("evidence.classes", "the windows do not cover all positions")
        return Findings(f"{len(self.classes)} classes of windows of size {self.size}")


def _read_class(value: object, address: str, axes: int) -> _Class:
    windows, proof = members(value, address, ["windows", "proof"])
    found = [
        tuple(integer(number, address, 0) for number in items(window, address, axes + 1))
        for window in items(windows, f"{address}.windows")
    ]
    if not found:
        raise MalformedProof(address, "expected at least one window")
    kind = choice(
        proof.get("kind") if isinstance(proof, dict) else None,
        f"{address}.proof.kind",
        ["tree", "paired-rows", "paired-filters"],
    )
    return _Class(found, kind, proof)
