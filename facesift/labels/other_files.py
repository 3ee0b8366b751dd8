"""What a file is that is called a table and is none: a workbook, an archive, a web page, a pointer."""

from __future__ import annotations

import re

from facesift.core.errors import FacesiftError

# What a file is that is no text, by its first bytes, and what to do.
SAVE = "save the table as `CSV UTF-8` in the spreadsheet"
OTHERS = (
    (rb"PK\x03\x04.{26}(\[Content_Types\]|_rels/|docProps/|xl/)", f"an Excel workbook, not a text: {SAVE}"),
    (rb"PK\x03\x04.{26}mimetype", f"a spreadsheet of LibreOffice or another program, not a text: {SAVE}"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an old Excel workbook, not a text: {SAVE}"),
    (rb"PK\x03\x04|PK\x05\x06", "a zip archive, not a text: unpack it"),
    (
        rb"\x1f\x8b|BZh[1-9]1AY|\xfd7zXZ\x00|\x28\xb5\x2f\xfd",
        "compressed (gzip or alike), not a text: unpack it",
    ),
    (rb"7z\xbc\xaf\x27\x1c|Rar!", "an archive, not a text: unpack it"),
    (rb"PAR1", "a Parquet file, not a text: its name must end in .parquet"),
    (rb"SQLite format 3\x00", "a database, not a text: export the table as CSV"),
    (rb"\{\\rtf", "a formatted text (RTF): save it as plain text"),
    (rb"version https://git-lfs", "a Git LFS pointer, not the file itself: type git lfs pull"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)", "a web page, as failed downloads are: download it again"),
    (rb"(\xef\xbb\xbf)?\s*<\?xml", f"an XML file: {SAVE}"),
    (rb"%PDF", f"a PDF document: {SAVE}"),
    (rb"\x00{32,}$", "nothing but zeros at its beginning, as after a broken copy: copy it again"),
)


def refuse_other(data: bytes, place: str) -> None:
    """Refuse a file that is neither a text nor what its name says.

    Raises:
        FacesiftError: with what it is.
    """
    for begins, words in OTHERS:
        if re.match(begins, data[:99], re.DOTALL | re.IGNORECASE):
            raise FacesiftError(f"{place}: {words}")
