"""`facesift study`: list the studies, or check one and write its parameters to params.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesift.core.errors import FacesiftError

if TYPE_CHECKING:
    from facesift.config.params import Params


def study(
    name: Annotated[str | None, typer.Argument(help="A study of conf/study/. Without it, all are listed.")] = None,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Values to change, such as stack.c=0.1.")
    ] = None,
) -> None:
    """Write the parameters of a study to params.yaml, or list the studies.

    Everything is checked first, the study's data too. `members=NAME` takes the members of conf/members/NAME.yaml.
    """
    from facesift.config.study import list_studies, write_study
    from facesift.config.weights import missing_weights

    if name is None:
        typer.echo("\n".join(list_studies()))
        return
    params = write_study(name, settings or [], partial(check_ratios, settings=settings or []))
    if files := counted_files(params):
        typer.echo(f"data/raw/{params.data.raw}: {_words(files)}")
    typer.echo(f"params.yaml: study {params.study}, members {', '.join(params.members)}. Next: dvc repro")
    for line in missing_weights(params):
        typer.secho(f"WARNING: {line}, or dvc repro will stop.", err=True)


def counted_files(params: Params) -> dict[str, int]:
    """Count a study's files by class, as stage ingest does; empty where the pipeline draws them, or ingest would stop.

    Only names and label tables are read.
    """
    from facesift.datasets.label_tables import make_layouts
    from facesift.datasets.source_files import count_files

    raw = Path("data/raw") / params.data.raw
    if params.data.raw in params.drawn:
        return {}
    try:
        return count_files(raw, make_layouts(raw, params.data.sources, params.class_names.names)).by_class
    except FacesiftError:  # stage ingest stops at once, and says why
        return {}


def check_ratios(params: Params, settings: Sequence[str]) -> None:
    """Check that re-sampling has something to do, if the files of the study are there.

    The training split has the same share of fakes as all files, so it can be told before anything is read.

    Raises:
        FacesiftError: when the files are as balanced already as a member's re-sampling asks for.
    """
    resamples = {name: member.resample for name, member in params.members.items() if member.resample.scope != "none"}
    if len(params.classes) > 2 or not resamples:
        return
    from facesift.sampling.met_ratios import met_ratios, tell_met

    files = counted_files(params)
    real, fake = (_training(params, files, label) for label in params.classes)
    if real and fake and (met := met_ratios(resamples, real, fake)):
        raise FacesiftError(tell_met(met, params.study, real, fake, settings) + _other_study(params.study))


def _training(params: Params, files: Mapping[str, int], label: str) -> int:
    """Return how many images of a class there will be to learn from, about."""
    return round(min(files.get(label, 0), params.split.limit.get(label, 1 << 62)) * params.split.fractions.train)


def _other_study(name: str) -> str:
    from facesift.config.compose import studies

    best = f"{name}_best"
    return f"\nOr take a committee that re-samples nothing: make study NAME={best}" if best in studies() else ""


def _words(files: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {label}" for label, number in sorted(files.items())) + " files by their names"
