"""The certificate as a value: a header and a body that may be long."""

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from monic.writing import replacing

__all__ = ["Certificate"]

VERSION_LINE = b"monic-proof 1\n"


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """A proof of one claim about one layer, as specified in SPEC.md.

    Arguments:
        header: The JSON header.
        body: A seekable binary stream with the tree's records; None when there are none.
    """

    header: dict[str, Any]
    body: IO[bytes] | None = None

    def __repr__(self) -> str:
        return f"<Certificate of {self.header['claim']}: {self.kind}>"

    @property
    def kind(self) -> str:
        """The kind of evidence, such as "tree"."""
        return str(self.header["evidence"]["kind"])

    def write(self, stream: IO[bytes]) -> None:
        """Writes the certificate to a binary stream, in bounded memory."""
        stream.write(VERSION_LINE)
        stream.write(json.dumps(self.header, ensure_ascii=False).encode() + b"\n")
        if self.body is not None:
            self.body.seek(0)
            shutil.copyfileobj(self.body, stream, 1 << 20)

    def save(self, path: str | Path) -> Path:
        """Writes the certificate to a file, by a temporary name that is renamed at the end.

        Raises:
            OSError: when the folder cannot be written to; nothing is left behind.
        """
        target = Path(path)
        with replacing(target) as stream:
            self.write(stream)
        return target

    def to_bytes(self) -> bytes:
        """Returns the whole certificate as bytes."""
        stream = io.BytesIO()
        self.write(stream)
        return stream.getvalue()
