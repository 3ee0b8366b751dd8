"""Test-time augmentation: which views there are, and that everything that scores takes the mean over them."""

import numpy as np
import onnx
import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import center_crop, hflip, resize

from facesift.bundle.card import GRAPH
from facesift.config.machines import Trainer
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.networks.features import load_features
from facesift.networks.pixel_module import load_module
from facesift.networks.support_vectors import SVM
from facesift.networks.test_time_augmentation import (
    average_over_views,
    check_views,
    make_views,
)
from facesift.networks.weights import load_scorer, save_tensors
from facesift.networks.weights_header import stored_views, views_entry
from facesift.sampling.plans import make_plan
from facesift.screening.committee import Committee
from facesift.training.member import TrainingData, train_member
from stages.train import _header
from tests.made import SIZE, default_params, made_images, make_shards
from tests.made_bundle import MEMBERS, make_study
from tests.made_config import Architecture, Views, parse_params

FOUR = Views(flip=True, zoom=[1.0, 0.75])
IMAGES = torch.rand(3, 3, SIZE, SIZE, generator=torch.manual_seed(0))


def pixels(images=5):
    return made_images(images, 2, 7, visible=True)[0]


def member(**changes):
    """The parameters of one small member that learns for an epoch."""
    tree = default_params().model_dump()
    tree["members"] = {"m": tree["members"]["plain"] | {"votes": True, "epochs": 1, "batch_size": 16} | changes}
    tree["members"]["m"]["architecture"]["name"] = changes.get("name", "lenet")
    tree["members"]["m"].pop("name", None)
    tree["data"]["image_size"] = SIZE
    return tree


def trained(room, **changes):
    params = parse_params(member(**changes))
    train, val = make_shards(room / "train", 40, 10), make_shards(room / "val", 40, 10, seed=5)
    plan = make_plan(train, params.members["m"].resample, 1)
    material = TrainingData(train, val, plan, Classes(("real", "fake"), "fake"))
    trainer = Trainer(accelerator="cpu", devices=1, num_nodes=1, strategy="auto", precision="32-true", window_shards=2)
    return params, train_member("m", params.members["m"], trainer, material, room / "work")


def stored(room, **changes):
    params, found = trained(room, **changes)
    save_tensors(room / "m.safetensors", found.tensors, _header(params, "m"))
    return found, room / "m.safetensors"


def test_the_image_alone_leaves_the_network_as_it_is():
    network = torch.nn.Flatten()
    assert average_over_views(network, Views()) is network


def test_views_are_every_crop_and_its_mirror_image():
    middle = resize(center_crop(IMAGES, [24, 24]), [SIZE, SIZE], InterpolationMode.BILINEAR, antialias=False)
    expected = [IMAGES, middle, hflip(IMAGES), hflip(middle)]
    torch.testing.assert_close(make_views(IMAGES, FOUR), expected)


def test_a_crop_without_the_whole_image_is_one_view():
    assert len(make_views(IMAGES, Views(zoom=[0.75]))) == 1


def test_scores_are_the_mean_of_the_views_logits():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIZE**2, 2)).eval()
    expected = torch.stack([network(view) for view in make_views(IMAGES, FOUR)]).mean(dim=0)
    torch.testing.assert_close(average_over_views(network, FOUR)(IMAGES), expected)


def test_each_view_is_standardised_as_an_image_of_its_own(tmp_path):
    """The image is black around its middle: the crop alone has another mean and deviation than the image."""
    _, path = stored(tmp_path, views={"zoom": [0.5]})
    dark = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    dark[:, SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4] = pixels(1)[:, ::2, ::2]
    enlarged = make_views(torch.from_numpy(dark).permute(0, 3, 1, 2) / 255, Views(zoom=[0.5]))[0]
    alone = load_module(path)
    alone.views = Views()
    with torch.inference_mode():
        expected = alone.network(alone.normalise(enlarged)).numpy()
    np.testing.assert_allclose(load_scorer(path)(dark), expected, rtol=1e-5)


def test_a_mirrored_image_scores_alike_when_both_sides_are_seen(tmp_path):
    score = load_scorer(stored(tmp_path, views={"flip": True})[1])
    np.testing.assert_allclose(score(pixels()), score(pixels()[:, :, ::-1].copy()), rtol=1e-5)


def test_stored_member_scores_as_the_trained_one(tmp_path):
    found, path = stored(tmp_path, views=FOUR.model_dump())
    np.testing.assert_allclose(load_scorer(path)(pixels()), found.scorer(pixels()), rtol=1e-6)


def test_module_to_export_scores_as_the_scorer(tmp_path):
    path = stored(tmp_path, views=FOUR.model_dump())[1]
    with torch.inference_mode():
        exported = load_module(path)(torch.from_numpy(pixels())).numpy()
    np.testing.assert_allclose(exported, load_scorer(path)(pixels()), rtol=1e-6)


def test_features_are_those_that_give_the_scores(tmp_path):
    path = stored(tmp_path, views=FOUR.model_dump())[1]
    head = [layer for layer in load_module(path).network.modules() if isinstance(layer, torch.nn.Linear)][-1]
    logits = head(torch.from_numpy(load_features(path)(pixels()))).detach().numpy()
    np.testing.assert_allclose(logits, load_scorer(path)(pixels()), rtol=1e-4, atol=1e-6)


def test_training_and_its_validation_see_the_image_alone(tmp_path):
    without, within = trained(tmp_path / "a")[1], trained(tmp_path / "b", views=FOUR.model_dump())[1]
    assert within.epochs == without.epochs
    assert all(np.array_equal(without.tensors[name], within.tensors[name]) for name in without.tensors)


def test_weights_file_of_the_image_alone_says_nothing_of_views():
    assert "views" not in _header(parse_params(member()), "m")["preprocessing"]


@pytest.mark.parametrize("views", [Views(), FOUR, Views(zoom=[0.8])])
def test_stored_views_are_those_of_the_recipe(views):
    assert stored_views({"image_size": SIZE} | views_entry(views)) == views


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle whose first member has four views, and the same without."""
    room = tmp_path_factory.mktemp("views")
    for name, views in (("with", FOUR.model_dump()), ("without", {})):
        study = make_study(room / f"{name}-study", {"one": MEMBERS["one"] | {"views": views}, "two": MEMBERS["two"]})
        study.export(room / name)
    return room


@pytest.mark.parametrize("images", [1, 5])
def test_graph_scores_any_number_of_images_as_torch_does(bundle, images):
    graph = Committee.load(bundle / "with").logits(pixels(images))["one"]
    np.testing.assert_allclose(graph, load_scorer(bundle / "with/members/one.safetensors")(pixels(images)), atol=1e-5)


def test_graph_with_views_scores_otherwise_than_without(bundle):
    one, other = (Committee.load(bundle / name).logits(pixels())["one"] for name in ("with", "without"))
    assert np.abs(one - other).max() > 1e-3


def test_graph_holds_the_weights_once(bundle):
    def weights(name):
        graph = onnx.load(bundle / name / GRAPH).graph
        return sum(np.prod(each.dims) for each in graph.initializer if len(each.dims) > 1)

    assert weights("with") == weights("without")


def test_support_vectors_have_no_views():
    with pytest.raises(FacesiftError, match=r"members\.m\.views: views are for networks; svm_rbf scores the image"):
        parse_params(member(name="svm_rbf", views={"flip": True}))


def test_support_vectors_without_views_pass():
    assert parse_params(member(name="svm_rbf")).members["m"].architecture == Architecture(name=SVM)


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ({"zoom": []}, r"members\.m\.views\.zoom: .*at least 1 item"),
        ({"zoom": [0.9, 0.9]}, r"members\.m\.views\.zoom: .*would count twice"),
        ({"zoom": [0.4]}, r"members\.m\.views\.zoom\.0: .*greater than or equal to 0\.5 \(got 0\.4\)"),
        ({"zoom": [1.1]}, r"members\.m\.views\.zoom\.0: .*less than or equal to 1 \(got 1\.1\)"),
        ({"flip": 0.5}, r"members\.m\.views\.flip: .*valid boolean"),
        ({"crops": 1.0}, r"members\.m\.views\.crops: unknown key"),
    ],
)
def test_views_that_cannot_be_are_named(views, message):
    with pytest.raises(FacesiftError, match=message):
        parse_params(member(views=views))


def test_crops_of_the_same_pixels_are_named():
    with pytest.raises(FacesiftError, match=r"members\.m\.views\.zoom: 0\.98 cuts 0 pixels off each edge of 32"):
        check_views(Views(zoom=[1.0, 0.98]), 32, "m")


def test_crops_of_different_pixels_pass():
    assert check_views(Views(zoom=[1.0, 0.98]), 64, "m") is None
