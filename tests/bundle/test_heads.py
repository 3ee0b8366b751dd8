"""A bundle of heads: each backbone once, and what it gives is what the heads were trained on."""

import io
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from PIL import Image

from facesift.bundle.card import read_card
from facesift.bundle.inputs import MemberInputs
from facesift.bundle.preprocessing import Preprocessor, stack_inputs
from facesift.bundle.runtimes import OnnxRuntime, open_runtime
from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import sha256
from facesift.networks.backbones import OpenBackbone
from facesift.review.attribution import AttributionMaps
from facesift.screening.committee import Committee
from tests.bundle.test_exporting import contents
from tests.made_bundle import change_card
from tests.made_faces import install, photo, png
from tests.made_heads import make_head_study


@pytest.fixture
def damaged(headed, tmp_path):
    return shutil.copytree(headed, tmp_path / "committee")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A study of heads alone."""
    return make_head_study(tmp_path_factory.mktemp("alone"), ("linear",), pixels=False)


def export(study, room):
    with pytest.MonkeyPatch.context() as patched:
        install(room / "site", patched)
        study.export(room / "bundle")
    return room / "bundle"


def photos(number):
    return [photo((60 + 20 * each, 70), seed=100 + each) for each in range(number)]


def inputs_of(bundle, images):
    preprocessor = Preprocessor.of(bundle, read_card(bundle))
    return stack_inputs([preprocessor.apply(image) for image in images])


def test_the_same_inputs_give_the_same_bytes(head_study, headed, tmp_path):
    assert contents(export(head_study, tmp_path)) == contents(headed)


def test_each_backbone_is_there_once(headed):
    assert sorted(path.name for path in (headed / "backbones").iterdir()) == ["tower.onnx", "vit.onnx"]
    card = read_card(headed)
    assert {member.name: member.backbone for member in card.members} == {
        "linear": "vit", "hidden": "vit", "tokens": "tower", "net": None,
    }  # fmt: skip


def test_an_onnx_backbone_is_copied_as_it_is(head_study, headed):
    tower = head_study.params.backbones["tower"].name.removeprefix("onnx:")
    assert sha256(headed / "backbones/tower.onnx") == sha256(type(headed)(tower))


def test_a_backbone_that_no_voting_member_sees_is_left_out(alone, tmp_path):
    bundle = export(alone, tmp_path)
    assert [path.name for path in (bundle / "backbones").iterdir()] == ["vit.onnx"]
    graph = onnx.load(bundle / "committee.onnx").graph
    assert [each.name for each in graph.input] == ["features_vit"]


def test_the_card_says_how_far_the_features_are_from_the_stored_ones(headed):
    parity = read_card(headed).parity
    assert parity["embedded"] == 8
    assert parity["features"] < 1e-3


def test_numbers_that_a_backbone_sees_by_are_kept_exactly(head_study, headed):
    assert read_card(headed).backbones["vit"].mean == head_study.params.backbones["vit"].mean
    assert head_study.params.backbones["vit"].mean[0] == 0.48145466


def test_features_of_other_views_are_refused(head_study, tmp_path):
    vit = head_study.params.backbones["vit"].model_copy(update={"centre": 0.6})
    params = head_study.params.model_copy(update={"backbones": head_study.params.backbones | {"vit": vit}})
    with pytest.raises(
        FacesiftError, match=r"vit.test: not of the backbone vit in params\.yaml; `dvc repro embed@vit`"
    ):
        export(replace(head_study, params=params), tmp_path)


def test_features_that_the_backbone_does_not_give_are_refused(tmp_path):
    other = make_head_study(tmp_path / "other", ("tokens",), pixels=False)
    tower = onnx.load(tmp_path / "other/tower.onnx")
    weights = np.frombuffer(tower.graph.initializer[0].raw_data, np.float32)
    tower.graph.initializer[0].raw_data = (weights * 1.5).tobytes()
    onnx.save(tower, tmp_path / "other/tower.onnx")
    with pytest.raises(FacesiftError, match=r"tower: the bundle's backbone gives other features .* differ by 0\.5"):
        export(other, tmp_path)


def test_features_of_other_images_are_refused(head_study, tmp_path):
    sources = head_study.sources
    shutil.copytree(sources.features, tmp_path / "features")
    shutil.rmtree(tmp_path / "features/vit/test")
    shutil.copytree(sources.features / "vit/val", tmp_path / "features/vit/test")
    with pytest.raises(FacesiftError, match=r"vit.test: shard 0 is of other images than data/shards"):
        export(replace(head_study, sources=replace(sources, features=tmp_path / "features")), tmp_path)


def test_the_runtimes_agree(headed):
    card, inputs = read_card(headed), inputs_of(headed, photos(5))
    graph, torch = (open_runtime(name, headed, card, 1).logits(inputs, card.member_names) for name in ("onnx", "torch"))
    assert list(graph) == list(torch) == card.member_names
    for member in card.member_names:
        np.testing.assert_allclose(graph[member], torch[member], atol=1e-5)


def test_an_image_has_the_same_logits_whatever_is_beside_it(headed):
    card, runtime = read_card(headed), OnnxRuntime(headed, read_card(headed), 1)
    together = runtime.logits(inputs_of(headed, photos(5)), card.member_names)
    single = runtime.logits(inputs_of(headed, photos(5)[3:4]), card.member_names)
    for member in card.member_names:
        np.testing.assert_allclose(together[member][3:4], single[member], atol=1e-5)


@pytest.fixture
def embedded(monkeypatch):
    """How many images each backbone was shown, by the width of its input."""
    shown, before = [], OpenBackbone.features_of

    def counted(self, views):
        shown.append(self.side)
        return before(self, views)

    monkeypatch.setattr(OpenBackbone, "features_of", counted)
    return shown


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_backbone_sees_each_image_once_for_all_its_heads(headed, embedded, runtime):
    card = read_card(headed)
    open_runtime(runtime, headed, card, 1).logits(inputs_of(headed, photos(3)), card.member_names)
    assert sorted(embedded) == [32] * 3 + [160] * 3


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_backbone_is_computed_when_a_head_on_it_is_asked_and_not_again(headed, embedded, runtime):
    opened, inputs = open_runtime(runtime, headed, read_card(headed), 1), inputs_of(headed, photos(4))
    opened.logits(inputs, ["net"])
    assert embedded == []
    opened.logits(inputs[np.array([0, 2])], ["linear"])
    assert embedded == [160] * 2
    opened.logits(inputs[np.array([2])], ["hidden"])
    assert embedded == [160] * 2
    opened.logits(inputs[np.array([1, 2])], ["hidden"])
    assert embedded == [160] * 3


def test_pixels_alone_do_not_suffice(headed):
    committee = Committee.load(headed)
    with pytest.raises(FacesiftError, match="sees more of an image than these pixels; `screen` decides image files"):
        committee.logits(np.zeros((2, 32, 32, 3), np.uint8))


def test_rows_of_inputs_keep_pixels_and_views_together(headed):
    inputs = inputs_of(headed, photos(4))
    part: MemberInputs = inputs[1:3]
    assert len(part) == 2
    np.testing.assert_array_equal(part.pixels[1], inputs.pixels[2])
    assert part.images[1] is inputs.images[2]


WRONG_CARDS = {
    "backbone that is not there": (lambda card: card["backbones"].pop("vit"), "vit of member linear is not there"),
    "file that is not listed": (
        lambda card: card["files"].pop("backbones/vit.onnx"),
        r"backbones/vit\.onnx of backbone vit is not listed",
    ),
    "width": (
        lambda card: card["backbones"]["vit"]["blocks"].pop(),
        r"takes .*features_vit.*not .*features_vit \(n, 832\)",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_CARDS)
def test_a_wrong_card_is_refused(damaged, wrong):
    edit, message = WRONG_CARDS[wrong]
    change_card(damaged, edit)
    with pytest.raises(FacesiftError, match=message):
        Committee.load(damaged)


def test_a_damaged_backbone_is_refused(damaged):
    path = damaged / "backbones/vit.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FacesiftError, match=r"backbones/vit\.onnx: \d+ bytes instead of"):
        Committee.load(damaged)


def test_a_backbone_of_another_side_is_refused(damaged):
    change_card(damaged, lambda card: card["backbones"]["tower"].update(side=64))
    committee = Committee.load(damaged)
    with pytest.raises(FacesiftError, match=r"tower\.onnx: its input or its outputs are not those of the card"):
        committee.decide(inputs_of(damaged, photos(1)))


def test_a_committee_with_heads_has_a_map_of_those_that_see_places(headed):
    maps = AttributionMaps.load(headed)
    data = png(photo((100, 90), size=(200, 160), seed=7))
    alone = maps.request("0" * 32, "tokens", data).result(60)
    assert "Strongest at the" in alone.description
    with pytest.raises(FacesiftError, match="linear head"):
        maps.request("0" * 32, "hidden", data).result(60)
    together = maps.request_committee("0" * 32, data, neutral=True).result(60)
    assert Image.open(io.BytesIO(together.png)).size == (480, 384)
    assert "fake" not in together.description
    maps.close()
