"""Files that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["replacing"]

_LENGTH = 80  # of a name that a temporary name begins with


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Yields a binary stream into a temporary file, which takes the name `path` at the end.

    Whatever goes wrong in between, a full disk or Ctrl-C, an older file of that name stays as it
    is and nothing is left behind. Who may read the file is what the umask says.

    Raises:
        OSError: when the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "proof"
        >>> with replacing(target) as stream:
        ...     size = stream.write(b"whole")
        >>> target.read_bytes()
        b'whole'
    """
    target = Path(path)
    name = target.parent / f".{target.name[:_LENGTH]}.{secrets.token_hex(8)}"
    stream = open(name, "xb")  # a name of its own: another file is never removed below
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, target)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
