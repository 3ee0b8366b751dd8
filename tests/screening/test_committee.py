"""A bundle loads as what was exported, or not at all."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from facesift.bundle.inputs import MemberInputs
from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import sha256
from facesift.networks.weights import load_scorer
from facesift.screening.committee import Committee
from tests.made import ROOT, SIZE
from tests.made_bundle import change_card

FILES = ("committee.onnx", "members/one.safetensors", "stacker.safetensors", "reference.json", "MODEL_CARD.md")


def noise(images, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (images, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_logits_are_those_of_the_trained_networks(exported, runtime):
    pixels = noise(5)
    found = Committee.load(exported, runtime, threads=1).logits(pixels)
    assert list(found) == ["one", "two"]
    for name, logits in found.items():
        np.testing.assert_allclose(logits, load_scorer(exported / f"members/{name}.safetensors")(pixels), atol=1e-5)
        assert logits.dtype == np.float32


def test_threads_of_torch_are_as_before_when_the_committee_has_scored(exported):
    before = torch.get_num_threads()
    Committee.load(exported, "torch", threads=before + 1).logits(noise(1))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("images", [1, 3, 70])
def test_any_number_of_images_may_be_scored_at_a_time(committee, images):
    pixels = noise(70)
    for name, logits in committee.logits(pixels[:images]).items():
        np.testing.assert_allclose(logits, committee.logits(pixels)[name][:images], atol=1e-5)


def test_members_that_are_not_asked_for_give_no_logits(committee):
    assert list(committee.runtime.logits(MemberInputs(noise(2)), ["two"])) == ["two"]


@pytest.mark.parametrize("file", FILES)
def test_missing_file_is_named(bundle, file):
    (bundle / file).unlink()
    with pytest.raises(FacesiftError, match=rf"{file}: listed in bundle\.json, but not there; `dvc pull"):
        Committee.load(bundle)


@pytest.mark.parametrize("file", FILES)
def test_torn_file_is_named(bundle, file):
    (bundle / file).write_bytes((bundle / file).read_bytes()[:-1])
    with pytest.raises(FacesiftError, match=rf"{file}: \d+ bytes instead of \d+"):
        Committee.load(bundle)


@pytest.mark.parametrize("file", FILES)
def test_flipped_byte_is_found(bundle, file):
    data = bytearray((bundle / file).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / file).write_bytes(data)
    with pytest.raises(FacesiftError, match=rf"{file}: damaged or foreign, SHA-256"):
        Committee.load(bundle)


WRONG_CARDS = {
    "schema": (lambda card: card.update(schema=1), r"schema is 1, this program reads 6"),
    "unknown key": (lambda card: card.update(more=1), r"damaged at more"),
    "missing key": (lambda card: card.pop("image"), r"damaged at image"),
    "positive": (lambda card: card.update(positive="forged"), r"positive is 'forged', which is not one of the classes"),
    "rule": (lambda card: card.update(rule="dice"), r"rule is 'dice'; there are any_fake"),
    "no members": (lambda card: card.update(members=[]), r"damaged at members"),
    "member of no file": (lambda card: card["files"].pop("members/two.safetensors"), r"member two is not listed"),
    "no graph": (lambda card: card["files"].pop("committee.onnx"), r"committee\.onnx is not listed"),
    "path outside": (
        lambda card: card["files"].update({"../elsewhere.json": card["files"]["reference.json"]}),
        r"damaged at files\.\.\./elsewhere\.json",
    ),
    "other member": (
        lambda card: (card["members"].pop(), card.update(stopping=None)),
        r"gives .*two.*but the members|fitted over",
    ),
    "stopping rule of others": (lambda card: card["stopping"]["centre"].pop("two"), r"stopping: .*not of the members"),
    "other classes": (lambda card: card.update(classes=["genuine", "fake"]), r"fitted over"),
    "more classes": (lambda card: card.update(classes=["real", "other", "fake"]), r"fitted over"),
    "image size": (lambda card: card["image"].update(image_size=48), r"not pixels \(n, 48, 48, 3\)"),
}


@pytest.mark.parametrize("wrong", WRONG_CARDS)
def test_wrong_card_is_refused(bundle, wrong):
    edit, message = WRONG_CARDS[wrong]
    change_card(bundle, edit)
    with pytest.raises(FacesiftError, match=message):
        Committee.load(bundle)


def test_graph_of_other_members_is_refused(bundle):
    def swap(card):
        for member in card["members"]:
            member["name"] = {"one": "two", "two": "one"}[member["name"]]

    change_card(bundle, swap)
    with pytest.raises(FacesiftError, match="fitted over"):
        Committee.load(bundle)


def test_graph_that_is_none_is_refused(bundle):
    (bundle / "committee.onnx").write_bytes(b"no graph at all")
    digest = {"bytes": 15, "sha256": sha256(bundle / "committee.onnx")}
    change_card(bundle, lambda card: card["files"].update({"committee.onnx": digest}))
    with pytest.raises(FacesiftError, match=r"committee\.onnx: onnxruntime cannot open it"):
        Committee.load(bundle)


def test_folder_without_a_bundle_is_named(tmp_path):
    with pytest.raises(FacesiftError, match=r"bundle\.json: not found, so .* is no committee's bundle"):
        Committee.load(tmp_path)


def test_card_that_is_no_json_is_named(bundle):
    (bundle / "bundle.json").write_text('{"schema": 1')
    with pytest.raises(FacesiftError, match=r"bundle\.json: not valid JSON"):
        Committee.load(bundle)


WRONG_ARGUMENTS = {
    "rule": ({"rule": "dice"}, r"rule 'dice' is none; there are any_fake"),
    "withheld": ({"point": "target_recall"}, r"point 'target_recall' is not offered by this bundle: .* sends 99\.7 %"),
    "point": ({"point": "best"}, r"point 'best' is none of this bundle; there are cost, max_review"),
    "both": ({"rule": "soft", "point": "cost"}, r"by one of them, give one"),
    "runtime": ({"runtime": "tensors"}, r"runtime 'tensors' is none; there are onnx, torch"),
}


@pytest.mark.parametrize("wrong", WRONG_ARGUMENTS)
def test_wrong_argument_names_what_there_is(exported, wrong):
    arguments, message = WRONG_ARGUMENTS[wrong]
    with pytest.raises(FacesiftError, match=message):
        Committee.load(exported, **arguments)


def test_another_rule_decides_otherwise(exported):
    pixels = noise(40)
    unanimous = Committee.load(exported).decide(pixels).decisions
    assert (unanimous == -1).any()
    assert not (Committee.load(exported, rule="any_fake").decide(pixels).decisions == -1).any()


def test_a_bundle_may_lie_anywhere(bundle, tmp_path):
    moved = shutil.move(bundle, tmp_path / "elsewhere")
    assert Committee.load(moved).card.study == "made"


HEAVY = ("torch", "sklearn", "dvc", "pytorch_lightning", "timm", "onnx", "h5py", "matplotlib", "joblib", "imagehash")


def test_screening_loads_no_training_package(exported):
    code = (
        "import sys; import numpy as np; import facesift.cli.screen;"
        "from facesift.screening.committee import Committee;"
        f"Committee.load({str(exported)!r}).decide(np.zeros((1, {SIZE}, {SIZE}, 3), np.uint8));"
        f"sys.exit(' '.join(name for name in {HEAVY} if name in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_logits_that_are_not_finite_are_not_decided(committee, monkeypatch):
    pixels = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    logits = committee.logits(pixels)
    first = next(iter(logits))
    logits[first] = np.array([[0.0, 1.0], [np.nan, 1.0]], np.float32)
    monkeypatch.setattr(type(committee), "logits", lambda *_: logits)
    with pytest.raises(FacesiftError, match=rf"{first}: its logits of image 1 are not finite"):
        committee.decide(pixels)


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 32, 32, 3)), np.zeros((32, 32, 3), np.uint8)]
)
@pytest.mark.parametrize("ask", ["logits", "decide"])
def test_pixels_of_another_size_or_type_are_refused_with_the_right_ones(committee, ask, pixels):
    size = committee.card.image.image_size
    with pytest.raises(FacesiftError, match=rf"this committee sees \(n, {size}, {size}, 3\) uint8"):
        getattr(committee, ask)(pixels)


def test_a_file_is_decided_as_screen_decides_it(committee, tmp_path):
    path = tmp_path / "face.png"
    Image.fromarray(noise(1)[0]).resize((50, 60)).save(path)
    (table,) = committee.screen([path])
    found = committee.decide(path)
    assert found.names(committee.card.classes) == table["decision"].to_list()
    assert found.probability[0] == pytest.approx(table["probability"][0])


def test_a_file_that_cannot_be_read_is_named(committee, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(FacesiftError, match=r"bad\.png: empty file"):
        committee.decide(str(tmp_path / "bad.png"))
