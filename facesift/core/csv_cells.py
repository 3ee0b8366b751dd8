"""Text in CSV files: quoted where any spreadsheet would cut it, and escaped where one would take it for a formula.

A file's name is written by strangers. A spreadsheet runs a cell that begins as `=HYPERLINK(...)` does (OWASP, "CSV
Injection"). So such a text gets an apostrophe in front, which `read_cell` takes away again.
"""

from __future__ import annotations

from typing import TypeVar

import polars as pl

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
# What makes a formula, also in full width, as Japanese spreadsheets take it; tab and line ends begin a cell anew.
FORMULA = r"[\s']*[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
SPECIAL = r'[,;\t|"\r\n]'  # separators of any language's spreadsheets, quotes, line ends


def write_cell(text: pl.Expr, *, formulas: bool = False) -> pl.Expr:
    """Write text as a cell of a CSV file that is written with `quote_style="never"`.

    Args:
        text: a column of strings; null stays null.
        formulas: leave what looks like a formula as it is. Only a text that `read_cell` would take for an escaped one
            gets its apostrophe.

    Returns:
        The cells.

    >>> pl.select(write_cell(pl.lit("=1+1"))).item(), pl.select(write_cell(pl.lit("a;b"))).item()
    ("'=1+1", '"a;b"')
    """
    escaped = text.str.contains(("^'" if formulas else "^") + FORMULA)
    cell = pl.when(escaped).then(pl.lit("'") + text).otherwise(text)
    quoted = pl.lit('"') + cell.str.replace_all('"', '""', literal=True) + pl.lit('"')
    return pl.when(cell.str.contains(SPECIAL) | (cell == "")).then(quoted).otherwise(cell)


def read_cell(cell: pl.Expr) -> pl.Expr:
    """Read back what `write_cell` wrote, once the quotes are taken away.

    >>> pl.select(read_cell(pl.lit("'=1+1"))).item(), pl.select(read_cell(pl.lit("'quoted'"))).item()
    ('=1+1', "'quoted'")
    """
    return pl.when(cell.str.contains(f"^'{FORMULA}")).then(cell.str.slice(1)).otherwise(cell)


def as_cells(frame: Frame, *, formulas: bool = False) -> Frame:
    """Make the columns of strings, and the names of all columns, ready to be written with `quote_style="never"`.

    Args:
        frame: the table.
        formulas: see `write_cell`.
    """
    schema = frame.collect_schema()
    texts = [name for name, kind in schema.items() if kind == pl.String]
    head = pl.select(write_cell(pl.lit(pl.Series(schema.names(), dtype=pl.String)), formulas=True)).to_series()
    ready = frame.with_columns(write_cell(pl.col(name), formulas=formulas).alias(name) for name in texts)
    return ready.rename(dict(zip(schema.names(), head, strict=True)))
