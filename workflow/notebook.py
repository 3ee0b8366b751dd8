"""docs/notebook.ipynb out of docs/notebook.md: its text and its Python blocks as cells.

`python -m workflow.notebook` writes it anew; a test compares the notebook with the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE, NOTEBOOK = Path("docs/notebook.md"), Path("docs/notebook.ipynb")
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook(page: str) -> str:
    """Return the notebook of a page as JSON."""
    content = {"cells": list(_cells(page)), "metadata": METADATA, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _cells(page: str) -> Iterator[dict[str, Any]]:
    for number, part in enumerate(CODE.split(page)):
        lines = part.strip().splitlines(keepends=True)
        if lines and number % 2:
            yield {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": lines}
        elif lines:
            yield {"cell_type": "markdown", "metadata": {}, "source": lines}


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
