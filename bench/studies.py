"""Every published study at toy size, through the stages themselves: `python -m bench.studies [STUDY ...]`.

The figures show that a study runs, not what it reaches: the images are patterns and the networks have seen them once
or twice. The published figures stand beside them in docs/studies.md.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.toy import CONF, compose_study, cut_down, write_images
from facesift.params import Params, parse_params
from facesift.storage import read_json
from stages import ingest, sample, shard, split, stack, train, vote

STUDIES = sorted(path.stem for path in (CONF / "study").glob("*.yaml"))
OTHER_MEMBERS = {"cifake": ("vgg16_sgd",)}  # committees that a study offers beside its own


@dataclass(frozen=True)
class Ran:
    """What a study gave at toy size: seconds, images, and the test figures of each voter."""

    params: Params
    images: int
    seconds: float
    voters: dict[str, Any]
    classes: dict[str, Any]


def arrangements() -> list[tuple[str, tuple[str, ...]]]:
    """Name every study with its own members, then with the other committees that it offers."""
    own: list[tuple[str, tuple[str, ...]]] = [(study, ()) for study in STUDIES]
    return own + [(study, (f"members={name}",)) for study, names in OTHER_MEMBERS.items() for name in names]


def run_study(study: str, overrides: tuple[str, ...], folder: Path) -> Ran:
    """Run ingest to vote in `folder` on generated images in the study's layout, and read what the vote wrote."""
    tree = cut_down(compose_study(study, *overrides))
    images = write_images(folder / "data/raw" / tree["data"]["raw"], tree)
    params, started = parse_params(tree, study), time.monotonic()
    with _inside(folder):
        for stage in (ingest, split, shard):
            stage.main(params)
        for member in params.members:
            sample.main(params, member)
            train.main(params, member)
        for last in (stack, vote):
            last.main(params)
        voters, classes = (read_json(Path(f"metrics/{name}.json"))["test"] for name in ("voters", "classes"))
    return Ran(params, images, time.monotonic() - started, voters, classes)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in `folder`, where the stages read and write, and keep what they print to themselves."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        os.chdir(before)


def _rows(study: str, overrides: tuple[str, ...], ran: Ran) -> Iterator[list[str]]:
    name = study + "".join(f" {override}" for override in overrides)
    for voter, figures in ran.voters.items():
        accuracy = ran.classes[voter]["accuracy"]
        known = [f"{value:.0%}" if value is not None else "-" for value in (figures["recall"], figures["precision"])]
        yield [name, voter, f"{accuracy:.0%}", *known, str(ran.images), f"{ran.seconds:.0f} s"]
        name = ""


def main() -> None:
    """Run the studies named on the command line, or all, and print one table."""
    wanted = [entry for entry in arrangements() if not sys.argv[1:] or entry[0] in sys.argv[1:]]
    headings = ("study", "voter", "accuracy", "recall", "precision", "images", "time")
    table = Table(*headings, title="Every study at toy size: generated patterns, one epoch", title_justify="left")
    for study, overrides in wanted:
        with tempfile.TemporaryDirectory() as room:
            for row in _rows(study, overrides, run_study(study, overrides, Path(room))):
                table.add_row(*row)
        table.add_section()
        print(f"{study}: ran", flush=True)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
