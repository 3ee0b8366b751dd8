"""Reads label tables in JSON: lists of objects, and objects nested in any depth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from facesift.core.errors import FacesiftError
from facesift.labels.records import FOLDS, Asked, Record, as_text, fold_of

FRAMES = "frames"  # DeepfakeBench's key of the images of a video


class JsonReader:
    """Reads JSON: a list of {path, label}, or splits, videos and names nested in any depth, as in DeepfakeBench."""

    def __init__(self, asked: Asked, place: str) -> None:
        self.asked, self.place = asked, place

    def lines(self, text: str) -> Iterator[Record]:
        """Read JSON lines, an object in each."""
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
            if line.strip():
                yield from self._object(load_json(line), f"line {number}", None)

    def read(self, value: Any, where: str, fold: str | None = None) -> Iterator[Record]:
        """Read a list or object.

        Args:
            value: what JSON holds.
            where: its place in the file, for messages.
            fold: the split that it stands under.
        """
        if isinstance(value, list):
            for number, entry in enumerate(value):
                yield from self._object(entry, f"{where}[{number}]", fold)
        elif isinstance(value, dict) and (chosen := self.asked.choose(list(value))):
            for row, entry in _objects(value, chosen):
                yield from self._object(entry, f"{where}[{row}]" if row else where, fold)
        elif isinstance(value, dict):
            for name, entry in value.items():
                yield from self._named(name, entry, f"{where}/{name}", FOLDS.get(name.casefold(), fold))
        else:
            raise FacesiftError(f"{self.place}: {where or 'the file'} is {value!r:.80}, not a list or an object")

    def _named(self, name: str, entry: Any, where: str, fold: str | None) -> Iterator[Record]:
        """Read what stands under a name: a label, an image or a video with its label, or more names."""
        label = self.asked.label(list(entry)) if isinstance(entry, dict) else None
        if label and not isinstance(entry[label], dict | list):
            yield from self._object(entry, where, fold, name)
        elif isinstance(entry, str | int | float) or entry is None:
            yield Record(name, as_text(entry), fold, {}, where)
        else:
            yield from self.read(entry, where, fold)

    def _object(self, entry: Any, where: str, fold: str | None, name: str = "") -> Iterator[Record]:
        """Read an object with a label: of the images in its list `frames`, of the one it names, or of its own name."""
        keys = list(entry) if isinstance(entry, dict) else []
        label = self.asked.label(keys)
        if label is None:
            raise FacesiftError(f"{self.place}: {where} is {entry!r:.80}, but must have the keys {self.asked.words}")
        fields = {key: as_text(value) for key, value in entry.items() if not isinstance(value, dict | list)}
        frames = entry.get(FRAMES)
        if isinstance(frames, list) and frames:  # a video without any is a row without an image
            images = [as_text(frame) for frame in frames]
        else:
            chosen = self.asked.choose(keys)
            images = [as_text(entry[chosen[0]])] if chosen else [name]
        split = fold_of(fields, fold, f"{self.place}: {where}")
        for image in images:
            if not image.strip():
                raise FacesiftError(f"{self.place}: {where} names no image")
            yield Record(image.strip(), as_text(entry[label]).strip(), split, fields, where)


def _objects(value: dict[str, Any], chosen: tuple[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a table that is written by column, as pandas does, with their numbers; else the one object."""
    columns = {name: dict(enumerate(each)) if isinstance(each, list) else each for name, each in value.items()}
    first = columns[chosen[0]]
    if not isinstance(first, dict) or not isinstance(columns[chosen[1]], dict):
        yield "", value
        return
    rows = [*first, *(number for number in columns[chosen[1]] if number not in first)]
    for number in rows:  # a row that one of the columns lacks is refused where it is read
        yield str(number), {name: each.get(number) for name, each in columns.items() if isinstance(each, dict)}


def load_json(text: str) -> Any:
    """Read JSON in which no object has a key twice: of two labels of an image the first would be lost."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entry = dict(pairs)
        if len(entry) < len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} comes twice")
        return entry

    return json.loads(text, object_pairs_hook=unique)
