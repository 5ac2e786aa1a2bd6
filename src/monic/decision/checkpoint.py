"""Checkpoints: where a search stopped, so that it can go on and write the same proof.

A file is a zip archive without pickles: `meta.json`, numpy arrays, and the proof as far as it is
written. It is the program's own memory: its parts carry checksums against damage, but a proof that
was finished from somebody else's file wants to be checked.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np

from monic.clock import monotonic
from monic.decision.outcome import new_body
from monic.decision.result import Decision, NetworkDecision, Statistics
from monic.decision.units import Unit
from monic.errors import UnreadableCheckpoint
from monic.writing import replacing

__all__ = [
    "Checkpoint",
    "Interrupted",
    "Keep",
    "Keeping",
    "checkpoints_of",
    "load_checkpoints",
    "save_checkpoint",
    "save_checkpoints",
]

FORMAT = "monic-checkpoint 2"

#: Seconds between two checkpoints of a search, and how much longer than writing one they are.
PERIOD, SPARE = 5.0, 20.0

#: What takes checkpoints by the number of the layer, and may write them down.
Keep = Callable[[Mapping[int, "Checkpoint"]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A search between two units.

    Arguments:
        subject: The SHA-256 of the certificate's subject: which layer it is about.
        packing: Whether nodes may be proved by packings.
        prime: What rank tests are made modulo.
        statistics: What it has cost so far.
        packed: How many nodes were proved by packings.
        body: The proof as far as it is written.
        queue: What comes next: parts of the proof, and units that are still to be searched.
        top: The state of the search that cuts units, by name; empty when it has ended.
        point: A point that ended the search, if one did.
    """

    subject: str
    packing: bool
    prime: int
    statistics: Statistics
    packed: int
    body: IO[bytes]
    queue: list[bytes | Unit] = field(default_factory=list)
    top: dict[str, Any] = field(default_factory=dict)
    point: tuple[Fraction, ...] | None = None


class Interrupted(KeyboardInterrupt):
    """Raised when a search is interrupted; carries where it stopped, by the number of the layer.

    It is a KeyboardInterrupt: who does not ask for the checkpoints need not know of it.
    """

    def __init__(self, checkpoints: Mapping[int, Checkpoint]) -> None:
        super().__init__("interrupted; monic.save_checkpoint keeps what was searched")
        self.checkpoints = dict(checkpoints)


class Keeping:
    """Keeps a search now and then, so that whatever ends the process costs some seconds of it.

    A long proof takes long to write; it is written so seldom that this takes a twentieth.
    """

    def __init__(self, keep: Keep | None) -> None:
        self._keep = keep
        self._due = monotonic() + PERIOD

    def now_and_then(self, checkpoints: Callable[[], Mapping[int, Checkpoint]]) -> None:
        """Hands the checkpoints on when it is time."""
        if self._keep is None or (began := monotonic()) < self._due:
            return
        self._keep(checkpoints())
        ended = monotonic()
        self._due = ended + max(PERIOD, SPARE * (ended - began))


def checkpoints_of(found: Decision | NetworkDecision | Interrupted) -> dict[int, Checkpoint]:
    """Returns the checkpoints that an answer or an interruption carries, by number."""
    if isinstance(found, Interrupted):
        return found.checkpoints
    stages = found.stages if isinstance(found, NetworkDecision) else ()
    decisions = [stage.decision for stage in stages] if stages else [found]
    numbered = enumerate(decision.checkpoint for decision in decisions)  # type: ignore[union-attr]
    return {number: checkpoint for number, checkpoint in numbered if checkpoint is not None}


def save_checkpoint(path: str | Path, found: Decision | NetworkDecision | Interrupted) -> Path:
    """Writes where a decision stopped to a file, from which `decide(..., resume=path)` goes on.

    Raises:
        OSError: when the file cannot be written; nothing is left behind.

    Example:
        >>> import monic, tempfile, numpy
        >>> layer = monic.ReLULayer(numpy.random.default_rng(0).standard_normal((72, 9)))
        >>> first = monic.decide(layer, limits=monic.Limits(nodes=1000))
        >>> file = monic.save_checkpoint(tempfile.mkdtemp() + "/layer.checkpoint", first)
        >>> first.verdict.name, monic.decide(layer, resume=file).verdict.name
        ('UNDECIDED', 'INJECTIVE')
    """
    return save_checkpoints(path, checkpoints_of(found))


def save_checkpoints(path: str | Path, checkpoints: Mapping[int, Checkpoint]) -> Path:
    """Writes the checkpoints of layers, by number, under a temporary name that is then renamed.

    Raises:
        OSError: when the file cannot be written; nothing is left behind.
    """
    target = Path(path)
    with replacing(target) as stream, zipfile.ZipFile(stream, "w") as archive:
        layers = {str(k): _write(archive, str(k), c) for k, c in checkpoints.items()}
        archive.writestr("meta.json", json.dumps({"format": FORMAT, "layers": layers}))
    return target


def load_checkpoints(path: str | Path) -> dict[int, Checkpoint]:
    """Reads the checkpoints of layers, by number.

    Raises:
        UnreadableCheckpoint: when the file is missing, damaged or of another format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            meta = json.loads(archive.read("meta.json"))
            if meta["format"] != FORMAT:
                raise UnreadableCheckpoint(
                    f"Expected the format {FORMAT!r} in {path}. Got {meta['format']!r}."
                )
            return {int(k): _read(archive, k, about) for k, about in meta["layers"].items()}
    except UnreadableCheckpoint:
        raise
    except Exception as error:  # zipfile, zlib, json and numpy's parser have many kinds of them
        raise UnreadableCheckpoint(
            f"Expected a checkpoint that monic wrote. Cannot read {path}: {error!r:.200}."
        ) from None


def _write(archive: zipfile.ZipFile, name: str, checkpoint: Checkpoint) -> dict[str, Any]:
    with archive.open(f"{name}/body", "w", force_zip64=True) as member:
        checkpoint.body.seek(0)
        shutil.copyfileobj(checkpoint.body, member, 1 << 20)
    for key, array in checkpoint.top.items():
        _write_array(archive, f"{name}/top/{key}", array)
    for number, piece in enumerate(checkpoint.queue):
        if isinstance(piece, bytes):
            archive.writestr(f"{name}/queue/{number}", piece)
            continue
        for key, array in piece._asdict().items():
            _write_array(archive, f"{name}/queue/{number}/{key}", array)
    spent = checkpoint.statistics
    return {
        "subject": checkpoint.subject,
        "packing": checkpoint.packing,
        "prime": checkpoint.prime,
        "packed": checkpoint.packed,
        "statistics": [spent.nodes, spent.seconds, spent.depth, spent.repairs],
        "queue": [isinstance(piece, Unit) for piece in checkpoint.queue],
        "top": list(checkpoint.top),
        "point": None if checkpoint.point is None else [str(t) for t in checkpoint.point],
    }


def _read(archive: zipfile.ZipFile, name: str, about: dict[str, Any]) -> Checkpoint:
    body = new_body()
    with archive.open(f"{name}/body") as member:
        shutil.copyfileobj(member, body, 1 << 20)
    return Checkpoint(
        subject=str(about["subject"]),
        packing=bool(about["packing"]),
        prime=int(about["prime"]),
        statistics=Statistics(*about["statistics"]),
        packed=int(about["packed"]),
        body=body,
        queue=list(_read_queue(archive, name, about["queue"])),
        top={key: _read_array(archive, f"{name}/top/{key}") for key in about["top"]},
        point=None if about["point"] is None else tuple(map(Fraction, about["point"])),
    )


def _read_queue(archive: zipfile.ZipFile, name: str, kinds: list[bool]) -> Iterator[bytes | Unit]:
    for number, is_unit in enumerate(kinds):
        place = f"{name}/queue/{number}"
        if is_unit:
            yield Unit(*(_read_array(archive, f"{place}/{key}") for key in Unit._fields))
        else:
            yield archive.read(place)


def _write_array(archive: zipfile.ZipFile, name: str, array: Any) -> None:
    with archive.open(f"{name}.npy", "w") as member:
        np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def _read_array(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)
