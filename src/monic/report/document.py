"""What every JSON object of the command line begins with; `schema.json` says the rest."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

__all__ = ["SCHEMA", "document", "error_as_json", "schema"]

#: The version of the schema; a change that an old program could misread makes a new one.
SCHEMA = "monic-json 1"


def document(kind: str, value: Mapping[str, object]) -> str:
    """Returns an object of some kind as one line of JSON, with its schema and monic's version.

    Numbers that JSON cannot hold (NaN, infinities, rationals beyond float64) must be null
    already; anything else of the kind is a mistake and raises ValueError.

    Example:
        >>> json.loads(document("error", {"message": "..."}))["schema"]
        'monic-json 1'
    """
    import monic

    head = {"schema": SCHEMA, "kind": kind, "version": str(monic.__version__)}
    return json.dumps({**head, **value}, allow_nan=False)


def error_as_json(name: str, message: str, code: int) -> str:
    """Returns what ended a command without an answer."""
    return document("error", {"error": name, "message": message, "exit_code": code})


def schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of everything that `--json` prints.

    Example:
        >>> sorted(schema()["$defs"])[:3]
        ['answer', 'bounds', 'collision']
    """
    text = resources.files("monic.report").joinpath("schema.json").read_text("utf-8")
    value: dict[str, Any] = json.loads(text)
    return value
