"""Members of which little learns: trained through the front door, their weights files are those of plain networks."""

import numpy as np
import polars as pl
import pytest
import torch

from facesift.config.machines import Trainer
from facesift.core.classes import BINARY, Classes
from facesift.core.errors import FacesiftError
from facesift.networks.architectures import build_network
from facesift.networks.tuning import LowRankUpdate
from facesift.networks.weights import load_network, load_scorer, save_tensors
from facesift.sampling.plans import make_plan
from facesift.training.member import TrainingData, _drawn_plan, train_member
from stages.train import _header
from tests.made import SIZE, default_params, make_shards
from tests.made_config import Resample, parse_params

VIT = "timm:test_vit"


def params_of(**changes):
    tree = default_params().model_dump()
    member = tree["members"]["plain"] | {"votes": True, "epochs": 1, "batch_size": 16} | changes
    tree["members"] = {"m": member | {"architecture": {"name": VIT, "tune": changes.pop("tune")}}}
    tree["members"]["m"].pop("tune")
    tree["data"]["image_size"] = SIZE
    return parse_params(tree)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    room = tmp_path_factory.mktemp("shards")
    return make_shards(room / "train", 40, 10), make_shards(room / "val", 40, 10, seed=5)


def trained(room, shards, **changes):
    params = params_of(**changes)
    train, val = shards
    recipe = params.members["m"]
    data = TrainingData(train, val, make_plan(train, recipe.resample, 1), Classes(BINARY, "fake"))
    trainer = Trainer(accelerator="cpu", devices=1, num_nodes=1, strategy="auto", precision="32-true", window_shards=2)
    found = train_member("m", recipe, trainer, data, room / "work")
    save_tensors(room / "m.safetensors", found.tensors, _header(params, "m"))
    return found, room / "m.safetensors", build_network(recipe.architecture, 2, recipe.seed, train.image_size)


LOW_RANK = {"name": "lora", "rank": 2}


@pytest.mark.parametrize(
    ("tune", "learns", "more"),
    [
        ({"name": "norms"}, "norm", {}),
        ({"name": "last", "blocks": 1}, "blocks.", {}),
        (LOW_RANK, "attn", {"ema": 0.9}),
        (LOW_RANK, "attn", {"epochs": 2, "schedule": {"name": "constant", "head_epochs": 1}}),
    ],
    ids=["norms", "last", "lora averaged", "lora after the head"],
)
def test_what_does_not_learn_is_in_the_file_bit_for_bit(tmp_path, shards, tune, learns, more):
    _, path, start = trained(tmp_path, shards, tune=tune, **more)
    network, _ = load_network(path)
    moved = {
        name
        for name, tensor in network.state_dict().items()
        if not torch.equal(tensor, start.state_dict()[name]) and not name.startswith("head")
    }
    assert moved
    assert all(learns in name or name.startswith("norm.") for name in moved)


def test_file_of_a_low_rank_member_scores_as_the_trained_member(tmp_path, shards):
    found, path, _ = trained(tmp_path, shards, tune={"name": "lora"})
    pixels = shards[1].pixels(0)[:8]
    torch.testing.assert_close(
        torch.from_numpy(load_scorer(path)(pixels)), torch.from_numpy(found.scorer(pixels)), rtol=1e-5, atol=1e-6
    )
    network, header = load_network(path)
    assert not [module for module in network.modules() if isinstance(module, LowRankUpdate)]
    assert header.architecture.tune.name == "lora"


def test_header_of_a_member_whose_weights_all_learn_is_as_before():
    assert "tune" not in _header(params_of(tune={"name": "all"}), "m")["architecture"]


def pairing(shards, resample, groups=None):
    recipe = parse_params(params_of(tune={"name": "all"}).model_dump()).members["m"]
    recipe = recipe.model_copy(update={"resample": resample})
    data = TrainingData(*shards, make_plan(shards[0], resample, 1), Classes(BINARY, "fake"), groups)
    return _drawn_plan("m", recipe, data)


def test_member_says_how_many_images_have_a_partner(shards, capsys):
    ids = [image_id for shard in range(2) for image_id in shards[0].image_ids(shard)]
    fakes = np.concatenate([shards[0].labels(shard) for shard in range(2)]) == 1
    reals_and_fakes = [np.flatnonzero(~fakes)[:3], np.flatnonzero(fakes)[:3]]
    pairs = [ids[at] for part in reals_and_fakes for at in part]
    groups = pl.DataFrame({"image_id": pairs, "group": [0, 1, 2, 0, 1, 2]})
    assert "pair" in pairing(shards, Resample(scope="none", draw="pairs"), groups).columns
    assert capsys.readouterr().out == "m: 6 of 80 images come with a partner\n"


def test_pairs_without_any_pair_are_refused(shards):
    with pytest.raises(FacesiftError, match=r"members\.m\.resample\.draw: pairs, but no fake .*set it to plan"):
        pairing(shards, Resample(scope="none", draw="pairs"))
