"""A page with small copies of some images of each class, to look at before a study is made. It shows people's faces."""

from __future__ import annotations

import base64
import html
import io
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from PIL import Image

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.datasets.manifest import UNLABELLED
from facesift.images.archives import read_bytes
from facesift.images.decoding import BadImage, open_image, upright_rgb
from facesift.inspection.inspecting import Inspection

SIDE, EACH = 112, 24  # pixels of the longer side of a copy; images of a class, and of its bad photos
STYLE = (
    "body{font:14px sans-serif;margin:2em;background:#fff;color:#222}figure{display:inline-block;width:130px;"
    "margin:4px;vertical-align:top;font-size:11px;overflow-wrap:anywhere}img{max-width:112px;max-height:112px}"
)


def write_contact_sheet(path: Path, inspection: Inspection, limits: Ingest) -> int:
    """Write the page. Only this user may read it, and it must not be where git would take it.

    Args:
        path: the page.
        inspection: still open, see `inspecting.inspected`.
        limits: of the images.

    Returns:
        How many images it shows.

    Raises:
        FacesiftError: when git would take the page, or it cannot be written.
    """
    _refuse_git(path)
    parts, shown = [], 0
    for title, rows in _sections(inspection.manifest.images):
        figures = [_figure(inspection.raw, row, limits) for row in rows.to_dicts()]
        shown += len(figures)
        parts.append(f"<h2>{html.escape(title)}</h2>\n" + "\n".join(figures))
    title = html.escape(inspection.name)
    head = f"<!doctype html>\n<meta charset=utf-8>\n<title>{title}</title>\n<style>{STYLE}</style>\n"
    note = "<p>This page shows people's faces: keep it out of git and of mails.</p>"
    _write_privately(path, "\n".join([f"{head}<h1>{title}</h1>", note, *parts, ""]))
    return shown


def _sections(images: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield some images of each class, spread over all of them, and some of its bad photos."""
    labelled = images.with_columns(pl.col("label").fill_null(UNLABELLED)).sort("source", "container", "path")
    for label in labelled["label"].unique().sort():
        of = labelled.filter(label=label)
        yield f"{label} ({of.height} looked at)", of.gather_every(max(1, -(-of.height // EACH)))
        bad = of.filter(pl.col("quality").is_not_null())
        if bad.height:
            yield f"{label}: bad photos ({bad.height})", bad.gather_every(max(1, -(-bad.height // EACH)))


def _figure(raw: Path, row: dict[str, str], limits: Ingest) -> str:
    name, why = html.escape(row["path"].rpartition("/")[2]), html.escape(row["quality"] or "")
    try:
        data = read_bytes(raw, row["container"], row["path"], limits.max_bytes)
        copy = upright_rgb(open_image(data, limits.max_pixels, limits.formats))
    except BadImage as error:
        return f"<figure>{html.escape(error.reason)}<br>{name}</figure>"
    copy.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    out = io.BytesIO()
    copy.save(out, "JPEG", quality=80)
    source = base64.b64encode(out.getvalue()).decode()
    return f'<figure><img src="data:image/jpeg;base64,{source}" alt=""><br>{name}<br><b>{why}</b></figure>'


def _refuse_git(path: Path) -> None:
    """Raise `FacesiftError` where git would take a file: it is in a repository, and not ignored there."""
    folder = next((each for each in path.absolute().parents if each.is_dir()), Path())
    try:
        asked = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), "check-ignore", "-q", str(path.absolute())],  # noqa: S607
            check=False, capture_output=True,
        )  # fmt: skip
    except OSError:
        return  # no git here
    if asked.returncode == 1:
        raise FacesiftError(
            f"{path}: git would take this page, which shows people's faces: name a file outside of the repository, or "
            "below .work/"
        )


def _write_privately(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(part).replace(path)
    except OSError as error:
        raise FacesiftError(f"{path}: cannot be written ({error.strerror})") from error
