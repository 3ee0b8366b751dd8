"""Try resampling ratios x losses over members, by `dvc exp`: `python -m workflow.sweep --members convnext2 --jobs 2`.

Each experiment changes one member and leaves the rest of the study at hand as it is. All figures are of validation
images. `build/sweep/` gets a table (`figures.csv`) and a figure (`sweep.svg`). What ran before is not run again.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
import yaml
from rich.console import Console
from rich.table import Table

from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file, write_csv
from facesift.core.formatting import percent
from workflow.dvc_command import dvc, run_script, threads_for
from workflow.experiment_runs import LAST_STAGE, experiment_name, overrides, queue, run_queue
from workflow.experiments import FIGURES, HEADINGS, WORKSPACE, Experiment, read_experiments
from workflow.sweep_figure import draw_sweep

LOSSES: dict[str, dict[str, Any]] = {
    "cross_entropy": {"name": "cross_entropy", "class_weights": None, "label_smoothing": 0.0},
    "focal": {"name": "focal", "gamma": 2.0, "alpha": 0.25, "label_smoothing": 0.0},
}
RATIOS = ("none", "0.1/0.5", "0.4/0.5", "1.0")
PRINTED = (("member_recall", "its recall"), ("member_precision", "its precision"), *zip(FIGURES, HEADINGS, strict=True))


@dataclass(frozen=True)
class Variant:
    """One member with other resampling ratios and another loss.

    Attributes:
        member: its name in params.yaml.
        ratio: both ratios as the user wrote them.
        smote: fakes per real after SMOTE, in (0, 1]; None without SMOTE.
        undersample: fakes per real after undersampling, in (0, 1]; None without it.
        loss: a name of `LOSSES`.
    """

    member: str
    ratio: str
    smote: float | None
    undersample: float | None
    loss: str

    def values(self, recipe: dict[str, Any]) -> list[str]:
        """Return the arguments of `-S` that turn the member's present recipe into this variant."""
        key = f"members.{self.member}"
        loss: dict[str, Any] = recipe["loss"] if recipe["loss"]["name"] == self.loss else LOSSES[self.loss]
        return [
            *overrides(f"{key}.resample", recipe["resample"], self._resample(recipe["resample"])),
            *overrides(f"{key}.loss", recipe["loss"], loss),
        ]

    def _resample(self, now: dict[str, Any]) -> dict[str, Any]:
        if self.smote is None and self.undersample is None:
            off = {"scope": "none", "forge": None, "draw": "plan", "epoch_images": None}
            return now | {"smote": None, "undersample": None} | off
        scope = now["scope"] if now["scope"] != "none" else "shard"
        return now | {"smote": self.smote, "undersample": self.undersample, "scope": scope}


def parse_ratio(text: str) -> tuple[float | None, float | None]:
    """Read `SMOTE`, `SMOTE/UNDERSAMPLE`, `/UNDERSAMPLE` or `none`: fakes per real, in (0, 1].

    Raises:
        FacesiftError: for any other text, and when undersampling would leave fewer fakes per real than SMOTE makes.

    >>> parse_ratio("0.4/0.5"), parse_ratio("/0.5"), parse_ratio("none")
    ((0.4, 0.5), (None, 0.5), (None, None))
    """
    if text == "none":
        return None, None
    try:
        smote, undersample = (float(part) if part else None for part in (*text.split("/"), "")[:2])
    except ValueError:
        raise FacesiftError(f"--ratios: {text!r} is not like none, 0.4, 0.4/0.5 or /0.5") from None
    if any(ratio is not None and not 0 < ratio <= 1 for ratio in (smote, undersample)):
        raise FacesiftError(f"--ratios: {text!r} has a ratio outside of (0, 1]")
    if smote and undersample and undersample < smote:
        raise FacesiftError(f"--ratios: {text!r} undersamples to fewer fakes per real than SMOTE makes")
    return smote, undersample


def variants(members: Iterable[str], ratios: Iterable[str], losses: Iterable[str]) -> list[Variant]:
    """Return all combinations of members, ratios (see `parse_ratio`) and losses."""
    return [Variant(member, ratio, *parse_ratio(ratio), loss)
            for member, ratio, loss in itertools.product(members, ratios, losses)]  # fmt: skip


def chosen_members(members: dict[str, Any], names: Sequence[str]) -> list[str]:
    """Return the members to sweep: those named, or all that vote.

    Raises:
        FacesiftError: for a name that is not in params.yaml.
    """
    unknown = [name for name in names if name not in members]
    if unknown:
        raise FacesiftError(f"--members: no {', '.join(unknown)} in params.yaml; there are {', '.join(members)}")
    return list(names) or [name for name, recipe in members.items() if recipe.get("votes", True)]


def run_variants(plan: list[Variant], recipes: dict[str, Any], jobs: int, threads: int) -> dict[Variant, str]:
    """Queue and run the experiments that did not run before.

    Args:
        plan: the variants to run.
        recipes: the members' sections of params.yaml.
        jobs: experiments at a time.
        threads: of each.

    Returns:
        The experiment's name of each variant that changes anything.
    """
    values = {each: each.values(recipes[each.member]) for each in plan}
    names = {each: experiment_name(f"{each.member}-{each.ratio.replace('/', '-')}-{each.loss}", values[each])
             for each in plan if values[each]}  # fmt: skip
    states = {one.name: one.state for one in read_experiments()}
    for each, name in names.items():
        if states.get(name) not in ("success", "queued"):
            queue(name, values[each])
    if any(states.get(name) != "success" for name in names.values()):
        run_queue(jobs, threads)
    return names


def row_of(variant: Variant, one: Experiment) -> dict[str, Any]:
    """Return one row of the table: the variant, the member's own figures and the committee's."""
    member = one.member(variant.member)
    own = {f"member_{name}": member.get(name) for name in ("recall", "precision")}
    about = {"member": variant.member, "smote": variant.smote, "undersample": variant.undersample, "loss": variant.loss}
    return {"experiment": one.name, **about, **own, **one.figures()}


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Lay out the rows as a table for the terminal."""
    table = Table(title="validation images; recall to AP are the committee's")
    for heading in ("experiment", "member", "SMOTE", "undersample", "loss"):
        table.add_column(heading, no_wrap=True)
    for _, heading in PRINTED:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        ratios = ["-" if row[name] is None else f"{row[name]:g}" for name in ("smote", "undersample")]
        cells = [row["experiment"], row["member"], *ratios, row["loss"]]
        table.add_row(*cells, *(percent(row[name]) for name, _ in PRINTED))
    return table


def write_results(plan: list[Variant], names: dict[Variant, str], folder: Path) -> None:
    """Write and print the figures of all variants.

    Args:
        plan: the variants.
        names: the experiment of each; a variant without one is the study as it is.
        folder: gets figures.csv and sweep.svg.

    Raises:
        FacesiftError: when experiments failed; the others are written before.
    """
    found = {one.name: one for one in read_experiments() if one.metrics}
    rows = [row_of(each, found[name]) for each in plan if (name := names.get(each, WORKSPACE)) in found]
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "figures.csv", pl.DataFrame(rows, infer_schema_length=None))
    with whole_file(folder / "sweep.svg") as path:
        draw_sweep(rows, found[WORKSPACE].figures(), path)
    Console(width=None if sys.stdout.isatty() else 200).print(table_of(rows))
    print(f"{folder}/figures.csv, {folder}/sweep.svg")
    if failed := [name for name in names.values() if name not in found]:
        raise FacesiftError(f"failed: {', '.join(failed)}; `dvc queue logs NAME` says why")


def split_list(text: str) -> list[str]:
    """Split a list at its commas.

    >>> split_list("none, 0.4/0.5"), split_list("")
    (['none', '0.4/0.5'], [])
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def main(  # noqa: PLR0913  one for each option
    *,
    members: Annotated[
        str, typer.Option(help="names with commas between, changed one at a time", show_default="all that vote")
    ] = "",
    ratios: Annotated[str, typer.Option(help="SMOTE/UNDERSAMPLE in fakes per real, or none")] = ",".join(RATIOS),
    losses: Annotated[str, typer.Option(help="names with commas between")] = ",".join(sorted(LOSSES)),
    jobs: Annotated[int, typer.Option(min=1, help="experiments at a time")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="of each", show_default="OMP_NUM_THREADS, or a share of the cores")
    ] = None,
    folder: Annotated[Path, typer.Option(help="where table and figure go")] = Path("build/sweep"),
) -> None:
    """Try resampling ratios x losses over members, and write what came out."""
    if unknown := [name for name in split_list(losses) if name not in LOSSES]:
        raise FacesiftError(f"--losses: no {', '.join(unknown)}; there are {', '.join(LOSSES)}")
    recipes = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["members"]
    plan = variants(chosen_members(recipes, split_list(members)), split_list(ratios), split_list(losses))
    each = threads_for(jobs, threads)
    dvc("repro", LAST_STAGE, threads=each)
    write_results(plan, run_variants(plan, recipes, jobs, each), folder)


if __name__ == "__main__":
    run_script(main)
