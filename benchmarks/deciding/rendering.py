"""Plain text tables that can be pasted into a page."""

from collections.abc import Callable, Sequence
from statistics import median

import peers
from deciding.asking import Outcome
from deciding.comparison import CHECKER, MONIC, Comparison
from deciding.instances import Instance

__all__ = ["peers_table", "ratios_table", "seconds", "seconds_table", "table"]

NOT_ASKED = "–"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns aligned columns, the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[j]) for line in lines) for j in range(len(header))]
    texts = [
        "   ".join(
            cell.ljust(width) if j == 0 else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([texts[0], "─" * (sum(widths) + 3 * len(widths) - 3), *texts[1:]])


def seconds(value: float) -> str:
    """Returns about three digits."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def peers_table(names: Sequence[str]) -> str:
    """Returns who is asked what, and what the answer is worth."""
    rows = []
    for name in names:
        peer = peers.load(name)
        generic, other = peer.questions
        rows.append([peer.name, generic, other or NOT_ASKED, _yes(peer.exact), peer.proof])
    return table(["program", "asked: Gaussian", "asked: others", "exact", "proof"], rows)


def seconds_table(comparison: Comparison) -> str:
    """Returns median seconds, a row for each family, size and verdict."""
    columns = [MONIC, CHECKER, *comparison.programs[1:]]
    names = ["checker" if name == CHECKER else peers.load(name).name for name in columns]
    rows = [
        [label, *(_seconds_cell(comparison, group, name) for name in columns)]
        for label, group in _groups(comparison)
    ]
    return table(["layer (n×m), verdict", *names], rows)


def ratios_table(comparison: Comparison) -> str:
    """Returns the median over seeds of a program's seconds divided by monic's."""
    columns = comparison.programs[1:]
    rows = [
        [label, *(_ratio_cell(comparison, group, name) for name in columns)]
        for label, group in _groups(comparison)
    ]
    return table(["layer (n×m), verdict", *(peers.load(name).name for name in columns)], rows)


def _groups(comparison: Comparison) -> list[tuple[str, list[Instance]]]:
    groups: dict[str, list[Instance]] = {}
    for instance in dict.fromkeys(run.instance for run in comparison.runs):
        ours = comparison.outcome(instance, MONIC)
        verdict = (ours and ours.verdict) or "UNDECIDED"
        n, m = instance.size
        groups.setdefault(f"{instance.family} {n}×{m}, {verdict}", []).append(instance)
    return [(f"{label} ({len(group)})", group) for label, group in groups.items()]


def _outcomes(
    comparison: Comparison, group: Sequence[Instance], name: str
) -> list[tuple[Instance, Outcome]]:
    pairs = [(instance, comparison.outcome(instance, name)) for instance in group]
    return [(instance, outcome) for instance, outcome in pairs if outcome is not None]


def _seconds_cell(comparison: Comparison, group: Sequence[Instance], name: str) -> str:
    found = [outcome for _, outcome in _outcomes(comparison, group, name)]
    return _cell(found, [outcome.seconds for outcome in found], seconds)


def _ratio_cell(comparison: Comparison, group: Sequence[Instance], name: str) -> str:
    found, ratios = [], []
    for instance, outcome in _outcomes(comparison, group, name):
        ours = comparison.outcome(instance, MONIC)
        if ours is not None and ours.state == "done":
            found.append(outcome)
            ratios.append(outcome.seconds / ours.seconds)
    return _cell(found, ratios, lambda ratio: f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}")


def _cell(found: Sequence[Outcome], values: Sequence[float], shown: Callable[[float], str]) -> str:
    """Returns a median; "> " where a time-out makes it a bound, "?" where nothing was decided."""
    if not found:
        return NOT_ASKED
    if any(outcome.state == "failed" for outcome in found):
        return "failed"
    mark = "> " if any(outcome.state == "time-out" for outcome in found) else ""
    doubt = "?" if any(o.state == "done" and o.verdict is None for o in found) else ""
    return f"{mark}{shown(median(values))}{doubt}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
