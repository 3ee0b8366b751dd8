"""docs/data.md: each study's data has its row."""

import yaml

from tests.made import ROOT

PAGE = ROOT / "docs/data.md"
STUDIES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf/study").glob("*.yaml"))}


def test_every_study_has_the_origin_of_its_data_said():
    wanted = {tree["data"]["raw"] for tree in STUDIES.values() if "raw" in tree.get("data", {})}
    rows = {line.split("`")[1].rstrip("/") for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    assert wanted - rows == set()
    assert len(wanted) > 3
