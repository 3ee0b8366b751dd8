"""Members side by side through the real `dvc`."""

import pytest

from tests.experiments.conftest import with_one_thread

WRITTEN = ("dvc.lock", "data/scores", "data/stack.parquet", "data/decisions.parquet", "metrics", "models")


@pytest.fixture
def pair(reproduced, tmp_path):
    """Two copies of the repository with both members changed."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    copies = reproduced.copy(tmp_path / "one"), reproduced.copy(tmp_path / "other")
    for copy in copies:
        copy.change(lambda tree: [member.update(seed=member["seed"] + 10) for member in tree["members"].values()])
    return copies


def test_side_by_side_and_in_sequence_write_the_same_bytes(pair):
    sequence, together = pair
    with_one_thread(sequence, "dvc", "repro", "summary")
    with_one_thread(together, "python", "-m", "workflow.train", "--jobs", "2", "summary")
    other = "../../other/project"
    differences = [sequence.run("diff", "-rq", name, f"{other}/{name}", check=False) for name in WRITTEN]
    assert "".join(differences) == ""


def test_a_member_that_cannot_be_trained_is_named_and_the_other_is_done(repository):
    def edit(tree):
        tree["members"]["convnext1"].update(seed=9)
        tree["members"]["convnext2"]["architecture"]["name"] = "timm:no_such_network"

    repository.change(edit)
    output = with_one_thread(repository, "python", "-m", "workflow.train", "vote", check=False)
    assert output.splitlines()[-1].startswith("error: not trained: convnext2; ")
    assert repository.run("dvc", "status", "-q", "train@convnext1", check=False) == ""
