"""`monic decide MODEL --at FILE.npz`: the fibre of every row of a data set."""

from collections.abc import Sequence

import typer

from monic.cli.codes import DecideCode
from monic.decision.approach import Approach
from monic.decision.fibre import Fibre, fibre
from monic.io.rows import load_rows
from monic.model import Network

__all__ = ["ask_at"]


def ask_at(
    chains: Sequence[Network], file: str, approach: Approach
) -> tuple[list[Fibre], DecideCode]:
    """Returns the fibre of every row of a data set, and the exit code.

    The code tells the worst row: not injective there, then undecided, then injective.
    """
    if len(chains) != 1:
        raise typer.BadParameter(
            f"Expected one network or layer to ask at inputs. Got {len(chains)} layers; choose "
            "one with --layer.",
            param_hint="--at",
        )
    seconds, seed = approach.limits.seconds, approach.execution.seed
    rows = load_rows(file, chains[0].in_dim)
    found = [fibre(chains[0], row.tolist(), time_limit=seconds, seed=seed) for row in rows]
    kinds = {one.injective for one in found}
    if False in kinds:
        return found, DecideCode.NOT_INJECTIVE
    return found, DecideCode.UNDECIDED if None in kinds else DecideCode.INJECTIVE
