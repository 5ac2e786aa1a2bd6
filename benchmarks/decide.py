"""Measures monic beside the programs that a user could pick instead, in one run.

    python -m pip install '.[benchmarks]'
    python benchmarks/decide.py --json results.json

Every call runs in a process of its own kind, imported and compiled before, on one thread, and is
ended at the cap. docs/results.md says what is compared. The exit code is 1 when a verdict of a
peer contradicts monic's, unless the peer rounds and the layer differs from one with the other
verdict by rounding alone (which is printed); or when a proof is refused.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import peers
from deciding import engine
from deciding.comparison import Comparison, compare
from deciding.facts import facts
from deciding.instances import FAMILIES, Size, instances, parse_sizes
from deciding.rendering import peers_table, ratios_table, seconds_table

SIZES = "4x20,6x36,8x48,8x80,10x70,10x100,12x96,12x150"
SECTIONS = ("comparison", "general-position", "workers", "resources", "nodes")
#: Nodes are counted for n up to here; the search takes four times as long for each next n.
NODES_UP_TO = 10


def main() -> int:
    """Runs the sections that were asked for; returns the exit code."""
    options = parsed()
    names = [name for name in options.peers if peers.is_available(name)]
    for name in sorted(set(options.peers) - set(names)):
        say(f"{name} is not installed, and left out.")
    results: dict[str, Any] = {"facts": facts(names), "cap": options.cap, "seeds": options.seeds}
    sound = True
    print("\n".join(f"{key}: {value}" for key, value in results["facts"].items()))
    with tempfile.TemporaryDirectory() as folder:
        for section in options.sections:
            begin = time.monotonic()
            say(f"{section} ...")
            if section == "comparison":
                asked = instances(options.families, options.sizes, options.seeds)
                comparison = compare(asked, names, options.cap, Path(folder))
                print("".join(f"\n{part}\n" for part in comparison_text(comparison)))
                results[section] = comparison_data(comparison)
                sound &= comparison.is_sound
            else:
                report = section_of(section, options)(Path(folder))
                print(f"\n## {section}\n\n{report.text}\n", flush=True)
                results[section] = report.data
                sound &= report.is_sound
            say(f"{section}: {time.monotonic() - begin:.0f} s")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), "utf-8")
    return 0 if sound else 1


def parsed() -> argparse.Namespace:
    """Returns the options."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0] if __doc__ else None,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--sizes", type=sizes, default=SIZES, help="Gaussian layers, n x m")
    add("--families", type=words(FAMILIES), default=",".join(FAMILIES), help="which layers")
    add("--seeds", type=int, default=5, help="of each layer; medians are over these")
    add("--cap", type=float, default=30, help="seconds for each call of the comparison")
    add("--long-cap", type=float, default=240, help="seconds for each call of other sections")
    add("--peers", type=words(peers.NAMES), default=",".join(peers.NAMES), help="whom to ask")
    add("--sections", type=words(SECTIONS), default=",".join(SECTIONS), help="what to measure")
    add("--json", type=Path, help="a file for every single figure")
    options = parser.parse_args()
    if options.seeds < 1 or options.cap <= 0 or options.long_cap <= 0:
        parser.error("Expected at least one seed and caps above zero.")
    return options


def sizes(text: str) -> list[Size]:
    """Returns sizes, or says what was expected."""
    try:
        return parse_sizes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def words(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Returns a reader of comma-separated words of a list."""

    def names(text: str) -> list[str]:
        found = [word.strip() for word in text.split(",") if word.strip()]
        for word in set(found) - set(known):
            raise argparse.ArgumentTypeError(f"Expected some of {', '.join(known)}. Got {word}.")
        return found

    return names


def section_of(name: str, options: argparse.Namespace) -> Callable[[Path], engine.Report]:
    """Returns what runs one of the sections about monic alone."""
    largest = min(NODES_UP_TO, max(n for n, _ in options.sizes))
    runners: dict[str, Callable[[Path], engine.Report]] = {
        "general-position": lambda f: engine.general_position(options.seeds, options.long_cap, f),
        "workers": lambda f: engine.workers(options.long_cap, f),
        "resources": lambda f: engine.resources(options.long_cap, f),
        "nodes": lambda f: engine.nodes(largest, options.seeds, options.long_cap, f),
    }
    return runners[name]


def comparison_text(comparison: Comparison) -> Iterator[str]:
    """Yields the parts of the comparison, for a page."""
    yield "## who is asked what\n\n" + peers_table(comparison.programs)
    yield "## seconds (median; in brackets the number of seeds)\n\n" + seconds_table(comparison)
    yield "## how many times as long as monic\n\n" + ratios_table(comparison)
    title = "findings (programs that round, on layers that only exact arithmetic can tell)"
    yield listing("disagreements", comparison.disagreements)
    yield listing(title, comparison.findings)
    yield listing("failures", comparison.failures)


def listing(title: str, lines: list[str]) -> str:
    """Returns a heading with a count, and the lines."""
    return "\n".join([f"## {title}: {len(lines)}", *lines])


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """Returns every run and what was found."""
    return {
        "runs": [asdict(run) for run in comparison.runs],
        "disagreements": comparison.disagreements,
        "findings": comparison.findings,
        "failures": comparison.failures,
    }


def say(text: str) -> None:
    """Progress goes to stderr, results to stdout."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
