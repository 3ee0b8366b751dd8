"""The page's parts (sections, tables, charts, pictures), and its rendering into one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


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
    """

    svg: str
    caption: str


@dataclass(frozen=True)
class Picture:
    """An example image.

    Attributes:
        data: the image as a data URI.
        caption: the text below it.
    """

    data: str
    caption: str


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
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    galleries: Sequence[Gallery] = ()
    details: bool = False


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
        notices: sentences below the headline.
        sections: the parts of the page, in their order.
    """

    title: str
    headline: str
    notices: Sequence[Notice] = ()
    sections: Sequence[PageSection] = field(default_factory=list)


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
    return environment.get_template("page.html").render(page=page)
