"""What is exported is what was trained, byte for byte the same each time, and nothing when it is not."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from facesift.bundle import exporting
from facesift.bundle.card import GRAPH, GRAPH_DATA
from facesift.bundle.card_content import DECIDING
from facesift.bundle.exporting import first_inputs
from facesift.bundle.inputs import MemberInputs
from facesift.bundle.onnx_graph import export_graph
from facesift.bundle.parity import ParityCheck, is_close
from facesift.committee.ensemble import Ensemble
from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.core.scores import LabelledLogits
from facesift.networks.pixel_module import load_module
from facesift.networks.weights import load_scorer
from facesift.screening.committee import Committee
from facesift.shards.reading import ShardFolder
from tests.made import ROOT, SIZE, made_images
from tests.made_bundle import make_study

SVM = {"name": "svm_rbf", "arguments": {"C": 10.0}}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def keeping(study, tmp_path_factory):
    """The study, but graphs and torch's logits are kept; and the first bundle that was made so."""
    room = tmp_path_factory.mktemp("keeping")
    kept = replace(study, sources=replace(study.sources, graphs=room / "graphs"))
    kept.export(room / "first")
    return kept, room / "first"


def test_the_same_inputs_give_the_same_bytes(keeping, exported):
    assert contents(keeping[1]) == contents(exported)


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.setattr(exporting, "TorchRuntime", lambda *_, **__: pytest.fail("torch was opened"))


@pytest.mark.usefixtures("no_torch")
def test_what_is_kept_gives_the_same_bytes_without_torch(keeping, exported, tmp_path):
    keeping[0].export(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(exported)


def of_rule(study, rule):
    return study.params.model_copy(update={"vote": study.params.vote.model_copy(update={"rule": rule})})


def test_another_rule_needs_no_torch_and_gives_the_bytes_that_torch_gives(study, keeping, tmp_path, monkeypatch):
    params = of_rule(study, "majority")
    shutil.copytree(keeping[0].sources.graphs, tmp_path / "graphs")
    shutil.rmtree(next((tmp_path / "graphs").iterdir()) / "logits")
    replace(study, sources=replace(study.sources, graphs=tmp_path / "graphs")).export(tmp_path / "fresh", params)
    monkeypatch.setattr(exporting, "TorchRuntime", lambda *_, **__: pytest.fail("torch was opened"))
    keeping[0].export(tmp_path / "kept", params)
    assert contents(tmp_path / "kept") == contents(tmp_path / "fresh")


@pytest.mark.usefixtures("no_torch")
def test_what_is_kept_is_checked_again(study, keeping, tmp_path):
    with pytest.raises(FacesiftError, match="the exported graph and torch differ in logits by"):
        keeping[0].export(tmp_path / "none", study.changed(tolerance=1e-12))


@pytest.mark.parametrize("trace", [str(ROOT), "site-packages", ".py", "aten.", "facesift/"])
def test_graph_tells_nothing_of_the_machine_it_was_made_on(exported, trace):
    assert trace.encode() not in (exported / GRAPH).read_bytes()


def test_card_tells_nothing_of_the_machine_it_was_made_on(study, exported):
    text = (exported / "bundle.json").read_text()
    assert str(study.sources.models) not in text
    assert str(ROOT) not in text


def test_every_deciding_parameter_is_one():
    assert set(DECIDING) <= set(Params.model_fields)


@pytest.fixture(scope="module")
def fewer(study, tmp_path_factory):
    """A bundle that was compared on 37 images alone."""
    folder = tmp_path_factory.mktemp("fewer") / "committee"
    study.export(folder, study.changed(parity_images=37))
    return json.loads((folder / "bundle.json").read_text())


def test_another_deciding_parameter_is_another_hash(fewer, exported):
    before = json.loads((exported / "bundle.json").read_text())["inputs"]
    assert fewer["inputs"]["params"] != before["params"]
    assert fewer["inputs"]["shards"] == before["shards"]


def test_card_says_how_many_images_were_compared(fewer):
    assert fewer["parity"]["images"] == 37


def test_all_test_images_are_compared_when_there_are_no_more(exported, study):
    parity = json.loads((exported / "bundle.json").read_text())["parity"]
    assert parity["images"] == ShardFolder(study.sources.shards / "test").images


def test_first_inputs_are_those_of_the_shards(study):
    shards = ShardFolder(study.sources.shards / "test")
    ids, inputs = zip(*first_inputs(shards, {}, 40), strict=True)
    pixels = [each.pixels for each in inputs]
    assert [name for batch in ids for name in batch] == [*shards.image_ids(0), *shards.image_ids(1)][:40]
    np.testing.assert_array_equal(np.concatenate(pixels), np.concatenate([shards.pixels(0), shards.pixels(1)])[:40])


def compare(exported, study, tolerance, stored):
    graph, torch_says = Committee.load(exported), Committee.load(exported, "torch")
    images = first_inputs(ShardFolder(study.sources.shards / "test"), {}, 5)
    return ParityCheck(graph.runtime, torch_says.runtime, graph.ensemble, tolerance).measure(images, stored)


def test_graph_beyond_the_tolerance_is_refused(study, exported):
    with pytest.raises(FacesiftError, match=r"differ in logits by .*export\.tolerance 1e-12; nothing written"):
        compare(exported, study, 1e-12, study.stored["test"])


def test_scores_of_other_weights_are_refused(study, exported):
    stored = study.stored["test"]
    other = replace(stored, logits=stored.logits | {"two": stored.logits["two"] + np.array([0, 0.5], np.float32)})
    with pytest.raises(FacesiftError, match=r"the weights and data/scores differ in logits by 0\.5"):
        compare(exported, study, 0.001, other)


@pytest.mark.parametrize("size", [0, 100, 300])
def test_a_damaged_stacker_is_not_exported(study, tmp_path, size):
    models = shutil.copytree(study.sources.models, tmp_path / "models")
    path = models / "stacker.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    damaged = replace(study, sources=replace(study.sources, models=models))
    with pytest.raises(FacesiftError, match=r"stacker\.safetensors: not a readable stacker"):
        damaged.export(tmp_path / "committee")


def test_weights_of_another_training_are_not_exported(tmp_path):
    other = make_study(tmp_path / "study", {"one": {"architecture": {"name": "lenet"}}})
    weights = other.sources.models / "one.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(FacesiftError, match=r"one\.safetensors: not the weights that gave one's scores"):
        other.export(tmp_path / "none")


class Fixed:
    """A runtime that says what it is told."""

    def __init__(self, logits):
        self.values = logits

    def logits(self, inputs, members):
        return {name: np.asarray(self.values[name], np.float32)[: len(inputs)] for name in members}


def one_image(study, exported, graph, torch_says):
    ensemble = Committee.load(exported).ensemble
    test = study.stored["test"]
    image_ids = test.images["image_id"].to_list()[:1]
    said = {name: np.asarray(each, np.float32) for name, each in torch_says.items()}
    stored = LabelledLogits(test.classes, test.images[:1], test.labels[:1], said, test.referred[:1])
    batch = (image_ids, MemberInputs(np.zeros((1, SIZE, SIZE, 3), np.uint8)))
    return ParityCheck(Fixed(graph), Fixed(torch_says), ensemble, 0.1).measure([batch], stored)


def test_vote_that_depends_on_less_than_the_tolerance_may_differ(study, exported):
    said = {"one": [[3.0, 3.001]], "two": [[0.0, 5.0]]}
    other = {"one": [[3.001, 3.0]], "two": [[0.0, 5.0]]}
    assert one_image(study, exported, said, other).images == 1


def test_logits_that_are_no_numbers_are_beyond_every_tolerance(study, exported):
    said = {"one": [[np.nan, 1.0]], "two": [[0.0, 5.0]]}
    with pytest.raises(FacesiftError, match="differ in logits by nan"):
        one_image(study, exported, said, {"one": [[0.0, 1.0]], "two": [[0.0, 5.0]]})


def test_a_close_vote_is_told_from_a_clear_one(exported):
    ensemble: Ensemble = Committee.load(exported).ensemble
    close = {"one": np.array([[1.0, 1.01], [0.0, 50.0]]), "two": np.array([[0.0, 50.0], [0.0, 50.0]])}
    assert is_close(ensemble, close, 0.1).tolist() == [True, False]


@pytest.mark.parametrize("classes", [("real", "fake"), ("real", "swapped", "drawn")])
def test_support_vectors_are_exported_too(tmp_path, classes):
    members = {"vectors": {"architecture": SVM}, "net": {"architecture": {"name": "lenet"}}}
    study = make_study(tmp_path / "study", members, classes)
    study.export(tmp_path / "bundle")
    pixels, _ = made_images(40, 10, 9, visible=True, classes=len(classes))
    found = Committee.load(tmp_path / "bundle").logits(pixels)["vectors"]
    trained = load_scorer(tmp_path / "bundle/members/vectors.safetensors")(pixels)
    np.testing.assert_allclose(found, trained, atol=2e-6)
    assert len(np.unique(found.argmax(axis=1))) == len(classes)  # it has an opinion


def test_weights_too_large_for_one_file_lie_beside_the_graph(exported, tmp_path):
    module = load_module(exported / "members/one.safetensors")
    export_graph(tmp_path / GRAPH, {"one": module}, SIZE, largest=1000)
    assert {path.name for path in tmp_path.iterdir()} == {GRAPH, GRAPH_DATA}
    pixels = made_images(3, 1, 0, visible=True)[0]
    (found,) = onnxruntime.InferenceSession(tmp_path / GRAPH).run(None, {"pixels": pixels})
    np.testing.assert_allclose(found, module(torch.from_numpy(pixels)).detach(), atol=1e-5)


class Untraceable(torch.nn.Module):
    def forward(self, pixels):
        return torch.zeros(len(pixels), 2) if pixels.sum() > 3 else torch.ones(len(pixels), 2)


def test_member_that_cannot_be_exported_is_a_message(tmp_path):
    with pytest.raises(FacesiftError, match="torch cannot export one of them to ONNX"):
        export_graph(tmp_path / GRAPH, {"odd": Untraceable()}, SIZE)
