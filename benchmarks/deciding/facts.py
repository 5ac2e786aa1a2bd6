"""What the figures were measured with."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import peers

__all__ = ["facts"]

OUR_PACKAGES = ("monic-nn", "numpy", "numba", "python-flint")


def facts(names: Sequence[str]) -> dict[str, str]:
    """Returns the machine in words and the versions of everything that was asked."""
    packages = dict.fromkeys([*OUR_PACKAGES, *(peers.load(name).package for name in names)])
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {_version(package)}" for package in packages),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux: Python's own, shorter word for it
        return platform.processor() or "unknown processor"
    return platform.processor() or "unknown processor"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(from a checkout)"
