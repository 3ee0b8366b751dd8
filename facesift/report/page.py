"""A page of sections with text, tables, charts and pictures, rendered into one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Table:
    """Rows of text below headings; the first column names the row. `strong` numbers the rows to stress."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    strong: Sequence[int] = ()


@dataclass(frozen=True)
class Chart:
    """A drawing as SVG text, with what it shows in words for those who cannot see it."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, and what stands below it."""

    data: str
    caption: str


@dataclass(frozen=True)
class Gallery:
    """Pictures of one kind."""

    title: str
    pictures: Sequence[Picture]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page. `text`: paragraphs; `details`: folded away until asked for."""

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    galleries: Sequence[Gallery] = ()
    details: bool = False


@dataclass(frozen=True)
class Notice:
    """A sentence the reader must not miss."""

    kind: Literal["warning", "plain"]
    text: str


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    headline: str
    notices: Sequence[Notice] = ()
    sections: Sequence[Section] = field(default_factory=list)


def render(page: Page) -> str:
    """Return the page as HTML with all styles, drawings and pictures inside it; every text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("facesift.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html").render(page=page)
