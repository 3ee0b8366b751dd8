"""The study that a review belongs to: its parameters, its tables, and the names of its image files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from facesift.config.params import Params, load_params
from facesift.core.errors import FacesiftError
from facesift.core.files import scan_parquet
from facesift.images.archives import LOOSE

PARAMS = "params.yaml"


@dataclass(frozen=True)
class Study:
    """A study with its folder.

    Attributes:
        folder: The folder of `params.yaml` and `data/`.
        params: The parameters.
    """

    folder: Path
    params: Params

    @classmethod
    def find(cls, decisions: Path, answers: Path) -> Study | None:
        """Return the study of a decisions table in `data/`, or else the study whose `data/reviews` the answers are."""
        for data in (decisions.parent, answers.parent):
            if data.resolve().name == "data" and (data.parent / PARAMS).is_file():
                return cls.at(data.parent)
        return None

    @classmethod
    def at(cls, folder: Path) -> Study:
        """Read the study in a folder; `FacesiftError` if its `params.yaml` is missing or not valid."""
        return cls(folder, load_params(folder / PARAMS))

    @property
    def raw(self) -> Path:
        """The folder that the names of `image_names` start from."""
        return self.folder / "data/raw" / self.params.data.raw

    def table(self, name: str, stage: str) -> pl.LazyFrame:
        """Open a table of the folder `data`; `FacesiftError` names the stage that makes it if it is missing."""
        path = self.folder / "data" / name
        if not path.is_file():
            raise FacesiftError(f"{path}: not found; `dvc repro {stage}` makes it")
        return scan_parquet(path)

    def image_names(self) -> pl.LazyFrame:
        """Return image_id and `image`, the name of each file below `raw`, also inside zip files."""
        name = pl.when(pl.col("container") == LOOSE).then("path").otherwise(pl.col("container") + "!" + pl.col("path"))
        return self.table("manifest.parquet", "ingest").select("image_id", image=name)
