import pytest

from facesift.core.errors import FacesiftError
from stages.train import main
from tests.made import default_params
from tests.made_config import parse_params


def test_unknown_network_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an empty folder: neither plan nor shards
    tree = default_params().model_dump()
    tree["members"]["convnext1"]["architecture"]["name"] = "convnext_thesys"
    with pytest.raises(
        FacesiftError,
        match="'convnext_thesys' is no network; did you mean convnext_thesis",
    ):
        main(parse_params(tree), "convnext1")
