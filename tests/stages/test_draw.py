"""The stage `draw`: its output, where the pipeline expects it, and the line that closes it."""

from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from facesift.config.params import Params
from stages import draw
from tests.made_config import parse_params

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(tmp_path)
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["drawn"]["portraits"] = {"real": 3, "fake": 2, "size": 48, "seed": 1}
    tree["parallel"]["jobs"] = 1
    return parse_params(tree)


def test_stage_writes_the_zip_that_ingest_reads(tiny: Params):
    draw.main(tiny, "portraits")
    with ZipFile("data/raw/portraits/portraits.zip") as archive:
        assert len(archive.namelist()) == 5


def test_stage_leaves_the_zip_alone_in_its_folder(tiny: Params):
    draw.main(tiny, "portraits")
    assert [path.name for path in Path("data/raw/portraits").iterdir()] == ["portraits.zip"]


def test_stage_closes_with_the_counts(tiny: Params, capsys: pytest.CaptureFixture[str]):
    draw.main(tiny, "portraits")
    assert "3 real and 2 fake portraits" in capsys.readouterr().out.splitlines()[-1]
