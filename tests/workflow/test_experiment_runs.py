import copy

import yaml
from hypothesis import given
from hypothesis import strategies as st

from workflow.experiment_runs import overrides, set_values

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(1e-6, 1.0) | st.sampled_from(["focal", "shard"])
ENTRIES = st.dictionaries(st.sampled_from(["name", "gamma", "alpha", "smote"]), LEAVES, min_size=1)


@given(now=ENTRIES, wanted=ENTRIES)
def test_dvc_turns_what_is_into_what_is_wanted(tmp_path_factory, now, wanted):
    from dvc.utils.hydra import apply_overrides
    from dvc.utils.serialize import load_yaml  # YAML 1.2: 1e-05 is a number

    path = tmp_path_factory.mktemp("params") / "params.yaml"
    path.write_text(yaml.safe_dump({"seed": 1, "members": {"one": {"loss": copy.deepcopy(now)}}}))
    apply_overrides(path, overrides("members.one.loss", now, wanted))
    assert load_yaml(path) == {"seed": 1, "members": {"one": {"loss": wanted}}}


def test_an_entry_that_is_as_wanted_needs_no_override():
    assert overrides("loss", {"name": "focal", "gamma": 2.0}, {"name": "focal", "gamma": 2.0}) == []


def test_each_value_is_an_argument_of_its_own():
    assert set_values(["a=1", "~b"]) == ["-S", "a=1", "-S", "~b"]
