import pytest
import yaml

from facesift.core.errors import FacesiftError
from workflow.search import parse_space, search


@pytest.fixture(autouse=True)
def params(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"lr": 0.1, "epochs": 3, "loss": {"name": "focal"}}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "'lr' is not like KEY=LOW:HIGH"),
        ("lr=0.1:0.2:linear", "is not like KEY=LOW:HIGH"),
        ("rate=0.1:0.2", "rate: no such key"),
        ("lr=low:high", "are not both numbers"),
        ("lr=0.2:0.1", "0.2 is not below 0.1"),
    ],
)
def test_a_wrong_range_is_refused_by_name(text, message):
    with pytest.raises(FacesiftError, match=message):
        parse_space([text])


def test_the_search_finds_a_planted_best():
    pytest.importorskip("optuna")
    space = parse_space(["lr=0.001:1.0:log", "epochs=1:9:int", "loss.name=focal,cross_entropy"])
    study = search(space, 60, 1, lambda drawn: (drawn["loss.name"] == "focal") - abs(drawn["epochs"] - 4) / 10)
    assert (study.best_params["loss.name"], study.best_params["epochs"]) == ("focal", 4)


def test_the_same_seed_proposes_the_same_values():
    pytest.importorskip("optuna")
    space = parse_space(["lr=0.001:1.0:log"])
    first, second = (search(space, 5, 3, lambda drawn: drawn["lr"]) for _ in range(2))
    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]


def test_a_trial_that_fails_does_not_end_the_search():
    pytest.importorskip("optuna")
    study = search(
        parse_space(["epochs=1:9:int"]), 8, 1, lambda drawn: drawn["epochs"] if drawn["epochs"] < 6 else None
    )
    assert (len(study.trials), study.best_value < 6) == (8, True)
