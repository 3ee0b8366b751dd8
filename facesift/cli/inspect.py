"""`facesift inspect`: looks at a folder or an archive of images before a study is made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesift.cli.commands import print_json, takes
from facesift.core.errors import FacesiftError, for_terminal
from facesift.core.formatting import counted

if TYPE_CHECKING:
    from facesift.inspection.inspecting import Inspection

CLUSTER, CLUSTER_SHARE = 10, 0.05  # near-duplicates of one image, and their share, that are hardly copies of one photo
SHOWN = 10  # files that are named of each kind
SHEETS = Path(".work/inspect")


@dataclass(frozen=True)
class InspectOptions:
    """What the user typed; the help texts say what each field means."""

    path: Annotated[Path, typer.Argument(help="A folder, a zip, an uncompressed tar, or a Parquet file.")]
    sample: Annotated[int, typer.Option(min=0, help="Most images that are decoded; 0: all.")] = 2000
    classes: Annotated[
        str | None, typer.Option(help="Names of the classes, such as real,fake.", show_default="params.yaml")
    ] = None
    no_faces: Annotated[bool, typer.Option("--no-faces", help="Detect no faces, which takes most of the time.")] = False
    sheet: Annotated[
        Path | None, typer.Option(help="Page with small copies of images.", show_default=f"{SHEETS}/NAME.html")
    ] = None
    no_sheet: Annotated[bool, typer.Option("--no-sheet", help="Write no such page.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print what is found as JSON.")] = False
    write: Annotated[bool, typer.Option("--write", help="Write conf/study/NAME.yaml, in place of printing it.")] = False


@takes(InspectOptions)
def inspect(options: InspectOptions) -> None:
    """Say what a study would find in a folder or archive, and print or write the file that makes a study of it.

    Nothing is changed in the folder. Exit status: 0 a study can be made of it, 2 ingest would stop or labels are
    missing, 1 an error that you can correct.
    """
    from facesift.config.params import load_params
    from facesift.inspection.contact_sheet import write_contact_sheet
    from facesift.inspection.inspecting import Asked, as_json, inspected
    from facesift.inspection.study_block import ready_study, study_name, study_text, write_study_file

    if not Path("params.yaml").is_file():
        raise FacesiftError("params.yaml is not here: run this in the root of a clone of facesift")
    params = load_params()
    classes = tuple(params.classes) if options.classes is None else _class_names(options.classes)
    asked = Asked(options.path, params, classes, options.sample or None, faces=not options.no_faces)
    with _progress() as done, inspected(asked, done) as found:
        if options.as_json:
            print_json(as_json(found) | {"study": study_text(found)})
        else:
            for line in tell(found, written=options.write and found.best.several):
                typer.echo(for_terminal(line))
            if options.write and found.best.several and ready_study(found) is None:
                typer.echo(f"\n{write_study_file(found)}: written")
            elif ready_study(found) is None:
                typer.echo(f"\nconf/study/{study_name(found)}.yaml:\n\n{study_text(found)}", nl=False)
        if not options.no_sheet and found.manifest.images.height:
            page = options.sheet or SHEETS / f"{found.name}.html"
            shown = write_contact_sheet(page, found, params.ingest)
            typer.echo(
                f"\n{page}: {counted(shown, 'image')} to look at; it shows people's faces, so keep it private", err=True
            )
        if not found.best.several or found.stops:
            raise typer.Exit(2)


def _class_names(text: str) -> tuple[str, ...]:
    from facesift.config.section import NAME

    names = tuple(name.strip() for name in text.split(","))
    if not all(re.fullmatch(NAME, name) for name in names) or len(set(names)) < max(2, len(names)) or "review" in names:
        raise FacesiftError(
            f"--classes {for_terminal(text)}: write two names or more, each once, of letters, digits and _, such as "
            "real,fake; none may be `review`"
        )
    return names


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how many files are decoded and the time left; until their number is known, that names are being read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading names", total=None)

        def advance(files: int, of: int) -> None:
            progress.update(task, description="decoding images", total=of, advance=files)

        yield advance


def tell(found: Inspection, *, written: bool = False) -> list[str]:
    """Say what was found, and what to do next, in lines.

    Args:
        found: what was found.
        written: whether the file of the study is written for the user.
    """
    return [*_layout_lines(found), *_file_lines(found), *_image_lines(found), *_next_lines(found, written=written)]


def _layout_lines(found: Inspection) -> Iterator[str]:
    from facesift.datasets.left_out import tell_left_out
    from facesift.images.paths import one_line
    from facesift.inspection.layout_search import expected

    counts = found.best.counts
    yield f"{one_line(str(found.path))}: layout {found.best.block['layout']} ({expected(found.best)})"
    yield f"  files: {_counts({} if counts is None else counts.by_class)}"
    for note in found.best.notes:
        yield f"  {note}"
    if counts is not None:
        yield from (f"  {line}" for line in tell_left_out(counts))
    for other in found.others:
        what = ", ".join(f"{name}: {value}" for name, value in other.block.items())
        why = one_line(other.why_not) if other.counts is None else f"{other.labelled} labelled files"
        yield f"  also tried {{{what}}}: {why[:200]}"


def _file_lines(found: Inspection) -> Iterator[str]:
    from facesift.datasets.lost_files import count_losses, tell_losses

    manifest, decoded = found.manifest, sum(found.sampled.values())
    usable = counted(manifest.images.height, "usable image")
    yield f"Decoded {decoded:,} of {counted(found.files, 'file')}: {usable}"
    if manifest.exact_duplicates:
        yield f"  {counted(manifest.exact_duplicates, 'further copy', 'further copies')} of the same bytes"
    yield from (f"  {line}" for line in tell_losses(count_losses(manifest.quarantine, found.sampled)))
    for reason in manifest.quarantine["reason"].unique(maintain_order=True).head(SHOWN):
        files = manifest.quarantine.filter(reason=reason)
        places = [f"{row['container']}:{row['path']}" for row in files.head(SHOWN).to_dicts()]
        more = f" and {files.height - len(places)} more" if files.height > len(places) else ""
        yield f"    {reason}: {', '.join(places)}{more}"
    yield from (f"  ingest would stop: {why}" for why in found.stops)


def _image_lines(found: Inspection) -> Iterator[str]:
    from facesift.datasets.manifest import count_warnings
    from facesift.quality.photo_reasons import tell_reasons

    images = found.manifest.images
    if images.is_empty():
        return
    formats, folds = found.by_class("format"), found.by_class("fold")
    yield "  formats: " + "; ".join(f"{label}: {_counts(counts)}" for label, counts in formats.items())
    yield f"  sizes: {_sizes(found)}"
    if len(formats) > 1 and len({frozenset(counts) for counts in formats.values()}) > 1:
        yield "  the classes differ in their formats: a committee may learn these (docs/data.md)"
    if any(set(counts) != {"None"} for counts in folds.values()):
        parts = "; ".join(f"{label}: {_counts(counts)}" for label, counts in folds.items()).replace("None", "in none")
        use = "is not for them, since some are in none" if "in none" in parts else "keeps them"
        yield f"  splits that the folders give ({parts}): split.predefined: true {use}"
    if warned := count_warnings(images):
        yield f"  warnings: {_counts(warned)}"
    yield f"  faces: {_faces(found)}"
    if found.few_faces:
        yield (
            "  few images have a face, and facesift is made for photos of faces: the study cuts the others at the "
            "centre (data.crop.unfound)"
        )
    if found.manifest.quality:
        yield f"  bad photos: {tell_reasons(found.manifest.quality)}"
    yield from _group_lines(found)


def _sizes(found: Inspection) -> str:
    import polars as pl

    from facesift.datasets.manifest import UNLABELLED

    size = pl.concat_str("width", "height", separator="x")
    images = found.manifest.images.with_columns(
        pl.col("label").fill_null(UNLABELLED), side=pl.min_horizontal("width", "height"), size=size
    )
    ends = {"least": pl.col("size").first(), "most": pl.col("size").last(), "middle": pl.col("side").median()}
    rows = images.sort("side", "width", "height").group_by("label", maintain_order=True).agg(**ends).sort("label")
    return "; ".join(
        f"{row['label']}: {row['least']} to {row['most']}, median of the shorter side {row['middle']:.0f}"
        for row in rows.to_dicts()
    )


def _faces(found: Inspection) -> str:
    if found.no_faces:
        return f"not looked for ({found.no_faces})"
    return "; ".join(
        f"{label}: found in {counts['found']} of {counts['found'] + counts['unfound']}"
        for labels in (found.manifest.faces or {}).values()
        for label, counts in labels.items()
    )


def _group_lines(found: Inspection) -> Iterator[str]:
    if found.groups is not None:
        near = found.groups["near_duplicates"]
        yield (
            f"  near-duplicates: {counted(near['images'], 'image')} in {counted(near['groups'], 'group')}, "
            f"the largest of {near['largest']}"
            + ("; among the decoded files" if sum(found.sampled.values()) < found.files else "")
        )
        if near["largest"] > max(CLUSTER, CLUSTER_SHARE * found.manifest.images.height):
            yield (
                "  look at that group: if it is different people before one background, raise "
                "split.near_duplicate_agreement to 0.85, or they all stay in one split (docs/data.md)"
            )
    folders, several = found.folders()
    if several > 2 * found.manifest.images.select("label", "fold").n_unique():
        yield (
            f"  {several} of {counted(folders, 'folder')} have several images: if a folder is one person or clip, add "
            "group: {by: folder} to the source, so that it stays in one split"
        )


def _next_lines(found: Inspection, *, written: bool) -> Iterator[str]:
    from facesift.inspection.study_block import commands, ready_study, study_name

    ready, where, yet = ready_study(found), f"data/raw/{found.name}", ""
    if found.as_entry:
        yet = f"put {found.path} into {where}/, "
    elif found.path.absolute() != Path.cwd() / where:
        yet = f"move or link {found.path} to {where}, "
    yield ""
    file = "" if written or ready else "save the following (or add --write, which does so), "
    what = f"Study {ready} reads this folder" if ready else "To make a study"
    typed = ", ".join(f"`{each}`" for each in commands(ready or study_name(found)))
    yield f"{what}: {yet}{file}{'then ' if yet or file else ''}type {typed}."


def _counts(counts: Mapping[str, int] | Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{number} {name}" for name, number in dict(counts).items()) or "none"
