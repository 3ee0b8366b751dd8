"""Run every command of docs/studies.md at toy size: `make studies`, or `python -m bench.studies [STUDY ...]`.

Each command's parameters are composed, cut down (`bench/toy.py`) and run in a temporary folder on generated images in
the study's layout (`bench/toy_images.py`). The stages run one after the other in one process, in the order of dvc.yaml:
starting Python and DVC for each of some 150 stages would take half an hour, and tests/pipeline drives the real `dvc`.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from bench.published import System, distinct_runs, published_systems
from bench.toy import ROOT, compose_study, shrink
from bench.toy_images import write_study
from facesift.config.params import Params, parse_params
from facesift.evaluation.results_table import share
from workflow.dvc_command import run_script


@dataclass(frozen=True)
class StudyRun:
    """What came of one command.

    Attributes:
        members: their names.
        images: numbers of train, val and test images.
        layout: of the raw data.
        seconds: that all stages took.
        metrics: content of every file in metrics/, by its path without the ending.
    """

    members: list[str]
    images: str
    layout: str
    seconds: float
    metrics: dict[str, Any]


def commands(tree: dict[str, Any]) -> Iterator[list[str]]:
    """Yield stage and arguments of every stage for these parameters, in the order of dvc.yaml."""
    if tree["data"]["raw"] == "portraits":
        yield ["draw", "portraits"]
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        each: Any = tree if "foreach" in stage else [""]
        for key in stage.get("foreach", "").strip("${}").split("."):
            each = each[key] if key else each
        for key in each:
            command = stage.get("do", stage)["cmd"].replace("${key}", key)
            yield command.removeprefix("python -m stages.").split()


def run_stages(tree: dict[str, Any]) -> None:
    """Run all stages in the current folder; the output of one that fails is added to its error."""
    params: Params = parse_params(tree)
    Path("params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    for stage, *arguments in commands(tree):
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                import_module(f"stages.{stage}").main(params, *arguments)
        except Exception as error:
            error.add_note(f"study {tree['study']}, stage {stage} {' '.join(arguments)}:\n{output.getvalue()}")
            raise


def run_study(overrides: tuple[str, ...]) -> StudyRun:
    """Run one command at toy size in a folder of its own."""
    tree = shrink(compose_study(*overrides))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="facesift-study-") as folder, contextlib.chdir(folder):
        if tree["data"]["raw"] != "portraits":
            write_study(Path("data/raw"), tree)
        run_stages(tree)
        metrics = {path.relative_to("metrics").with_suffix("").as_posix(): json.loads(path.read_text())
                   for path in sorted(Path("metrics").rglob("*.json"))}  # fmt: skip
    images = {split: sum(sum(labels.values()) for labels in sources.values())
              for split, sources in metrics["split"]["images"].items()}  # fmt: skip
    layouts = [source["layout"] for source in tree["data"]["sources"].values()]
    return StudyRun(
        list(tree["members"]),
        "/".join(str(images[split]) for split in ("train", "val", "test")),
        " + ".join(layouts) + (", folds" if tree["split"]["predefined"] else ""),
        time.perf_counter() - start,
        metrics,
    )


def figures(ran: StudyRun, system: System) -> list[str]:
    """Return accuracy, recall and precision of a system's voter on the test images; a dash for an unknown one."""
    data_set, _, voter = system.voter.rpartition("/")
    if data_set:
        report = ran.metrics["cross"][data_set]
        classes, found = report["classes"], report["voters"] | report["rules"]
    else:
        classes = ran.metrics["classes"]["test"]
        found = ran.metrics["voters"]["test"] | ran.metrics["vote"]["test"]
    accuracy = classes.get(voter, {}).get("accuracy")
    return [share(accuracy), share(found[voter]["recall"]), share(found[voter]["precision"])]


def results_table() -> Table:
    """Return the table without its rows."""
    table = Table(title="TOY SIZE: generated images, one pass; the figures show that a study runs, not what it can do")
    for heading in ("study", "layout", "images", "s", "voter"):
        table.add_column(heading, justify="right" if heading == "s" else "left", no_wrap=heading != "layout")
    for heading in ("accuracy", "recall", "precision"):
        table.add_column(f"toy {heading}", justify="right", no_wrap=True)
    table.add_column("published, at full size")
    return table


def run_commands(studies: list[str], console: Console) -> None:
    """Run the commands of the named studies, or of all, and print one table."""
    runs = distinct_runs([one for one in published_systems() if not studies or one.study in studies])
    table, start = results_table(), time.perf_counter()
    for overrides, systems in runs.items():
        ran = run_study(overrides)
        console.print(f"{' '.join(overrides)}: {', '.join(ran.members)} in {ran.seconds:.1f} s", highlight=False)
        about = [systems[0].study, ran.layout, ran.images, f"{ran.seconds:.1f}"]
        for number, system in enumerate(systems):
            left = [""] * len(about) if number else about
            table.add_row(*left, system.voter, *figures(ran, system), system.figures)
        table.add_section()
    console.print(table)
    console.print(f"{len(runs)} commands in {time.perf_counter() - start:.0f} s; images are train/val/test")


def main(studies: Annotated[list[str] | None, typer.Argument(help="only these", show_default="all")] = None) -> None:
    """Run every command of docs/studies.md at toy size, and print one table."""
    run_commands(studies or [], Console(width=160))


if __name__ == "__main__":
    run_script(main)
