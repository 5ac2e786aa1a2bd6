"""The command line: `monic decide`, `monic check`, `monic show`. Thin; computes nothing."""

from monic.cli.app import main

__all__ = ["main"]
