"""`facesift screen`: decides images, shows the progress, and ends with an exit status."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facesift.cli.commands import BUNDLE, BUNDLE_FOLDER, takes
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted, percent

if TYPE_CHECKING:
    import polars as pl

    from facesift.core.parallel import Workers
    from facesift.images.paths import InputFile
    from facesift.screening.columns import Tables
    from facesift.screening.committee import Committee
    from facesift.screening.continued_tables import Output

TOLERANCE = 1e-3  # largest difference of one image's probability between machines and numbers of threads
ALL_SCORED, SOME_NOT, INTERRUPTED, PIPE_CLOSED = 0, 2, 130, 141  # the last two as shells report them


@dataclass(frozen=True)
class ScreenOptions:
    """What the user typed; the help texts say what each field means."""

    paths: Annotated[
        list[str],
        typer.Argument(help="Images, folders, zips, tars, Parquet files; `-` reads a list of paths from the input."),
    ]
    bundle: Annotated[Path, typer.Option(help=BUNDLE, is_eager=True)] = BUNDLE_FOLDER
    output: Annotated[
        Path | None, typer.Option(help="Table to write: .csv, .jsonl, .parquet.", show_default="standard output")
    ] = None
    null: Annotated[
        bool, typer.Option("-0", "--null", help="The list of paths has a NUL byte behind each, as find -print0 writes.")
    ] = False
    format: Annotated[str | None, typer.Option(help="csv, jsonl, parquet.", show_default="by the file's ending")] = None
    resume: Annotated[bool, typer.Option("--resume", help="Continue the output of a run that was stopped.")] = False
    no_time: Annotated[
        bool, typer.Option("--no-time", help="Leave out the time, so that equal runs write equal bytes.")
    ] = False
    formulas: Annotated[
        bool,
        typer.Option(
            "--formulas", help="CSV: leave names that a spreadsheet takes for formulas as they are, without '."
        ),
    ] = False
    rule: Annotated[str | None, typer.Option(help="Voting rule to use instead of the bundle's own.")] = None
    point: Annotated[str | None, typer.Option(help="Operating point to use instead of a voting rule.")] = None
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of fakes to give probabilities for; decisions stay.", show_default="the bundle's"),
    ] = None
    runtime: Annotated[str, typer.Option(help="onnx, torch.")] = "onnx"
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that read files and score.", show_default="one for each core")
    ] = None
    batch_size: Annotated[int, typer.Option(min=1, help="Images that are scored, and rows written, at a time.")] = 32
    cascade: Annotated[bool, typer.Option("--cascade", help="Ask no more members once an image is decided.")] = False
    stop_early: Annotated[
        bool,
        typer.Option(
            "--stop-early", help="Also pass images whose first scores are low, at the bundle's stopping risk."
        ),
    ] = False
    jobs: Annotated[int | None, typer.Option(min=-1, help="Processes of one thread each; -1: one for each core.")] = (
        None
    )
    backend: Annotated[Literal["processes", "ray", "dask"], typer.Option(help="What runs the processes.")] = "processes"
    address: Annotated[
        str | None, typer.Option(help="HOST:PORT of a Ray or Dask cluster.", show_default="a cluster on this machine")
    ] = None

    @property
    def workers(self) -> Workers | None:
        """The processes that share the work; None: this process does it alone."""
        from facesift.core.parallel import Workers

        if not self.jobs and self.backend == "processes":
            return None
        return Workers(backend=self.backend, jobs=self.jobs or -1, address=self.address)


@takes(ScreenOptions)
def screen(options: ScreenOptions) -> None:
    """Decide images. Each gets one row with votes and probability, or the reason why it could not be scored.

    Exit status: 0 all scored, 2 some not scored, 1 an error that you can correct.
    """
    sys.exit(run_screen(options))


@dataclass
class ScreenCounts:
    """Counts over the files screened so far.

    Attributes:
        found: Files that were found.
        passed: Files that are no data and were passed over, by kind.
        rows: Rows in the output for each decision; the key None counts images that were not scored.
        asked: Votes that the members gave.
    """

    found: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    rows: Counter[str | None] = field(default_factory=Counter)
    asked: int = 0

    def add(self, table: pl.DataFrame, members: Iterable[str]) -> None:
        """Add the rows of a decisions table."""
        self.rows.update(table["decision"].to_list())
        self.asked += sum(table[f"vote_{member}"].count() for member in members)

    def sentence(self) -> str:
        """Return the counts of rows in one line."""
        names = {None: "not scored"} | {name: name for name in self.rows if name}
        return (
            f"{counted(self.rows.total(), 'image')}: "
            + ", ".join(
                f"{self.rows[name]:,} {words}" for name, words in sorted(names.items(), key=lambda item: item[0] or "~")
            )
            + "".join(f"; passed over {number:,} x {kind}" for kind, number in sorted(self.passed.items()))
        )


def run_screen(options: ScreenOptions) -> int:
    """Screen the files and write the rows; progress and totals go to the standard error.

    Returns:
        The exit status: 0 all scored, 2 some not scored, 130 interrupted, 141 the reader of the rows has gone.

    Raises:
        FacesiftError: The user can correct it. Rows that were written before stay.
    """
    from facesift.bundle.decision_rule import stopping_record
    from facesift.images.paths import LIST, check_paths
    from facesift.screening.columns import decisions_schema
    from facesift.screening.committee import Committee
    from facesift.screening.tables import format_of, open_output, writes_on

    kind = format_of(options.output, options.format)
    if options.resume and (options.output is None or writes_on(options.output)):
        raise FacesiftError(
            f"--resume: {options.output or 'the standard output'} cannot be resumed; give --output FILE"
        )
    if options.null and LIST not in options.paths:
        raise FacesiftError(f"-0 is about the list of paths on the standard input: give {LIST} as a path")
    check_paths(options.paths)
    committee = Committee.load(
        options.bundle,
        options.runtime,
        options.threads,
        options.rule,
        options.point,
        stop_early=options.stop_early,
        prevalence=options.prevalence,
    )
    schema = decisions_schema(committee.ensemble.voters)
    try:
        with open_output(options.output, kind, schema, resume=options.resume, formulas=options.formulas) as output:
            committee.log().check_continued(options.output or Path(), output.logged)
            counts = _screen(options, committee, output)
    except BrokenPipeError:
        typer.echo("stopped: nobody reads the rows any more", err=True)
        return PIPE_CLOSED
    except KeyboardInterrupt:
        hint = f"; the rows before are in {options.output}, --resume goes on with it" if options.output else ""
        typer.echo(f"stopped{hint}", err=True)
        return INTERRUPTED
    asked = _asked_share(counts, committee) if options.cascade or options.stop_early else ""
    typer.echo(f"{counts.sentence()}{asked} ({_way(options, committee)})", err=True)
    if options.stop_early:
        typer.echo(stopping_record(committee.card, options.rule, options.point), err=True)
    return SOME_NOT if counts.rows[None] or output.unscored else ALL_SCORED


def _way(options: ScreenOptions, committee: Committee) -> str:
    """Name the study, the rule or operating point that decided, and the bundle."""
    rule = f"point {options.point}" if options.point else f"rule {options.rule or committee.card.rule}"
    return f"study {committee.card.study}, {rule}, bundle {options.bundle}"


def _asked_share(counts: ScreenCounts, committee: Committee) -> str:
    """Say how often the members were asked, out of all times that they could have been."""
    full = len(committee.ensemble.members) * (counts.rows.total() - counts.rows[None])
    return (
        f"; members asked {counts.asked:,} of {counted(full, 'time')} ({percent(counts.asked / full)})" if full else ""
    )


def _screen(options: ScreenOptions, committee: Committee, output: Output) -> ScreenCounts:
    """Write the rows of all files that the output does not hold yet, and count them."""
    counts = ScreenCounts()
    files = _remaining_files(options, committee, output, counts)
    with closing(_decide(options, committee, files)) as tables, _progress(options) as show:
        for table in tables:
            output.write(table)
            counts.add(table, committee.ensemble.members)
            show(counts)
    if not counts.found:
        raise FacesiftError(f"{', '.join(options.paths)}: no file there to screen")
    return counts


def _decide(options: ScreenOptions, committee: Committee, files: Iterator[InputFile]) -> Tables:
    """Return the tables of decisions, made by this process or by the processes that the options ask for."""
    from facesift.committee.cascade import check_cascade, check_worthwhile
    from facesift.screening.distributed import BundleOptions, screen_distributed

    if options.cascade:
        check_cascade(committee.ensemble)
        check_worthwhile(committee.ensemble)
    if (workers := options.workers) is None:
        return committee.screen_found(
            files, options.batch_size, options.threads, cascade=options.cascade, timed=not options.no_time
        )
    bundle = BundleOptions(
        options.bundle,
        options.runtime,
        options.rule,
        options.point,
        options.batch_size,
        options.cascade,
        options.stop_early,
        timed=not options.no_time,
        prevalence=options.prevalence,
    )
    return screen_distributed(files, bundle, workers)


def _remaining_files(
    options: ScreenOptions, committee: Committee, output: Output, counts: ScreenCounts
) -> Iterator[InputFile]:
    """Yield the files that are not in the output yet; leave out the output itself where it lies in the folder."""
    from facesift.images.archives import LOOSE
    from facesift.images.paths import find_files

    is_own = _own_files(options.output)
    for file in find_files(options.paths, sys.stdin.buffer, counts.passed, null=options.null):
        if file.container != LOOSE or not is_own(Path(file.path)):
            counts.found += 1
            if file.name not in output.done:
                yield file
            elif file.name in output.samples:
                _check_same(options, committee, file, output.samples[file.name])


def _own_files(output: Path | None) -> Callable[[Path], bool]:
    """Return what tells the files that this run writes, also as `facesift screen . > decisions.csv`."""
    from facesift.core.checksum_file import checksum_file
    from facesift.screening.tables import file_of_stream, waiting_rows

    if output is None or file_of_stream(output):
        stream = file_of_stream(output)
        return lambda path: stream is not None and path.is_file() and path.samefile(stream)
    own = {path.resolve() for path in (output, waiting_rows(output), checksum_file(output))}
    names = {path.name for path in own}
    return lambda path: path.name in names and path.resolve() in own


def _check_same(options: ScreenOptions, committee: Committee, file: InputFile, before: dict[str, Any]) -> None:
    """Decide one image of the table again; refuse to continue a table that another bundle, rule or point began."""
    row = next(committee.screen_found([file], 1, 1, cascade=options.cascade)).row(0, named=True)
    if row["image_id"] != before["image_id"]:
        return  # the file has changed since then, so its row cannot be compared
    if row["decision"] != before["decision"] or _differ(row["probability"], before["probability"]):
        raise FacesiftError(
            f"{options.output}: has {before['decision']} at {before['probability']} for {file.name}, this committee "
            f"says {row['decision']} at {row['probability']}: begun with another bundle, rule or point; "
            "name another file"
        )


def _differ(now: float | None, before: str | float | None) -> bool:
    """Return whether two probabilities differ; False where a cascade left one of them unknown."""
    return now is not None and before not in (None, "") and abs(now - float(before)) > TOLERANCE


@contextmanager
def _progress(options: ScreenOptions) -> Iterator[Callable[[ScreenCounts], None]]:
    """Show a progress bar on the standard error, if that is a terminal and the rows do not go to the same one."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from facesift.screening.tables import writes_on

    rows_on_terminal = sys.stdout.isatty() and (options.output is None or writes_on(options.output))
    if not sys.stderr.isatty() or rows_on_terminal:
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

        def show(counts: ScreenCounts) -> None:
            elapsed = progress.tasks[0].elapsed or 1
            progress.update(task, description=counts.sentence(), rate=f"{counts.rows.total() / elapsed:.0f} images/s")

        yield show
