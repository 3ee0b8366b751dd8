"""`facesift bench`: times committees on this machine, and prints the report."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facesift.cli.commands import BUNDLE, BUNDLE_FOLDER, print_json, takes
from facesift.core.errors import FacesiftError
from facesift.core.formatting import between, counted, percent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from facesift.cli.bench_graphs import TimedGraph

Report = Mapping[str, Any]

SCHEMA = 1
PAYS = 1.15  # times as fast: less is within the noise of a shared machine
FOOTNOTE = """Scoring alone, on random pixels, each row in a process of its own: no files are read or decoded.
ms: of one batch; p95 from 20 batches on, p99 from 100. x: images per second against the first row.
Random weights take as long as trained ones."""


@dataclass(frozen=True)
class BenchOptions:
    """What the user typed; the help texts say what each field means."""

    bundles: Annotated[
        list[Path], typer.Option("--bundle", help=BUNDLE, show_default="models/committee, without --architecture")
    ] = field(default_factory=list)
    architectures: Annotated[
        list[str], typer.Option("--architecture", help="A network by name: timm:mobilenetv1_100.")
    ] = field(default_factory=list)
    sizes: Annotated[
        list[int], typer.Option("--size", min=1, help="Image size in pixels: the same networks, random weights.")
    ] = field(default_factory=list)
    batches: Annotated[list[int], typer.Option("--batch", min=1, help="Images at a time.")] = field(
        default_factory=lambda: [1, 32]
    )
    threads: Annotated[
        list[int], typer.Option(min=1, help="Threads of the runtime.", show_default="one for each core")
    ] = field(default_factory=list)
    precisions: Annotated[list[str], typer.Option("--precision", help="fp32, int8.")] = field(
        default_factory=lambda: ["fp32"]
    )
    images: Annotated[
        list[str], typer.Option(help="Files, folders, zips: try the cascade and int8 on these images.")
    ] = field(default_factory=list)
    seconds: Annotated[float, typer.Option(min=0, help="Seconds of timing for each row of the table.")] = 3.0
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False


@takes(BenchOptions)
def bench(options: BenchOptions) -> None:
    """Time committees on this machine. Options that take one value may be given several times.

    `facesift bench --architecture timm:mobilenetv1_100 --size 224 --size 32` compares two image sizes.
    """
    if not options.bundles and not options.architectures:
        options = replace(options, bundles=[BUNDLE_FOLDER])
    report = run_bench(options)
    (print_json if options.as_json else print_speed)(report)


def run_bench(options: BenchOptions) -> dict[str, Any]:
    """Measure what the options ask for, and return the report.

    Raises:
        FacesiftError: The user can correct it.
    """
    from facesift.cli.bench_graphs import graphs_to_time

    _check(options)
    with tempfile.TemporaryDirectory(prefix="facesift-bench-") as folder:
        graphs = list(
            graphs_to_time(options.bundles, options.architectures, options.sizes, options.precisions, Path(folder))
        )
        return {
            "schema": SCHEMA,
            "machine": _machine(),
            "speed": _speeds(options, graphs),
            "decisions": list(_comparisons(options, graphs)),
        }


def _check(options: BenchOptions) -> None:
    from facesift.cli.bench_graphs import PRECISIONS
    from facesift.images.paths import check_paths

    if not options.bundles and not options.architectures:
        raise FacesiftError("nothing to time: give --bundle FOLDER, or --architecture timm:NAME and --size")
    if options.architectures and not options.sizes:
        raise FacesiftError("--architecture: for images of which --size?")
    if options.images and (options.sizes or options.architectures):
        raise FacesiftError("--images: with --size or --architecture the weights are random and decide nothing")
    for precision in options.precisions:
        if precision not in PRECISIONS:
            raise FacesiftError(f"--precision {precision!r} is none; there are {', '.join(PRECISIONS)}")
    check_paths(options.images)


def _speeds(options: BenchOptions, graphs: list[TimedGraph]) -> list[dict[str, Any]]:
    from facesift.cli.bench_timing import TimingSettings, measure_speed

    rows = []
    for graph, threads, batch in product(graphs, _threads(options), options.batches):
        speed = measure_speed(graph.graph, graph.image_size, TimingSettings(batch, threads, options.seconds))
        named = {name: value for name, value in asdict(graph).items() if name != "graph"}
        rows.append(named | {"threads": threads, "batch": batch} | asdict(speed))
    return [row | {"relative": row["images_per_second"] / rows[0]["images_per_second"]} for row in rows]


def _comparisons(options: BenchOptions, graphs: list[TimedGraph]) -> Iterator[dict[str, Any]]:
    """Yield for each bundle how int8 and the cascade decide the user's images."""
    if not options.images:
        return
    from facesift.cli.bench_decisions import FasterWays
    from facesift.cli.bench_graphs import INT8
    from facesift.images.paths import find_files

    int8 = {graph.name: graph.graph.parent for graph in graphs if graph.precision == INT8}
    batch, threads = max(options.batches), max(_threads(options))
    for bundle in options.bundles:
        found = FasterWays(bundle, int8.get(str(bundle)), threads).measure(find_files(options.images), batch)
        yield {"name": str(bundle), "threads": threads, "batch": batch} | found


def _threads(options: BenchOptions) -> list[int]:
    return options.threads or [os.cpu_count() or 1]


def _machine() -> dict[str, Any]:
    from facesift.core.fingerprint import library_versions

    return {
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    } | library_versions(["onnxruntime"])


def print_speed(report: Report, console: Console | None = None) -> None:
    """Print the machine, a row for each graph and setting, and the results on the user's images."""
    from rich.console import Console

    console = console or Console(width=120)
    machine = report["machine"]
    console.print(", ".join([f"{machine['cores']} cores", *(machine[name] for name in ("architecture", "system"))]))
    console.print(_speed_table(report["speed"]))
    console.print(FOOTNOTE, markup=False, highlight=False)
    for line in int8_verdicts(report["speed"]):
        console.print(line, markup=False, highlight=False)
    for found in report["decisions"]:
        console.print(_comparison_text(found), markup=False, highlight=False)


def _speed_table(rows: list[Report]) -> Table:
    from rich.table import Column, Table

    table = Table(
        Column("graph", overflow="fold"),
        "pixels",
        "weights",
        "precision",
        "threads",
        "batch",
        title="speed",
        title_justify="left",
    )
    for heading in ("images/s", "x", "p50 ms", "p95", "p99", "peak MiB"):
        table.add_column(heading, justify="right")
    for row in rows:
        named = (row["name"], row["image_size"], row["weights"], row["precision"], row["threads"], row["batch"])
        figures = (f"{row['images_per_second']:.1f}", f"{row['relative']:.2f}")
        late = (_digits(row[key]) for key in ("p50_ms", "p95_ms", "p99_ms", "memory_mib"))
        table.add_row(*map(str, named), *figures, *late)
    return table


def int8_verdicts(rows: list[Report]) -> list[str]:
    """Say for each graph and setting whether int8 is worth its changed decisions: 8 bits are not always quicker.

    >>> row = {"name": "b", "image_size": 32, "weights": "trained", "threads": 1, "batch": 32}
    >>> fp32 = row | {"precision": "fp32", "images_per_second": 100}
    >>> int8_verdicts([fp32, row | {"precision": "int8", "images_per_second": 103}])
    ['b, 1 threads, batch 32: int8 does not pay (1.03 times as fast)']
    """
    plain = {_setting(row): row["images_per_second"] for row in rows if row["precision"] == "fp32"}
    lines = []
    for row in rows:
        if row["precision"] != "fp32" and (before := plain.get(_setting(row))):
            times = row["images_per_second"] / before
            words = "pays" if times >= PAYS else "does not pay"
            where = f"{row['name']}, {row['threads']} threads, batch {row['batch']}"
            lines.append(f"{where}: {row['precision']} {words} ({times:.2f} times as fast)")
    return lines


def _setting(row: Report) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("name", "image_size", "weights", "threads", "batch"))


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _comparison_text(found: Report) -> str:
    lines = [
        f"{found['name']}: {counted(found['images'], 'image')} of yours in {found['seconds']:.2f} s, each member asked"
    ]
    for rule, each in found["cascade"].items():
        lines.append(
            f"  cascade by {rule}: members asked {each['asked']:,} of {counted(each['of'], 'time')} "
            f"({percent(each['share'])}), in {percent(each['time_share'])} of the time"
        )
    if (changes := found["int8"]) is not None:
        low, high = changes["share_interval"]
        lines.append(
            f"  int8 changes {counted(changes['changed'], 'decision')} ({percent(changes['share'], 2)}; "
            f"95 %: {between((low, high), 2)} %), "
            f"log-odds by at most {changes['largest_log_odds_difference']:.3g}"
        )
    return "\n".join(lines)
