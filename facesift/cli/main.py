"""The command line `facesift`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from facesift.core.errors import FacesiftError

BUNDLE = Path("models/committee")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Find the few photoshopped faces among very many real ones."""


@app.command()
def results(metrics: Annotated[Path, typer.Argument(help="what the vote stage wrote")] = Path("metrics")) -> None:
    """Print the result table of the last `dvc repro`."""
    from facesift.evaluation.results_table import print_results  # noqa: PLC0415

    try:
        print_results(metrics)
    except FacesiftError as error:
        sys.exit(f"error: {error}")


@app.command()
def study(
    name: Annotated[str | None, typer.Argument(help="a study of conf/study/ [lists them]")] = None,
    settings: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="such as stack.c=0.1")] = None,
) -> None:
    """Write the parameters of a study to params.yaml, or list the studies.

    All is checked first, the study's data too. `members=NAME` takes the members of conf/members/NAME.yaml.
    """
    from facesift.cli.study import list_studies, write_study  # noqa: PLC0415

    try:
        if name is None:
            typer.echo("\n".join(list_studies()))
            return
        params = write_study(name, settings or [])
    except FacesiftError as error:
        sys.exit(f"error: {error}")
    typer.echo(f"params.yaml: study {params.study}, members {', '.join(params.members)}. Next: dvc repro")


@app.command()
def drift(
    bundle: Annotated[Path, typer.Argument(help="folder that the export stage wrote")],
    decisions: Annotated[Path, typer.Argument(help="table that `facesift screen` wrote: .csv, .jsonl or .parquet")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Say whether a stream of images is still the one that the committee was measured on.

    Exit status: 0 stable or watch, 3 recalibrate, 1 a mistake.
    """
    from facesift.cli.drift_table import print_drift, print_json  # noqa: PLC0415
    from facesift.screening.drift import compare_file  # noqa: PLC0415
    from facesift.screening.drift_verdict import RECALIBRATE  # noqa: PLC0415

    try:
        report = compare_file(bundle, decisions)
    except FacesiftError as error:
        sys.exit(f"error: {error}")
    (print_json if as_json else print_drift)(report)
    sys.exit(3 if report["verdict"]["state"] == RECALIBRATE else 0)


@app.command()
def review(  # noqa: PLR0913  one parameter an option
    decisions: Annotated[Path, typer.Argument(help="what `facesift screen` wrote, or data/decisions.parquet")],
    *,
    reviewer: Annotated[str | None, typer.Option(help="who answers (your user name, unless told)")] = None,
    port: Annotated[int, typer.Option(help="of 127.0.0.1; 0 takes any that is free")] = 8710,
    images: Annotated[Path | None, typer.Option(help="folder that relative file names start from")] = None,
    answers: Annotated[Path, typer.Option(help="folder of the answers")] = Path("data/reviews"),
    bundle: Annotated[Path, typer.Option(help="the committee: classes, and maps of where it looked")] = BUNDLE,
    everything: Annotated[bool, typer.Option("--all", help="all images, not only those decided `review`")] = False,
) -> None:
    """Look at the images that need a person, in the browser; answers are appended to a CSV file."""
    try:
        from facesift.review import opening  # noqa: PLC0415

        opening.review(opening.Request(decisions, reviewer, port, images, answers, bundle, everything))
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed: pip install 'facesift[review]'")
    except FacesiftError as error:
        sys.exit(f"error: {error}")


@app.command()
def screen(  # noqa: PLR0913  one for each option
    paths: Annotated[
        list[str], typer.Argument(help="images, folders, zip files; -: a list of paths on standard input")
    ],
    *,
    bundle: Annotated[Path, typer.Option(help="the committee that the export stage wrote")] = Path("models/committee"),
    output: Annotated[
        Path | None, typer.Option(help="table to write: .csv, .jsonl, .parquet [standard output]")
    ] = None,
    table_format: Annotated[str | None, typer.Option("--format", help="csv, jsonl, parquet [the ending's]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the output of a run that was stopped")] = False,
    rule: Annotated[str | None, typer.Option(help="a voting rule in place of the bundle's own")] = None,
    point: Annotated[str | None, typer.Option(help="an operating point in place of a voting rule")] = None,
    runtime: Annotated[str, typer.Option(help="onnx, torch")] = "onnx",
    threads: Annotated[int | None, typer.Option(min=1, help="of reading and of the runtime [one a core]")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="images scored at a time; rows appear as often")] = 32,
    cascade: Annotated[bool, typer.Option("--cascade", help="ask no further member once an image is decided")] = False,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="and pass images that score low so far, at the bundle's stopping risk")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=-1, help="processes of one thread each; -1: one a core")] = None,
    backend: Annotated[Literal["processes", "ray", "dask"], typer.Option(help="whose processes")] = "processes",
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a cluster of ray or dask [one of its own]")] = None,
) -> None:
    """Decide images: one row each, with votes, probability and, where it could not be scored, the reason.

    Exit status: 0 all scored, 2 some could not be, 1 a mistake of yours.
    """
    from facesift.cli.screen import ScreenOptions, run_screen  # noqa: PLC0415
    from facesift.core.parallel import Workers  # noqa: PLC0415

    spread = None
    if jobs or backend != "processes":
        spread = Workers(backend=backend, jobs=jobs or -1, address=address)
    asked = ScreenOptions(
        paths,
        bundle,
        output,
        table_format,
        resume,
        rule,
        point,
        runtime,
        threads,
        batch_size,
        cascade,
        stop_early,
        spread,
    )
    try:
        sys.exit(run_screen(asked))
    except FacesiftError as error:
        sys.exit(f"error: {error}")


@app.command()
def bench(  # noqa: PLR0913  one for each option
    bundles: Annotated[list[Path] | None, typer.Argument(help="folders that the export stage wrote")] = None,
    *,
    architecture: Annotated[list[str] | None, typer.Option(help="or a network by name: timm:mobilenetv1_100")] = None,
    size: Annotated[list[int] | None, typer.Option(min=1, help="pixels: the same networks, random weights")] = None,
    batch: Annotated[list[int] | None, typer.Option(min=1, help="images at a time [1 and 32]")] = None,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="of the runtime [one a core]")] = None,
    precision: Annotated[list[str] | None, typer.Option(help="fp32, int8 [fp32]")] = None,
    images: Annotated[list[str] | None, typer.Option(help="files, folders, zips: try cascade and int8 on them")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="of timing, for each row of the table")] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Time committees on this machine. Options that take one value may be given several times.

    `facesift bench --architecture timm:mobilenetv1_100 --size 224 --size 32` compares two image sizes.
    """
    from facesift.cli.bench import Bench, run_bench  # noqa: PLC0415
    from facesift.cli.drift_table import print_json  # noqa: PLC0415
    from facesift.cli.speed_table import print_speed  # noqa: PLC0415

    asked = Bench(
        bundles or [],
        architecture or [],
        size or [],
        batch or [],
        threads or [],
        precision or [],
        images or [],
        seconds,
    )
    try:
        report = run_bench(asked)
    except FacesiftError as error:
        sys.exit(f"error: {error}")
    (print_json if as_json else print_speed)(report)


if __name__ == "__main__":
    app()
