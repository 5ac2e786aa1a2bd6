"""What the command leaves on disk: certificates and checkpoints; a full disk costs no verdict."""

import errno
import sys
from collections.abc import Mapping
from pathlib import Path

from monic.certificate import Certificate
from monic.decision.checkpoint import Checkpoint, Interrupted, save_checkpoints
from monic.decision.result import NetworkDecision, StageDecision, Verdict
from monic.report.files import certificate_name

__all__ = ["Folder", "Keeper"]


class Folder:
    """Where certificates go; a folder that cannot be written to is said, and costs no verdict.

    Arguments:
        path: The folder, or None for no certificates.

    Attributes:
        failed: Whether something that was wanted could not be written.
    """

    def __init__(self, path: str | None) -> None:
        self.failed = False
        self._path = None if path is None else Path(path)
        if self._path is not None:
            try:
                self._path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                _complain(f"Cannot make the folder for certificates {path}", error)
                self._path, self.failed = None, True

    def save(self, number: int, stage: StageDecision) -> str | None:
        """Returns the path of the certificate, or None when there is none."""
        return self.keep(stage.decision.certificate, certificate_name(number, stage.name))

    def save_whole(self, decision: NetworkDecision) -> str | None:
        """Returns the path of the certificate about the network, or None when there is none."""
        return self.keep(decision.certificate, certificate_name(0, "network"))

    def keep(self, certificate: Certificate | None, name: str) -> str | None:
        """Returns the path of a certificate with a file name, or None when there is none."""
        if self._path is None or certificate is None:
            return None
        target = self._path / name
        try:
            return str(certificate.save(target))
        except OSError as error:
            _complain(f"Cannot write the certificate {target}", error)
            self.failed = True
            return None


class Keeper:
    """The checkpoint of a run: written now and then while it searches, and when it stops.

    Arguments:
        path: The file.
        model: The model file, for the sentence that says how to go on.
    """

    def __init__(self, path: str, model: str) -> None:
        self._path, self._model = path, model
        self._finished: dict[int, Checkpoint] = {}
        self._undecided = self._failed = self._written = self._said = False
        self._was_there = Path(path).exists()

    def finish(self, number: int, stage: StageDecision) -> None:
        """Remembers a layer that need not be searched again."""
        if stage.decision.checkpoint is not None:
            self._finished[number] = stage.decision.checkpoint
            self._undecided |= stage.decision.verdict is Verdict.UNDECIDED

    def keep(self, current: Mapping[int, Checkpoint]) -> None:
        """Writes where the search is, beside the layers that are finished."""
        try:
            save_checkpoints(self._path, self._finished | dict(current))
        except OSError as error:
            if not self._failed:  # it is tried again, and said once
                _complain(f"Cannot write the checkpoint {self._path}", error)
            self._failed = True
        else:
            self._written, self._failed = True, False

    def stop(self, interruption: BaseException | None) -> bool:
        """Leaves a checkpoint where some search did not end; returns whether there is one.

        What was written for a search that has ended since is removed, unless a file of that name
        was there before.
        """
        left = _carried(interruption)
        if left or self._undecided:
            if interruption is None or left or not self._written:  # what it has is as good
                self.keep(left)
        elif interruption is None:
            if self._written and not self._was_there:
                Path(self._path).unlink(missing_ok=True)
            return False
        if self._written and not self._said:
            self._said = True
            how = f"monic decide {self._model} --resume {self._path}"
            print(f"monic: unfinished; go on with: {how}", file=sys.stderr)
        return self._written


def _carried(interruption: BaseException | None) -> Mapping[int, Checkpoint]:
    """The checkpoints of an interruption; a second one may have come on top of it."""
    while interruption is not None:
        if isinstance(interruption, Interrupted):
            return interruption.checkpoints
        interruption = interruption.__context__
    return {}


def _complain(what: str, error: OSError) -> None:
    why = errno.errorcode.get(error.errno or 0, "")
    detail = error.strerror or str(error)
    print(f"monic: {what}: {detail}{f' ({why})' if why else ''}", file=sys.stderr)
