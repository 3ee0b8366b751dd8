"""What is in no source and which rows of label tables have no image: told, counted, and an error where too many are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.datasets.label_tables import count_rows
from facesift.datasets.layouts import LAYOUTS, Layout
from facesift.datasets.source_files import EXCLUDED, NO_ROW, NO_SOURCE, FileCounts, printable
from facesift.images.paths import one_line
from facesift.labels.row_matching import SHOWN, TableRow

SHORTENED = re.compile(r"[0-9][.,][0-9]+E\+[0-9]+", re.IGNORECASE)  # what a spreadsheet makes of a long number


def report_left_out(found: FileCounts) -> dict[str, Any]:
    """Lay out the counts for `data/figures/ingest.json`.

    Returns:
        `ignored`: files of no source, and `ignored_first`; `unlisted`: those that no row of a table names, and
        `unlisted_first`; `passed_over`: by kind; `tables`: for each source with label tables, by class, its `rows` and
        those `without_image`, and the rows that name an image `again`; the first ten of each.
    """
    ignored, unlisted = found.named(NO_SOURCE), found.named(NO_ROW)
    tables = {
        name: {
            "rows": dict(rows),
            "without_image": count_rows(found.lost[name]),
            "without_image_first": {label: _names(rows) for label, rows in _by_class(found.lost[name]).items()},
            "again": len(found.repeated[name]),
            "again_first": _names(found.repeated[name]),
        }
        for name, rows in found.rows.items()
    }
    return {
        "ignored": len(ignored),
        "ignored_first": ignored[:SHOWN],
        "unlisted": len(unlisted),
        "unlisted_first": unlisted[:SHOWN],
        "passed_over": dict(found.passed),
        "tables": tables,
    }


def tell_left_out(found: FileCounts) -> list[str]:
    """Say in a line each what is in no source, what no row names, what is passed over, and what rows have no image."""
    lines = []
    if ignored := found.named(NO_SOURCE):
        lines.append(f"{counted(len(ignored), 'file')} in no source of data.sources, ignored: {_first(ignored)}")
    if unlisted := found.named(NO_ROW):
        lines.append(f"{counted(len(unlisted), 'file')} in no row of a label table, ignored: {_first(unlisted)}")
    if passed := {kind: number for kind, number in found.passed.items() if number}:
        lines.append(f"passed over, as they are no images: {_counts(passed)}")
    if idle := [kind.removeprefix(EXCLUDED) for kind, number in found.passed.items() if not number]:
        lines.append(f"data.sources.NAME.exclude leaves out no file by {', '.join(idle)}: look how it is written")
    for name, lost in found.lost.items():
        if lost:
            lines.append(_without_images(name, lost, found.rows[name]))
    for name, again in found.repeated.items():
        if again:
            rows = [row.image for row in again]
            lines.append(f"{name}: {len(again)} rows name an image that a row before them names: {_first(rows)}")
    return lines


def check_rows(found: FileCounts, limits: Ingest) -> None:
    """Check that not too many rows of label tables have no image.

    Args:
        found: the rows and files.
        limits: with the most rows without an image, `max_unmatched`.

    Raises:
        FacesiftError: when more have none.
    """
    lost = {name: rows for name, rows in found.lost.items() if rows}
    if sum(map(len, lost.values())) > limits.max_unmatched:
        said = "\n".join(f"  {_without_images(name, rows, found.rows[name])}" for name, rows in lost.items())
        raise FacesiftError(
            f"label tables have rows without an image, more than ingest.max_unmatched ({limits.max_unmatched}) allows. "
            f"Complete the images, correct the table, or raise the limit:\n{said}"
        )


def check_classes(raw: Path, layouts: Mapping[str, Layout], found: Collection[str | None]) -> None:
    """Check that each class has an image.

    Args:
        raw: the raw folder, for the message.
        layouts: each source's layout, by the source's name.
        found: the classes that have images; a label that people are still to give stands for any class.

    Raises:
        FacesiftError: when a class has none.
    """
    classes = next((layout.classes for layout in layouts.values()), ())
    missing = [label for label in classes if label not in found]
    if not missing or any(label not in classes for label in found):
        return
    wanted = "; ".join(
        f"{LAYOUTS[layout.source.layout].expected(layout)} (data.sources.{name})" for name, layout in layouts.items()
    )
    raise FacesiftError(
        f"{raw}: no image of the class {' or '.join(missing)}. Looked for {wanted}; data.sources.NAME.aliases "
        "says what a class is called"
    )


def _without_images(name: str, lost: Sequence[TableRow], rows: Mapping[str, int]) -> str:
    tables = ", ".join(dict.fromkeys(printable(row.table) for row in lost))
    each = [
        f"{len(theirs)} x {label} ({_first([row.image for row in theirs])})"
        for label, theirs in _by_class(lost).items()
    ]
    short = "; a spreadsheet has shortened the names: export that column as text"
    hint = short if any(SHORTENED.fullmatch(row.image) for row in lost) else ""
    return f"{name}: {len(lost)} of {sum(rows.values())} rows of {tables} have no image: {', '.join(each)}{hint}"


def _by_class(rows: Sequence[TableRow]) -> dict[str, list[TableRow]]:
    return {label: [row for row in rows if row.label == label] for label in count_rows(rows)}


def _names(rows: Iterable[TableRow]) -> list[str]:
    return [printable(row.image) for row in rows][:SHOWN]


def _first(names: Sequence[str]) -> str:
    return ", ".join(map(one_line, names[:SHOWN])) + (" ..." if len(names) > SHOWN else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} x {name}" for name, number in counts.items())
