"""The console that results are printed on."""

import os
import sys

from rich.console import Console

__all__ = ["stdout"]


def stdout() -> Console:
    """Returns a console on stdout; into a file or a pipe, tables get room for long names."""
    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 110
    return Console(file=sys.stdout, width=wide, highlight=False, markup=False, soft_wrap=False)
