"""The blocks of code in the pages of docs/, with the labels that say what is done with them.

A comment on the line before a block labels it, such as `<!-- run -->`. Blocks in the language `sh` are run by a test;
the label `run` says that it is the one of tests/site.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.made import ROOT

DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?:<!-- ([\w ]+) -->\n)?```(\w*)\n((?:.*\n)*?)^```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its labels and its text."""

    language: str
    labels: tuple[str, ...]
    text: str


def blocks(page: Path | str, language: str | None = None) -> list[Block]:
    """The blocks of a page, or those in one language, in their order."""
    found = [
        Block(lang, tuple(labels.split()), text)
        for labels, lang, text in FENCE.findall((DOCS / page).read_text(encoding="utf-8"))
    ]
    return [block for block in found if language in {None, block.language}]
