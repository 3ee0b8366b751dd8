"""Members, stack and vote together, without DVC."""

import numpy as np
import polars as pl
import pytest
import torch
from rich.console import Console
from sklearn.metrics import roc_auc_score

from facesift.committee.out_of_fold import out_of_fold
from facesift.committee.plan_stacking import plan_features, train_stacker
from facesift.committee.rules import RULES
from facesift.committee.stacking import stack_features
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from facesift.core.scores import label_logits, score_table
from facesift.evaluation.curves import POINTS, det_points, precision_recall_points, ranking, roc_points
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.evaluation.results_table import print_results
from facesift.networks.architectures import build_network
from facesift.networks.scoring import network_scorer, score_splits
from facesift.sampling.plans import make_plan
from facesift.training.data_module import MemberDataModule
from facesift.training.fit import fit_member
from facesift.training.lightning_module import MemberModule
from tests.made import default_params, make_shards
from tests.made_predictions import made_standard

PARAMS = default_params()
CLASSES = PARAMS.class_names


def truth_of(shards, split):
    rows = [
        {
            "image_id": image_id,
            "split": split,
            "source": "made",
            "label": "fake" if label else "real",
            "group": int(image_id, 16) % 10**6,
        }
        for shard in range(len(shards.sizes))
        for image_id, label in zip(shards.image_ids(shard), shards.labels(shard), strict=True)
    ]
    return pl.DataFrame(rows)


def train_committee(room, *, visible):
    """Two members and their stacker; returns the joined validation scores."""
    train = make_shards(room / "train", 100, 25, visible=visible)
    val = make_shards(room / "val", 128, 32, seed=50, visible=visible)
    scores = {}
    for name in ("convnext1", "convnext2"):
        sampling = PARAMS.members["convnext1"].resample
        recipe = PARAMS.members[name].model_copy(update={"epochs": 4, "resample": sampling})
        data_module = MemberDataModule(
            train, val, make_plan(train, recipe.resample, recipe.seed), recipe, CLASSES, window=2
        )
        network = build_network(recipe.architecture, 2, recipe.seed)
        module = MemberModule(network, recipe, data_module.steps_per_epoch, CLASSES, name)
        fitted = fit_member(name, module, PARAMS.trainer, data_module, room / name)
        scores[name] = score_splits(network_scorer(fitted.module, torch.device("cpu")), {"val": val}, 32, CLASSES.names)
    held = label_logits(truth_of(val, "val"), scores, CLASSES)
    features = stack_features(list(held.logits.values()))
    stacked = out_of_fold(features, held.labels, np.arange(len(held.labels)), PARAMS.stack, CLASSES)
    scores["stacker"] = score_table(held.images["image_id"].to_list(), "val", stacked, CLASSES.names)
    return LabelledPredictions.of(label_logits(truth_of(val, "val"), scores, CLASSES))


def committee_area(predictions):
    return roc_auc_score(predictions.labels, predictions.predictions.probabilities[:, :, 1].mean(axis=1))


def test_committee_trained_on_shuffled_labels_is_at_chance(tmp_path):
    # 64 fakes among 256: chance has a standard deviation of 0.042
    assert committee_area(train_committee(tmp_path, visible=False)) == pytest.approx(0.5, abs=0.13)


def test_committee_finds_visible_fakes(tmp_path):
    assert committee_area(train_committee(tmp_path, visible=True)) > 0.9


def test_stacker_trained_on_the_plan_learns_which_output_to_trust(tmp_path):
    """One member sees the bright patch, the other nothing: the published fit must follow the first."""
    shards = make_shards(tmp_path, 64, 16)
    plan = make_plan(shards, PARAMS.stack.resample.model_copy(update={"smote": 0.5, "undersample": 1.0}), 1)

    def bright(pixels):
        patch = (pixels[:, 8:24, 8:24].mean(axis=(1, 2, 3)) - pixels.mean(axis=(1, 2, 3))) / 255
        return np.stack([1 - 4 * patch, 4 * patch], axis=1)

    def blind(pixels):
        return pixels[:, 0, 0, :2] / 255

    features, labels = plan_features([bright, blind], shards, plan, PARAMS.stack, window=1)
    assert features.shape == (len(plan), 4)
    stacker = train_stacker(features, labels, PARAMS.stack, CLASSES)
    difference = stacker.weight[1] - stacker.weight[0]
    assert difference[1] > 2 * abs(difference[3])
    assert roc_auc_score(labels, np.diff(stacker.logits(features))[:, 0]) > 0.99


def predictions_of_two_sources(images=200):
    rng = np.random.default_rng(0)
    source = np.where(np.arange(images) < 80, "rff", "celeba")
    label = np.where(np.arange(images) < 20, "fake", "real")
    ids = [f"{number:032x}" for number in range(images)]
    truth = pl.DataFrame({"image_id": ids, "split": "test", "source": source, "label": label, "group": range(images)})
    logits = rng.normal(size=(images, 2))
    logits[:80, 1] += 6  # it recognises the source, not the fakes
    return LabelledPredictions.of(label_logits(truth, {"a": score_table(ids, "test", logits, CLASSES.names)}, CLASSES))


def test_figures_within_a_source_show_a_committee_that_knows_the_source_alone():
    predictions = predictions_of_two_sources()
    inside = predictions.report_within()
    assert list(inside) == ["rff"]
    assert predictions.report_voters()["a"]["auc"] > 0.8
    assert inside["rff"]["voters"]["a"]["auc"] == pytest.approx(0.5, abs=0.15)


def test_confusion_table_counts_every_image():
    predictions = predictions_of_two_sources()
    assert predictions.confusion_table(RULES["unanimous"])["images"].sum() == len(predictions.labels)


def test_ranking_of_one_class_is_unknown():
    found = ranking(np.ones(3, int), np.array([0.1, 0.2, 0.3]), np.arange(3))
    assert set(found.values()) == {None}


@pytest.mark.parametrize("points", [roc_points, precision_recall_points])
def test_curves_are_short_and_keep_their_ends(points):
    rng = np.random.default_rng(0)
    table = points(rng.integers(0, 2, 5000), {"a": rng.random(5000)})
    assert len(table) <= POINTS
    assert {table["recall"].min(), table["recall"].max()} == {0.0, 1.0}


def test_the_det_curve_is_the_roc_curve_with_misses():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 300), {"a": rng.random(300)}
    found, roc = det_points(labels, scores), roc_points(labels, scores)
    assert found["false_positive_rate"].equals(roc["false_positive_rate"])
    assert found["miss_rate"].to_numpy() == pytest.approx(1 - roc["recall"].to_numpy())
    assert len(found) <= POINTS


def test_result_table_shows_counts_beside_shares(tmp_path):
    predictions = predictions_of_two_sources()
    write_json(tmp_path / "vote.json", {"test": predictions.report_rules()})
    write_json(tmp_path / "voters.json", {"test": predictions.report_voters()})
    write_json(tmp_path / "standard.json", made_standard())
    write_json(tmp_path / "within.json", {"test": predictions.report_within()})
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    print_results(tmp_path, console)
    text = console.export_text()
    tp = predictions.report_voters()["a"]["tp"]
    assert f"({tp}/20; " in text
    assert "within rff: 20 fakes, 60 reals of this source alone" in text


def test_result_table_without_metrics_says_how_to_make_them(tmp_path):
    with pytest.raises(FacesiftError, match=r"vote\.json: cannot be read .* run `dvc repro`"):
        print_results(tmp_path)


def predictions_with_referrals(images=12):
    ids = [f"{number:032x}" for number in range(images)]
    label = ["fake" if number < 4 else "real" for number in range(images)]
    truth = pl.DataFrame({"image_id": ids, "split": "test", "source": "made", "label": label, "group": range(images)})
    marked = truth.with_columns(referred=pl.Series([number in (0, 5) for number in range(images)]))
    logits = np.array([[0, 1] if each == "fake" else [1, 0] for each in label])
    return LabelledPredictions.of(label_logits(marked, {"a": score_table(ids, "test", logits, CLASSES.names)}, CLASSES))


@pytest.mark.parametrize("rule", RULES)
def test_images_without_a_face_are_decided_by_a_person_whatever_the_rule(rule):
    table = predictions_with_referrals().decisions_table(RULES[rule])
    assert [row for row, decision in enumerate(table["decision"]) if decision == "review"] == [0, 5]
    assert table["vote_a"][0] == "fake"


def test_every_rule_that_refers_images_counts_them():
    report = predictions_with_referrals().report_rules()["majority"]
    assert (report["review_fake"], report["review_real"], report["tp"]) == (1, 1, 3)


def test_figures_by_class_are_of_the_votes():
    assert predictions_with_referrals().report_classes()["majority"]["accuracy"] == 1.0


def test_part_of_the_predictions_keeps_its_referrals():
    assert predictions_with_referrals().within("made").decide(RULES["majority"]).tolist().count(-1) == 2
