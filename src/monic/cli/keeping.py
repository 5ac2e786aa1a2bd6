"""What the command leaves on disk: certificates and checkpoints; a full disk costs no verdict."""

import errno
import sys
from collections.abc import Mapping
from pathlib import Path

from monic.certificate import Certificate
from monic.decision.checkpoint import Checkpoint, save_checkpoints
from monic.decision.result import NetworkDecision, StageDecision
from monic.report.files import certificate_name

__all__ = ["Folder", "keep_checkpoint"]


class Folder:
    """Where certificates go; a folder that cannot be written to is said, and costs no verdict."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path)
        if self._path is not None:
            try:
                self._path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                _complain(f"Cannot make the folder for certificates {path}", error)
                self._path = None

    def save(self, number: int, stage: StageDecision) -> str | None:
        """Returns the path of the certificate, or None when there is none."""
        return self._save(stage.decision.certificate, certificate_name(number, stage.name))

    def save_whole(self, decision: NetworkDecision) -> str | None:
        """Returns the path of the certificate about the network, or None when there is none."""
        return self._save(decision.certificate, certificate_name(0, "network"))

    def _save(self, certificate: Certificate | None, name: str) -> str | None:
        if self._path is None or certificate is None:
            return None
        target = self._path / name
        try:
            return str(certificate.save(target))
        except OSError as error:
            _complain(f"Cannot write the certificate {target}", error)
            return None


def keep_checkpoint(path: str, model: str, checkpoints: Mapping[int, Checkpoint]) -> None:
    """Writes what an unfinished search has done, and says how to go on."""
    try:
        save_checkpoints(path, checkpoints)
    except OSError as error:
        _complain(f"Cannot write the checkpoint {path}", error)
        return
    print(f"monic: unfinished; go on with: monic decide {model} --resume {path}", file=sys.stderr)


def _complain(what: str, error: OSError) -> None:
    why = errno.errorcode.get(error.errno or 0, "")
    detail = error.strerror or str(error)
    print(f"monic: {what}: {detail}{f' ({why})' if why else ''}", file=sys.stderr)
