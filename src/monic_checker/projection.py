"""Evidence `random-projection`: a matrix that lowers the dimension, assumed to be random.

An injective map of a part of R^n that is Lipschitz near every point, followed by a matrix with at
least 2n + 1 rows, is one-to-one for almost every matrix (Lemma 7 and Corollary 3 of [Puthawala et
al., 2020]). That the matrix at hand was drawn from a density, independently of everything before
it, cannot be checked; that it may have been, as far as its shape, its place and its rank go, can.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from monic_checker.bounds import Interval
from monic_checker.document import members
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.kinship import insist_on_strangers
from monic_checker.linear import independent
from monic_checker.network import NetworkSubject, Stages
from monic_checker.subject import Constant, NamedArray

__all__ = ["RandomProjection"]

_SHIFTS = ("shift", "shift-negative")


@dataclass(frozen=True, slots=True)
class RandomProjection:
    """A stage y -> B y + c with a matrix B of fewer rows than columns, at least 2n + 1 of them.

    Arguments:
        n: The dimension of the input of the whole network.
    """

    n: int

    @classmethod
    def read(
        cls, value: object, network: NetworkSubject, k: int, address: str
    ) -> "RandomProjection":
        """Reads the evidence about stage k.

        Raises:
            MalformedProof: when the stage is not one matrix of the model and shifts, with as
                many rows as are needed, or another stage uses the same matrix.
        """
        members(value, address, ["kind"])
        stage = network.stages[k]
        first, *shifts = stage.steps[1:] or [stage.steps[0]]
        matrix = None if first.array is None else stage.arrays[first.array]
        alone = all(step.name in _SHIFTS and step.array != first.array for step in shifts)
        chained = [step.sources for step in shifts] == [(i,) for i in range(1, len(shifts) + 1)]
        alone = alone and all(isinstance(a, (NamedArray, Constant)) for a in stage.arrays)
        if first.name not in ("linear", "linear-transposed") or not isinstance(matrix, NamedArray):
            raise MalformedProof(address, f"expected a matrix of the model in stage {k}")
        if not alone or not chained:
            raise MalformedProof(address, f"expected nothing but shifts after it in stage {k}")
        if not 2 * network.n + 1 <= stage.m < stage.n:
            bounds = f"from {2 * network.n + 1} = 2 x {network.n} + 1 to {stage.n - 1}"
            raise MalformedProof(address, f"expected a matrix with {bounds} rows. Got {stage.m}")
        if sum(array == matrix for array in network.arrays) > 1:
            raise MalformedProof(address, "expected a matrix that is used once")
        return cls(network.n)

    def check(self, stages: Stages, span: range, inputs: Sequence[Interval]) -> str:
        """Checks that the rows of the matrix are independent, as almost always.

        Raises:
            InvalidProof: when they are not, or the network has the matrix's numbers elsewhere:
                then no density gave this matrix independently of the rest.
        """
        system = stages.system(span.start)
        rows = system.directions(range(system.subject.m))
        if not independent(rows, system.n, system.subject.budget, "evidence"):
            raise InvalidProof("evidence", "the rows of the matrix are linearly dependent")
        matrix = system.subject.steps[1]
        insist_on_strangers(stages, span.start, matrix)
        return (
            f"A{matrix.array} of stage {span.start} has {system.subject.m} >= 2 x {self.n} + 1 "
            "independent rows, injective on the image of what comes before for almost every matrix"
        )
