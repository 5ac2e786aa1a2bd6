"""The exact decision about layers of pairs, from their weights as they are now.

ReLU(z, -d z, M x + c) with z = B x + b and d > 0 is one-to-one if B has full column rank: of each
pair one row is active at every x (Corollary 2 of [Puthawala et al., 2020], for tall B too). The
pairs are antiparallel exactly, since z is computed once (docs/rounding.md).
"""

from dataclasses import dataclass

import numpy as np

from monic.certificate import Certificate, header, subject
from monic.clock import monotonic
from monic.decision import decide
from monic.decision.result import Decision, Limits, Statistics, Verdict
from monic.model import ReLULayer
from monic.model.array import Array
from monic.nn.exact_operator import Operator
from monic.nn.residues import PRIMES, independent_rows

__all__ = ["PairedWeights", "beyond"]

#: Where the rank does not decide, the engine is asked up to this many inputs, and so long.
ENGINE_LIMIT = 64
ENGINE_SECONDS = 10.0
#: On larger layers it only looks for a point with fewer active rows than inputs, so long.
FALSIFY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class PairedWeights:
    """The question: the numbers of a layer of pairs, taken exactly.

    Arguments:
        basis: The linear map B.
        scales: d, one for each row of B.
        bias: b, one for each row of B, or None.
        rest: The linear map M, or None.
        rest_bias: c, one for each row of M, or None.
    """

    basis: Operator
    scales: Array
    bias: Array | None = None
    rest: Operator | None = None
    rest_bias: Array | None = None

    def model(self) -> ReLULayer | None:
        """Returns the layer with B and M written out, or None when that would round."""
        from monic.model.affine import AffineMap, Concat, Input, Linear, Scale, Shift

        start = Input(self.basis.shape[1])
        matrices = [self.basis.matrix(), None if self.rest is None else self.rest.matrix()]
        if matrices[0] is None or (self.rest is not None and matrices[1] is None):
            return None
        z: AffineMap = Linear(matrices[0], start)
        z = z if self.bias is None else Shift(self.bias, z)
        branches: list[AffineMap] = [z, Scale(-self.scales, z)]
        if matrices[1] is not None:
            rest: AffineMap = Linear(matrices[1], start)
            branches.append(rest if self.rest_bias is None else Shift(self.rest_bias, rest))
        return ReLULayer(Concat(tuple(branches)))

    def decide(self) -> Decision:
        """Decides whether the layer is one-to-one."""
        started = monotonic()
        outputs, inputs = self.basis.shape
        if np.all(self.scales > 0):
            for prime in PRIMES:
                rows = independent_rows(self.basis.residues(prime), prime)
                if len(rows) == inputs:
                    return self._injective(rows, started)
        model, small = self.model(), inputs <= ENGINE_LIMIT
        if model is not None:
            method, seconds = ("auto", ENGINE_SECONDS) if small else ("falsify", FALSIFY_SECONDS)
            decision = decide(model, method=method, limits=Limits(seconds=seconds))
            if small or decision.verdict is Verdict.NOT_INJECTIVE:
                return decision
        return _undecided(
            f"B, of shape ({outputs:,}, {inputs:,}), has no full column rank modulo {PRIMES} or "
            "a scale is not positive, which is not yet a proof; beyond "
            f"{ENGINE_LIMIT} inputs only a quick search for a point with few active rows follows: "
            "export the layer and give it to `monic.decide`",
            started,
        )

    def _injective(self, rows: list[int], started: float) -> Decision:
        outputs, model = self.basis.shape[0], self.model()
        certificate = None
        if model is not None:
            pairs = [[row, outputs + row] for row in rows]
            about = subject("relu-layer", model.map, model.domain)
            evidence = {"kind": "paired-rows", "pairs": pairs}
            certificate = Certificate(header("INJECTIVE", about, evidence))
        return Decision(
            verdict=Verdict.INJECTIVE,
            reason=f"{len(rows)} pairs of antiparallel rows, one of each active at every x, "
            "hold a basis",
            method="paired rows",
            certificate=certificate,
            statistics=Statistics(seconds=monotonic() - started),
        )


def beyond(inputs: int, limit: int) -> Decision:
    """Returns UNDECIDED for a layer too large to be written down exactly."""
    reason = f"the layer takes {inputs:,} numbers, and the limit is {limit:,}; raise `limit`"
    return _undecided(reason, monotonic())


def _undecided(reason: str, started: float) -> Decision:
    return Decision(
        verdict=Verdict.UNDECIDED,
        reason=reason,
        method="paired rows",
        statistics=Statistics(seconds=monotonic() - started),
    )
