"""Samples of several sizes in one file, so that long studies go on where they stopped."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monic.errors import UnreadableCheckpoint
from monic.random.estimate import RowsNeeded
from monic.random.question import Needed, Question
from monic.writing import replacing

__all__ = ["Study", "load_study", "save_study"]

FORMAT = "monic-random 1"
#: What two studies must have in common to be one.
_ABOUT = ("ensemble", "domain", "seed", "assume")


@dataclass(slots=True)
class Study:
    """What was asked of all sizes, and the answers so far.

    Arguments:
        ensemble: A name in `ENSEMBLES`.
        domain: As on the command line, such as "whole" or "orthant".
        seed: Of the samples.
        assume: Assumptions of the decisions.
        needed: For each n, the answers by the number of the matrix.
    """

    ensemble: str = "gaussian"
    domain: str = "whole"
    seed: int = 0
    assume: tuple[str, ...] = ()
    needed: dict[int, dict[int, Needed]] = field(default_factory=dict)

    def curve(self, question: Question, samples: int) -> RowsNeeded:
        """Returns the answers of the matrices 0, 1, ..., as far as there is no gap.

        What takes long may be missing where a study was interrupted, so what lies behind a gap is
        left out: the rest would be a biased sample.
        """
        known = self.needed.get(question.columns, {})
        first = next((k for k in range(samples) if k not in known), samples)
        return RowsNeeded(question=question, needed=tuple(known[k] for k in range(first)))


def save_study(path: str | Path, study: Study) -> None:
    """Writes a study, under a temporary name that is then renamed.

    Raises:
        OSError: when the file cannot be written; an older one stays as it is.
    """
    value = {"format": FORMAT} | {name: getattr(study, name) for name in _ABOUT}
    value["needed"] = {
        str(n): {str(k): [one.low, one.high] for k, one in sorted(known.items())}
        for n, known in sorted(study.needed.items())
    }
    with replacing(path) as stream:
        stream.write(json.dumps(value).encode())


def load_study(path: str | Path, asked: Study) -> Study:
    """Returns the study in a file, which must be about what is asked.

    Raises:
        UnreadableCheckpoint: when the file is damaged, or about something else.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "study.json"
        >>> save_study(file, Study(needed={2: {0: Needed(12, 13)}}))
        >>> load_study(file, Study()).needed
        {2: {0: Needed(low=12, high=13)}}
    """
    try:
        value = json.loads(Path(path).read_bytes())
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ValueError(f"expected the format {FORMAT!r}")
        needed = {_natural(n): _answers(known) for n, known in value["needed"].items()}
        about = {name: value[name] for name in _ABOUT}
    except (OSError, LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise UnreadableCheckpoint(
            f"Expected a study that monic wrote. Cannot read {path}: {error!r:.200}. Choose "
            "another file, or remove this one."
        ) from None
    for name, there in about.items():
        here = getattr(asked, name)
        if there != (list(here) if name == "assume" else here):
            raise UnreadableCheckpoint(
                f"Expected a study with {name} {here!r} in {path}. Got {there!r}: choose another "
                "file, or ask as it does."
            )
    return Study(asked.ensemble, asked.domain, asked.seed, asked.assume, needed)


def _answers(known: Mapping[str, Any]) -> dict[int, Needed]:
    return {_natural(k): _needed(*one) for k, one in known.items()}


def _needed(low: object, high: object) -> Needed:
    if type(low) is not int or not (high is None or (type(high) is int and high > low)):
        raise ValueError(f"expected numbers of rows, got {low!r} and {high!r}")
    return Needed(low, high)


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"expected a number, got {text[:40]!r}")
    return int(text)
