"""docs/parameters.md out of the schema: every key with its type, range and meaning.

`python -m facesift.config.reference > docs/parameters.md` writes it anew; a test compares the page with the schema.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from facesift.config.params import Params
from facesift.config.section import Section
from facesift.config.structure import holds_names, sections_of

HEAD = """\
# Parameters: every key of params.yaml

This page is made from the schema in `facesift/config/`. To change it, edit the descriptions there and
run `python -m facesift.config.reference > docs/parameters.md`. Values come from `conf/`
(`make study NAME=...`). `NAME` stands for names that you choose. Every key is required. A number may
be written as 1e-3.

| key | value | meaning |
|---|---|---|
"""
BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false", NoneType: "null"}


def reference() -> str:
    """Return the text of docs/parameters.md."""
    return HEAD + "\n".join(_rows(Params, "")) + "\n"


def _rows(kind: type[Section], path: str) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        key, held = f"{path}{name}", sections_of(field.annotation)
        value = "" if held else value_of(field)
        if held:
            value = "section or null" if NoneType in get_args(field.annotation) else "section"
            value = "sections by name" if holds_names(field.annotation) else value
        meaning = str(field.description).replace("<", "\\<")
        yield f"| `{key}` | {value} | {meaning} |"
        inner = f"{key}.NAME." if holds_names(field.annotation) else f"{key}."
        for number, section in enumerate(held):
            if number:
                yield f"| `{key}` | | or, instead: |"
            yield from _rows(section, inner)


def value_of(field: FieldInfo) -> str:
    """Say what values a field takes.

    >>> from facesift.config.losses import Focal
    >>> from facesift.config.members import Schedule
    >>> value_of(Focal.model_fields["alpha"]), value_of(Schedule.model_fields["watch"])
    ('number from 0 to 1', '`val_loss`, `val_accuracy`')
    """
    return _type(field.annotation, field.metadata)


def _type(annotation: Any, metadata: list[Any]) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0], [*metadata, *inner[1:]])
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in inner)
    if origin in {Union, UnionType}:
        return " or ".join(_type(part, metadata if part is not NoneType else []) for part in inner)
    if origin is list:
        return f"list of: {_type(inner[0], [])}"
    if origin is dict:
        return f"by name: {_type(inner[1], [])}"
    name = TYPES.get(annotation, "any value")
    return " ".join([name, *_bounds(metadata)]) if annotation in {int, float} else name


def _bounds(metadata: list[Any]) -> list[str]:
    """Say the bounds in the metadata of a field, those of an `Annotated` type's own `Field` too."""
    flat = [entry for one in metadata for entry in (one.metadata if isinstance(one, FieldInfo) else [one])]
    return [text.format(getattr(one, name)) for name, text in BOUNDS.items() for one in flat if hasattr(one, name)]


if __name__ == "__main__":
    sys.stdout.write(reference())
