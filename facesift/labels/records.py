"""A row of a label table, and which of its columns hold the image and the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from facesift.config.data import Columns
from facesift.core.errors import FacesiftError
from facesift.labels.path_names import key

ID_COLUMNS = ("file_name", "path", "id")  # where the parameters name none; beside a file's name, an id is another thing
LABEL_COLUMN = "label"
SPLIT_COLUMN = "split"
FOLDS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "devel": "val", "development": "val", "test": "test", "testing": "test",
}  # fmt: skip


class Record(NamedTuple):
    """A row of a label table, as it is written there.

    Attributes:
        image: name or path of the image.
        label: the label.
        fold: train, val or test, where the table says so; else None.
        fields: the row's other values, by column.
        place: line or key, for messages.
    """

    image: str
    label: str
    fold: str | None
    fields: Mapping[str, str]
    place: str


@dataclass(frozen=True)
class Asked:
    """Which columns hold an image's name and its label; without `Columns` those of `ID_COLUMNS` and `LABEL_COLUMN`."""

    columns: Columns | None

    def label(self, found: Sequence[str]) -> str | None:
        """Return the column of labels among those found; one in another case counts where none is equal."""
        return _among(LABEL_COLUMN if self.columns is None else self.columns.label, found)

    def choose(self, found: Sequence[str]) -> tuple[str, str] | None:
        """Return the columns of names and labels among those found; None if one is missing."""
        ids = ID_COLUMNS if self.columns is None else (self.columns.id,)
        chosen = next((name for wanted in ids if (name := _among(wanted, found))), None)
        label = self.label(found)
        return (chosen, label) if chosen and label else None

    @property
    def words(self) -> str:
        """The columns that are needed, for messages."""
        return str(["id", "label"] if self.columns is None else [self.columns.id, self.columns.label])


def _among(wanted: str, found: Sequence[str]) -> str | None:
    same = [name for name in found if key(name) == key(wanted)]
    return wanted if wanted in found else same[0] if len(same) == 1 else None


def fold_of(fields: Mapping[str, str], other: str | None, place: str) -> str | None:
    """Return the split that a row's column `split` names, in any case; the other where it is empty or missing.

    Args:
        fields: the row's values, by column.
        other: the split that the row has without it.
        place: the table and the row, for messages.

    Raises:
        FacesiftError: for another word: its images might be trained with.
    """
    column = _among(SPLIT_COLUMN, list(fields))
    said = fields[column].strip() if column else ""
    if said and said.casefold() not in FOLDS:
        raise FacesiftError(
            f"{place}: {column} is {said!r}, which is none of train, val (dev) and test: write one of these, leave it "
            "empty, or give the column another name"
        )
    return FOLDS.get(said.casefold(), other)


def as_text(value: Any) -> str:
    """Write a value of JSON or Parquet as a CSV file would have it; whole numbers without a fraction.

    >>> as_text(1.0), as_text(None), as_text(True)
    ('1', '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
