"""What the example scripts share: their options, and pictures that are never half-written."""

import argparse
import os
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

__all__ = ["folder", "options", "positive", "save"]

matplotlib.use("Agg")  # files only: no window is opened


def options(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser that knows --out, where pictures go."""
    text = (description or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--out", type=folder, default=".", help="folder of the picture")
    return parser


def folder(text: str) -> Path:
    """Returns the path of a folder, which is made if there is none."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"Expected a folder, or where one can be made. Got {text!r}: {error.strerror}."
        raise argparse.ArgumentTypeError(message) from None
    return path


def positive(text: str) -> int:
    """Returns a whole number above 0."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"Expected a whole number above 0. Got {text!r}.")
    return int(text)


def save(figure: Figure, path: Path) -> None:
    """Writes a picture under another name and renames it, so that no half of one is left."""
    rough = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        figure.savefig(rough, format="png", dpi=150)
        rough.replace(path)
    finally:
        rough.unlink(missing_ok=True)
    print(f"drawn: {path}")
