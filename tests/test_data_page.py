"""docs/data.md: each study's data and each layout have their row; the examples can be pasted."""

import re
from typing import get_args

import yaml

from facesift.config import data
from tests.made import ROOT
from tests.made_config import Source

PAGE = ROOT / "docs/data.md"
STUDIES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf/study").glob("*.yaml"))}


def test_every_study_has_the_origin_of_its_data_said():
    wanted = {tree["data"]["raw"] for tree in STUDIES.values() if "raw" in tree.get("data", {})}
    rows = {line.split("`")[1].rstrip("/") for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    assert wanted - rows == set()
    assert len(wanted) > 3


def test_every_layout_has_its_row():
    layouts = get_args(data.Source.model_fields["layout"].annotation)
    assert {f"| `{name}` |" for name in layouts} <= {
        line[: line.index("|", 1) + 1] for line in PAGE.read_text().splitlines() if line.startswith("| `")
    }


def test_every_source_on_the_page_is_one_that_the_schema_takes():
    examples = re.findall(r"`(\{layout: .*?\})`", PAGE.read_text())
    for example in examples:
        assert Source(**yaml.safe_load(example))
    assert len(examples) > 7
