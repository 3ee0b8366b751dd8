"""`facesift screen`: from the command line's words to rows, a progress bar, and an exit status."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from facesift.committee.cascade import check_cascade
from facesift.core.errors import FacesiftError
from facesift.core.parallel import Workers
from facesift.images.paths import Found, check_paths, find_files
from facesift.screening.committee import Committee
from facesift.screening.distributed import BundleOptions, screen_distributed
from facesift.screening.stream import Tables, decisions_schema
from facesift.screening.tables import Output, format_of, open_output, waiting_rows

SAME = 1e-3  # largest difference of one image's probability between machines and numbers of threads
ALL_SCORED, SOME_NOT, INTERRUPTED, PIPE_CLOSED = 0, 2, 130, 141  # the last two as shells report them


@dataclass(frozen=True)
class ScreenOptions:
    """What the command line asks for; `facesift screen --help` explains it."""

    paths: list[str]
    bundle: Path
    output: Path | None = None
    format: str | None = None
    resume: bool = False
    rule: str | None = None
    point: str | None = None
    runtime: str = "onnx"
    threads: int | None = None
    batch_size: int = 32
    cascade: bool = False
    stop_early: bool = False
    parallel: Workers | None = None  # None: this process


@dataclass
class ScreenCounts:
    """How many files were found, and how many rows of each decision (None: not scored) are in the output.

    `asked`: how many votes the members gave about the decided ones.
    """

    found: int = 0
    rows: Counter[str | None] = field(default_factory=Counter)
    asked: int = 0

    def count(self, table: pl.DataFrame, members: Iterable[str]) -> None:
        """Add the rows of a decisions table."""
        self.rows.update(table["decision"].to_list())
        self.asked += sum(table[f"vote_{member}"].count() for member in members)

    def sentence(self) -> str:
        """Say it on one line."""
        names = {None: "not scored"} | {name: name for name in self.rows if name}
        return f"{self.rows.total():,} images: " + ", ".join(
            f"{self.rows[name]:,} {words}" for name, words in sorted(names.items(), key=lambda item: item[0] or "~")
        )


def run_screen(asked: ScreenOptions) -> int:
    """Screen, and return the exit status: 0 all scored, 2 some not, 130 interrupted, 141 the rows' reader has gone.

    Raises `FacesiftError` for what the user can put right; rows written before stay.
    """
    kind = format_of(asked.output, asked.format)
    if asked.resume and asked.output is None:
        raise FacesiftError("--resume: the standard output cannot be resumed; give --output FILE")
    check_paths(asked.paths)
    committee = Committee.load(
        asked.bundle, asked.runtime, asked.threads, asked.rule, asked.point, stop_early=asked.stop_early
    )
    schema = decisions_schema(committee.ensemble.voters)
    try:
        with open_output(asked.output, kind, schema, resume=asked.resume) as output:
            tally = _screen(asked, committee, output)
    except BrokenPipeError:
        typer.echo("stopped: nobody reads the rows any more", err=True)
        return PIPE_CLOSED
    except KeyboardInterrupt:
        hint = f"; the rows before are in {asked.output}, --resume goes on with it" if asked.output else ""
        typer.echo(f"stopped{hint}", err=True)
        return INTERRUPTED
    typer.echo(tally.sentence() + (_saving(tally, committee) if asked.cascade or asked.stop_early else ""), err=True)
    return SOME_NOT if tally.rows[None] or output.unscored else ALL_SCORED


def _saving(tally: ScreenCounts, committee: Committee) -> str:
    """Say how much of the members' work the cascade did."""
    full = len(committee.ensemble.members) * (tally.rows.total() - tally.rows[None])
    return f"; members asked {tally.asked:,} of {full:,} times ({tally.asked / full:.1%})" if full else ""


def _screen(asked: ScreenOptions, committee: Committee, output: Output) -> ScreenCounts:
    """Write the rows of all files that the output does not hold yet, and count them."""
    tally = ScreenCounts()
    todo = _todo(asked, committee, output, tally)
    with closing(_decide(asked, committee, todo)) as tables, _progress(asked) as show:
        for table in tables:
            output.write(table)
            tally.count(table, committee.ensemble.members)
            show(tally)
    if not tally.found:
        raise FacesiftError(f"{', '.join(asked.paths)}: no file there to screen")
    return tally


def _decide(asked: ScreenOptions, committee: Committee, files: Iterator[Found]) -> Tables:
    """Tables of the files' decisions, from this process or from those that are asked for."""
    if asked.parallel is None:
        return committee.screen_found(files, asked.batch_size, asked.threads, cascade=asked.cascade)
    if asked.cascade:
        check_cascade(committee.ensemble)
    options = BundleOptions(
        asked.bundle, asked.runtime, asked.rule, asked.point, asked.batch_size, asked.cascade, asked.stop_early
    )
    return screen_distributed(files, options, asked.parallel)


def _todo(asked: ScreenOptions, committee: Committee, output: Output, tally: ScreenCounts) -> Iterator[Found]:
    """Yield what is not in the output yet; nor is the output itself screened when it lies in the folder."""
    own = [path.resolve() for path in (asked.output, asked.output and waiting_rows(asked.output)) if path]
    names = {path.name for path in own}
    for file in find_files(asked.paths, sys.stdin.buffer):
        here = Path(file.path)
        if here.name not in names or here.resolve() not in own:
            tally.found += 1
            if file.name not in output.done:
                yield file
            elif file.name in output.samples:
                _check_same(asked, committee, file, output.samples[file.name])


def _check_same(asked: ScreenOptions, committee: Committee, file: Found, before: dict[str, Any]) -> None:
    """Refuse to go on with a table that another bundle, rule or point began: one image decided `before`, and now."""
    row = next(committee.screen_found([file], 1, 1, cascade=asked.cascade)).row(0, named=True)
    if row["image_id"] != before["image_id"]:
        return  # the file has changed since, and tells nothing
    if row["decision"] != before["decision"] or _differ(row["probability"], before["probability"]):
        raise FacesiftError(
            f"{asked.output}: has {before['decision']} at {before['probability']} for {file.name}, this committee says "
            f"{row['decision']} at {row['probability']}: begun with another bundle, rule or point; name another file"
        )


def _differ(now: float | None, before: str | float | None) -> bool:
    """Whether two probabilities differ; of what a cascade left unknown nothing can be said."""
    return now is not None and before not in (None, "") and abs(now - float(before)) > SAME


@contextmanager
def _progress(asked: ScreenOptions) -> Iterator[Callable[[ScreenCounts], None]]:
    """Show a bar on the standard error if that is a terminal, and not the one that the rows go to."""
    if not sys.stderr.isatty() or (asked.output is None and sys.stdout.isatty()):
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("images", rate="")

        def show(tally: ScreenCounts) -> None:
            elapsed = progress.tasks[0].elapsed or 1
            progress.update(task, description=tally.sentence(), rate=f"{tally.rows.total() / elapsed:.0f} images/s")

        yield show
