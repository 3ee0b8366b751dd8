"""`facesift bench`: what is timed is what was asked for, and figures that few batches do not show are not made up."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesift.cli.bench import Bench, run_bench
from facesift.cli.speed import Load, peak_memory, summary, time_graph
from facesift.cli.speed_decisions import Comparison
from facesift.cli.speed_graphs import bundle_subject, networks_of, quantised, random_subject
from facesift.core.errors import FacesiftError
from facesift.images.paths import find_files
from facesift.screening.committee import Committee
from tests.made import SIZE
from tests.screening.test_committee import noise


def asked(**options):
    defaults = {
        name: [] for name in ("bundles", "architectures", "sizes", "batches", "threads", "precisions", "images")
    }
    return Bench(**(defaults | {"seconds": 0.0} | options))


def test_images_a_second_are_those_of_all_batches_together():
    found = summary([0.1, 0.1, 0.4], 32, None)
    assert found.images_per_second == pytest.approx(96 / 0.6)
    assert found.p50_ms == pytest.approx(100)


@pytest.mark.parametrize(("batches", "p95", "p99"), [(19, False, False), (20, True, False), (100, True, True)])
def test_rare_batches_are_unknown_where_there_are_few(batches, p95, p99):
    found = summary(np.linspace(0.1, 0.2, batches).tolist(), 1, None)
    assert (found.p95_ms is not None, found.p99_ms is not None) == (p95, p99)


def test_peak_memory_is_that_of_the_process(tmp_path):
    (tmp_path / "status").write_text("Name:\tpython\nVmPeak:\t 99 kB\nVmHWM:\t    2048 kB\n")
    assert peak_memory(tmp_path / "status") == 2.0
    assert peak_memory(tmp_path / "nowhere") is None


@pytest.mark.parametrize("batch", [1, 3])
def test_a_graph_is_timed_with_the_batch_asked_for(exported, monkeypatch, batch):
    import onnxruntime

    shapes, run = set(), onnxruntime.InferenceSession.run

    def seen(self, names, feed):
        shapes.add(feed["pixels"].shape)
        return run(self, names, feed)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", seen)
    assert time_graph(exported / "committee.onnx", SIZE, Load(batch, 1, 0.0)).batches == 5
    assert shapes == {(batch, SIZE, SIZE, 3)}


def test_networks_of_a_bundle_are_rebuilt_for_another_size(exported, tmp_path):
    card = Committee.load(exported).card
    subject = random_subject("made", networks_of(card), 2, 2 * SIZE, tmp_path / "room")
    assert (subject.image_size, subject.members, subject.weights) == (2 * SIZE, 2, "random")
    assert time_graph(subject.graph, 2 * SIZE, Load(1, 1, 0.0)).images_per_second > 0


def test_a_size_that_a_network_cannot_take_is_named(exported, tmp_path):
    networks = networks_of(Committee.load(exported).card)
    with pytest.raises(FacesiftError, match=r"lenet cannot take images of data\.image_size 8 pixels"):
        random_subject("made", networks, 2, 8, tmp_path / "room")


def test_8_bits_change_scores_a_little(exported, tmp_path):
    import onnxruntime

    pixels, subject = noise(8), quantised(bundle_subject(exported), tmp_path / "room")
    found = np.array(onnxruntime.InferenceSession(subject.graph).run(None, {"pixels": pixels}))
    right = np.array(list(Committee.load(exported).logits(pixels).values()))
    assert 0 < np.abs(found - right).max() < 0.1


@pytest.fixture
def faces(tmp_path):
    (tmp_path / "faces").mkdir()
    for number, pixels in enumerate(noise(10)):
        Image.fromarray(pixels).save(tmp_path / f"faces/{number}.png")
    (tmp_path / "faces/bad.png").write_bytes(b"")
    return str(tmp_path / "faces")


class Reversed:
    """A runtime whose members say the opposite."""

    def __init__(self, runtime):
        self.runtime = runtime

    def logits(self, pixels, members):
        return {name: -each for name, each in self.runtime.logits(pixels, members).items()}


def test_decisions_that_change_are_counted(exported, faces):
    comparison, committee = Comparison(exported, exported, 1), Committee.load(exported)
    comparison._int8 = reverse = replace(committee, runtime=Reversed(committee.runtime))
    found = comparison.measure(find_files([faces]), 4)["int8"]
    ours, theirs = committee.decide(noise(10)), reverse.decide(noise(10))
    assert 0 < found["changed"] == (ours.decisions != theirs.decisions).sum()
    farthest = np.abs(ours.log_odds - theirs.log_odds).max()
    assert found["largest_log_odds_difference"] == pytest.approx(farthest, abs=1e-4)


def test_images_of_which_none_can_be_read_are_named(exported, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(FacesiftError, match="none of the files is an image that can be read"):
        Comparison(exported, None, 1).measure(find_files([str(tmp_path / "bad.png")]), 4)


def test_the_report_has_a_row_for_each_precision_and_what_they_decide(exported, faces):
    report = run_bench(asked(bundles=[exported], batches=[2], threads=[1], precisions=["fp32", "int8"], images=[faces]))
    assert [(row["precision"], row["batch"], row["batches"]) for row in report["speed"]] == [
        ("fp32", 2, 5),
        ("int8", 2, 5),
    ]
    assert report["speed"][0]["relative"] == 1
    assert report["speed"][0]["memory_mib"] > 10
    (found,) = report["decisions"]
    assert (found["images"], found["int8"]["changed"]) == (10, 0)
    assert {rule: each["of"] for rule, each in found["cascade"].items()} == dict.fromkeys(found["cascade"], 20)
    json.dumps(report, allow_nan=False)


MISTAKES = {
    "nothing": ({}, "nothing to time"),
    "no size": ({"architectures": ["lenet"]}, "for images of which --size"),
    "no network": ({"architectures": ["mobile"], "sizes": [32]}, "architecture mobile: not a network"),
    "random decisions": ({"bundles": [Path("b")], "sizes": [32], "images": ["."]}, "random and decide nothing"),
    "precision": ({"bundles": [Path("b")], "precisions": ["fp8"]}, "'fp8' is none; there are fp32, int8"),
    "no bundle": ({"bundles": [Path("nowhere")]}, r"nowhere/bundle\.json: not found"),
    "no images": ({"bundles": [Path("b")], "images": ["nowhere"]}, "nowhere: no such file or folder"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake):
    options, message = MISTAKES[mistake]
    with pytest.raises(FacesiftError, match=message):
        run_bench(asked(**options))
