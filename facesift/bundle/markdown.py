"""Markdown of the pages in a bundle: tables, shares with intervals, text as it is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from facesift.core.files import whole_file
from facesift.core.formatting import between, percent

UNKNOWN = "not known"
WIDTH = 100  # characters in a line
ROWS = 20  # of a table at most, so that a page stays short


def table(head: Sequence[str], rows: Iterable[Sequence[object]], most: int = ROWS) -> list[str]:
    """Make the lines of a table; rows beyond `most` are counted in the last one.

    >>> table(["a", "b"], [(1, 2)])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    lines = [_row(row) for row in rows]
    left = len(lines) - most
    more = [_row([f"and {left} more", *[""] * (len(head) - 1)])] if left > 0 else []
    return [_row(head), "|" + "---|" * len(head), *lines[:most], *more]


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def wrapped(text: str, *, bullet: bool = False) -> list[str]:
    """Break a text into lines of at most 100 characters, as a paragraph or as one point of a list.

    >>> wrapped("one two", bullet=True)
    ['- one two']
    """
    first, rest = ("- ", "  ") if bullet else ("", "")
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def share(figures: Mapping[str, Any], name: str) -> str:
    """Show a share in per cent with its 95 % interval, out of figures that have `name` and `name_interval`.

    >>> share({"recall": 5 / 6, "recall_interval": [0.3588, 0.9958]}, "recall"), share({}, "recall")
    ('83.3 % (35.9 to 99.6)', 'not known')
    """
    value, interval = figures.get(name), figures.get(f"{name}_interval")
    if value is None:
        return UNKNOWN
    ends = "" if interval is None else f" ({between(interval)})"
    return percent(value) + ends


def span(figure: Mapping[str, float | None] | None, scale: float = 1.0, digits: int = 0) -> str:
    """Show a projected figure, `value`, `low` and `high`, times `scale`.

    >>> span({"value": 16.7, "low": 0.4, "high": 64.1})
    '17 (0 to 64)'
    """
    value, low, high = (None, None, None) if figure is None else (figure[end] for end in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return UNKNOWN
    return f"{scale * value:,.{digits}f} ({scale * low:,.{digits}f} to {scale * high:,.{digits}f})"


def write_page(path: Path, lines: Iterable[str]) -> None:
    """Write the lines of a page; whole or not at all."""
    with whole_file(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
