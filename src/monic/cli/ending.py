"""The one place where whatever ends a command becomes an exit code and a message."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from monic.cli.codes import BROKEN_PIPE, BUG, INTERRUPTED, TROUBLE
from monic.errors import ContradictionError, MonicError

__all__ = ["Stopped", "exit_code"]

_SHORT = "Expected enough {}. It ran out: {}. Nothing was answered; make room and run it again."


class Stopped(Exception):
    """Raised when a command was interrupted before it had anything to say."""


def exit_code(command: Callable[..., Any]) -> int:
    """Runs a command and returns its exit code, after saying what went wrong if anything did.

    With --json in the command line, what went wrong is one JSON object on stdout.
    """
    try:
        code = command(standalone_mode=False)
        sys.stdout.flush()  # a full disk shows here
        return int(code or 0)
    except SystemExit as end:  # how typer ends when nobody reads any more
        return _unread(end)
    except ContradictionError as error:  # a mistake in monic, like any other that nobody expects
        return _confess(error)
    except MonicError as error:
        return _complain(error, str(error))
    except (KeyboardInterrupt, Stopped, typer.Abort):
        return _complain(KeyboardInterrupt(), "interrupted", INTERRUPTED)
    except MemoryError as error:
        return _complain(error, _SHORT.format("memory", error or "no more was given"))
    except OSError as error:
        if error.errno == errno.EPIPE:
            return _unread(SystemExit(BROKEN_PIPE))
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _complain(error, _SHORT.format("room on the disk", error.strerror))
        return _confess(error)
    except Exception as error:
        if hasattr(error, "format_message"):  # what click's errors of usage have in common
            return _usage(error)
        return _confess(error)


def _complain(error: BaseException, message: str, code: int = TROUBLE) -> int:
    """Says what is wrong, as one message."""
    from monic.report.text import printable

    lines = "\n".join(printable(line, 2000) for line in message.splitlines())
    _as_json(error, lines, code)
    kind = "" if code == INTERRUPTED else "error: "
    _on_stderr(f"monic: {kind}{lines}")
    return code


def _usage(error: Any) -> int:
    """Shows how the command is used, and what is wrong with its command line."""
    _as_json(error, error.format_message(), error.exit_code)
    error.show()
    return int(error.exit_code)


def _confess(error: Exception) -> int:
    """Keeps the traceback of an exception that nobody foresaw."""
    name = type(error).__name__
    _as_json(error, f"{name}: {error}", BUG)
    _on_stderr("".join(traceback.format_exception(error)).rstrip("\n"))
    _on_stderr("monic: this is a bug in monic; please report it with the traceback.")
    return BUG


def _as_json(error: BaseException, message: str, code: int) -> None:
    if "--json" not in sys.argv[1:]:
        return
    from monic.report.document import error_as_json

    try:
        print(error_as_json(type(error).__name__, message, code), flush=True)
    except OSError as full:  # what is wrong with stdout is said on stderr
        _on_stderr(f"monic: Cannot write the answer: {full.strerror or full}")


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def _unread(end: SystemExit) -> int:
    """Whoever read stdout has gone: nothing more is written, by Python at its end neither."""
    pipe = isinstance(end.__context__, BrokenPipeError) or end.code == BROKEN_PIPE
    if pipe and sys.__stdout__ is not None and sys.stdout is sys.__stdout__:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    return BROKEN_PIPE if pipe else int(end.code or 0)
