"""The faces that were found, as columns of the manifest."""

from __future__ import annotations

from typing import Any

import polars as pl

from facesift.images.faces import Face

# In pixels of the upright image, see `faces.Face`; all null where no face was found.
FACE: dict[str, pl.DataType] = {
    "face_box": pl.Array(pl.Float64, 4),
    "face_landmarks": pl.Array(pl.Float64, (5, 2)),
    "face_score": pl.Float64(),
}


def face_cells(face: Face | None) -> tuple[Any, ...]:
    """Return a face as a row of `FACE`."""
    return (None, None, None) if face is None else (face.box, face.landmarks, face.score)


def face_of(row: dict[str, Any]) -> Face | None:
    """Return the face of a manifest's row; None where none was found, or looked for."""
    if row.get("face_box") is None:
        return None
    left, top, right, bottom = row["face_box"]
    return Face((left, top, right, bottom), tuple((x, y) for x, y in row["face_landmarks"]), row["face_score"])


def refer(images: pl.DataFrame) -> pl.Series:
    """Column `referred` of a manifest's images: no face was found, so a person decides, whatever the committee says."""
    return images["face_box"].is_null().rename("referred")
