"""The blocks of the pages that are labelled `run`, as they stand there, page after page."""

import pytest

from tests.pages import DOCS, blocks

PAGES = {
    page.name: [block for block in blocks(page.name) if "run" in block.labels] for page in sorted(DOCS.glob("*.md"))
}
RUN = [name for name, found in PAGES.items() if found]


def test_there_are_blocks_to_run():
    assert sum(map(len, PAGES.values())) >= 5


@pytest.mark.parametrize("page", RUN)
def test_blocks_run_as_written(page, shell):
    for block in PAGES[page]:
        if block.language == "sh":
            shell.run(block.text)
        else:
            (shell.folder / "block.py").write_text(block.text)
            shell.run("python block.py")
