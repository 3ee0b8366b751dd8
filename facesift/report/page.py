"""The page's parts (sections, tables, charts, pictures), and its rendering into one HTML file that loads nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from facesift.report.applications import LEGEND_MARKS
from facesift.report.terms import terms_in

if TYPE_CHECKING:
    from facesift.report.first_screen import FirstScreen


Reader = Literal["board", "auditor", "engineer"]
READERS: Mapping[Reader, tuple[str, str]] = {
    "board": ("For the board", "What it means in use"),
    "auditor": ("For the auditor", "What was measured, on what, and how sure it is"),
    "engineer": ("For the engineer", "What each part does, and where to improve it"),
}


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        headings: names of the columns.
        rows: cells of each row; the first names the row.
        caption: title above the table.
        strong: numbers of the rows to stress, from 0.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    strong: Sequence[int] = ()


@dataclass(frozen=True)
class Chart:
    """A drawing.

    Attributes:
        svg: the drawing as SVG text, which is not escaped.
        caption: what it shows, in words.
        legend: names of its series, in the order of their numbers; each can be hidden on the page.
    """

    svg: str
    caption: str
    legend: Sequence[str] = ()


@dataclass(frozen=True)
class Picture:
    """An example image.

    Attributes:
        data: the image as a data URI.
        caption: the text below it.
        title: more about it, for a reader who points at it.
    """

    data: str
    caption: str
    title: str = ""


@dataclass(frozen=True)
class Gallery:
    """Example images of one kind.

    Attributes:
        title: the kind.
        pictures: the images, in the order they are shown.
        note: a sentence below the title.
    """

    title: str
    pictures: Sequence[Picture]
    note: str = ""


@dataclass(frozen=True)
class PageSection:
    """A part of the page.

    Attributes:
        title: heading of the section.
        text: paragraphs below it.
        tables: tables below the text.
        charts: drawings below the tables.
        galleries: example images below the charts.
        details: whether the section is folded until the reader opens it.
        reader: whom the section is for first; the page is in this order, and so is its list of contents.
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    galleries: Sequence[Gallery] = ()
    details: bool = False
    reader: Reader = "auditor"

    @property
    def anchor(self) -> str:
        """The place on the page that the list of contents points to."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    @property
    def terms(self) -> dict[str, str]:
        """The terms in headings and names of rows of its tables, with their meaning."""
        heads = [text for table in self.tables for text in (table.caption, *table.headings)]
        return terms_in([*heads, *(row[0] for table in self.tables for row in table.rows)])


@dataclass(frozen=True)
class Notice:
    """A sentence the reader must not miss.

    Attributes:
        kind: `warning` is coloured, `plain` is not.
        text: the sentence.
    """

    kind: Literal["warning", "plain"]
    text: str


@dataclass(frozen=True)
class Page:
    """The whole report.

    Attributes:
        title: names the study.
        headline: the result in one or two sentences.
        first: what is seen without scrolling; None shows the headline alone.
        notices: sentences below the headline.
        sections: the parts of the page, in their order.
    """

    title: str
    headline: str
    notices: Sequence[Notice] = ()
    sections: Sequence[PageSection] = field(default_factory=list)
    first: FirstScreen | None = None

    @property
    def groups(self) -> dict[Reader, list[PageSection]]:
        """The sections by their reader."""
        found = {reader: [each for each in self.sections if each.reader == reader] for reader in READERS}
        return {reader: sections for reader, sections in found.items() if sections}


def render(page: Page) -> str:
    """Render the page as one HTML file with all styles, drawings and pictures inside it.

    Args:
        page: what to show; every text is escaped, the charts' SVG is not.

    Returns:
        The HTML text.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("facesift.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html").render(page=page, readers=READERS, marks=LEGEND_MARKS)
