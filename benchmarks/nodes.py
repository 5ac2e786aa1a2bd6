"""Nodes of the branching tree on Gaussian layers, beside the numbers of docs/branching.md."""

from math import comb

import numpy as np

import monic


def nodes(n: int, m: int) -> int:
    """The nodes for one Gaussian layer, which must be injective."""
    weight = np.random.default_rng([n, m // n]).standard_normal((m, n))
    decision = monic.decide(monic.ReLULayer(weight), method="branching")
    assert decision.verdict is monic.Verdict.INJECTIVE, decision.reason
    return decision.statistics.nodes


def main() -> None:
    """Prints one row for each n from 3 to 10."""
    print("  n  2^(n+1)-n-2  m = 9n  m = 14n  m = 30n  C(2n,n-1)  ((n+1)^n-1)/n")
    for n in range(3, 11):
        low, high = 2 ** (n + 1) - n - 2, comb(2 * n, n - 1)
        counts = [nodes(n, ratio * n) for ratio in (9, 14, 30)]
        print(
            f"{n:3d} {low:12,d} {counts[0]:7,d} {counts[1]:8,d} {counts[2]:8,d} "
            f"{high:10,d} {((n + 1) ** n - 1) // n:14,d}"
        )


if __name__ == "__main__":
    main()
