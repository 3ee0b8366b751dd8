"""Heads: what they learn, which epoch is kept, and that a weights file gives the same scores."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

from facesift.core.errors import FacesiftError
from facesift.networks.feature_head import FeatureHead, head_scorer
from facesift.networks.weights import save_tensors
from facesift.shards.index import FeatureBlock, FeatureCard
from facesift.training import heads as module
from facesift.training.heads import fit_head, held_rows, rows_of
from tests.made_features import card, head_recipe, planted, write_features

VALUES, LABELS = planted(200, 60, strength=1.5)
HELD = planted(100, 30, strength=1.5, seed=1)
STEPS = {"optimizer": {"name": "adamw", "lr": 0.05, "weight_decay": 0.0}, "epochs": 8}


def none(width):
    return rows_of(np.zeros((0, width)), np.zeros(0, np.int64))


def fit(values=VALUES, labels=LABELS, *, copies=None, val=HELD, classes=2, **given):
    recipe, width = head_recipe(**given), values.shape[1]
    rows = rows_of(values, labels), none(width) if copies is None else rows_of(*copies)
    return fit_head("a", recipe, card(width), classes, rows, None if val is None else rows_of(*val))


def scores(fitted, values=HELD[0]):
    return head_scorer(fitted.head)(values)


def margins_of(logits):
    """Log-odds; each logit by itself may be shifted, because biases have no penalty."""
    return logits[:, 1] - logits[:, 0]


def standardised(values):
    values = values.astype(np.float64)
    return (values - values.mean(axis=0)) / values.std(axis=0)


def by_scikit_learn(values, labels, c):
    return LogisticRegression(C=c, tol=1e-10, max_iter=5000).fit(standardised(values), labels)


@pytest.mark.parametrize("decay", [0.001, 0.01, 1.0])
def test_lbfgs_finds_scikit_learns_logistic_regression(decay):
    """Two rows of weights share the work of scikit-learn's one, and so each is half of it: twice the penalty's C."""
    fitted = fit(optimizer={"weight_decay": decay})
    expected = by_scikit_learn(VALUES, LABELS, 2 / (len(LABELS) * decay))
    margins = margins_of(scores(fitted, VALUES))
    assert np.allclose(margins, expected.decision_function(standardised(VALUES)), atol=2e-3)


def test_lbfgs_finds_the_multinomial_solution_of_three_classes():
    labels = np.arange(200) % 3
    values = VALUES + np.eye(3)[labels].repeat([3, 3, 2], axis=1)
    fitted = fit(values, labels, val=None, classes=3, optimizer={"weight_decay": 0.02})
    expected = by_scikit_learn(values, labels, 1 / (len(labels) * 0.02)).decision_function(standardised(values))
    logits = scores(fitted, values)
    assert np.allclose(logits - logits.mean(axis=1, keepdims=True), expected, atol=2e-3)


def test_a_stronger_penalty_gives_smaller_weights():
    weak, strong = (fit(optimizer={"weight_decay": decay}).head.layers[-1].weight.norm() for decay in (0.01, 1.0))
    assert strong < weak


def test_features_are_standardised_by_the_originals_alone():
    with_copies = fit(copies=(VALUES + 100, LABELS))
    assert torch.equal(with_copies.head.mean, fit().head.mean)
    assert torch.allclose(with_copies.head.mean, torch.from_numpy(VALUES.astype(np.float32)).mean(dim=0))


def test_a_feature_that_does_not_vary_changes_no_score():
    values = np.concatenate([VALUES, np.full((200, 1), 3.0)], axis=1)
    held = np.concatenate([HELD[0], np.full((100, 1), 3.0)], axis=1)
    fitted = fit(values, val=(held, HELD[1]))
    assert np.allclose(margins_of(scores(fitted, held)), margins_of(scores(fit())), atol=1e-3)


def test_copies_are_learned_from():
    fakes = VALUES[LABELS == 1]
    moved = fakes.copy()
    moved[:, 1] += 4  # fakes that were damaged look like this
    seen = fit(copies=(moved, np.ones(len(moved), np.int64)))
    blind = fit()
    assert (scores(seen, moved).argmax(axis=1) == 1).mean() > (scores(blind, moved).argmax(axis=1) == 1).mean()


@pytest.mark.parametrize("given", [{}, STEPS, STEPS | {"architecture": {"hidden": 6, "dropout": 0.2}}])
def test_the_same_seed_gives_the_same_scores(given):
    assert np.array_equal(scores(fit(**given)), scores(fit(**given)))


@pytest.mark.parametrize("given", [STEPS, STEPS | {"architecture": {"hidden": 6, "dropout": 0.2}}])
def test_another_seed_gives_other_scores(given):
    assert not np.array_equal(scores(fit(**given)), scores(fit(seed=2, **given)))


def test_the_random_state_outside_changes_nothing():
    first = scores(fit(**STEPS))
    torch.manual_seed(99)
    np.random.default_rng(99)
    assert np.array_equal(scores(fit(**STEPS)), first)


LOSSES = [
    {"name": "cross_entropy"},
    {"name": "cross_entropy", "class_weights": [1.0, 3.0], "label_smoothing": 0.1},
    {"name": "focal", "gamma": 2.0, "alpha": 0.5},
    {"name": "logit_adjusted"},
    {"name": "ldam"},
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss['name']}{len(loss)}")
@pytest.mark.parametrize("given", [{}, STEPS], ids=["lbfgs", "adamw"])
def test_every_loss_learns_what_is_planted(loss, given):
    margins = margins_of(scores(fit(loss=loss, **given)))
    assert margins[HELD[1] == 1].mean() > margins[HELD[1] == 0].mean()


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimiser_learns_what_is_planted(name):
    fitted = fit(**STEPS | {"optimizer": {"name": name, "lr": 0.05, "weight_decay": 0.0}})
    assert fitted.epochs[-1]["val_accuracy"] > 0.75


def test_class_weights_find_more_of_the_rare_class():
    weighted = fit(loss={"name": "cross_entropy", "class_weights": [1.0, 5.0]})
    assert (scores(weighted).argmax(axis=1) == 1).sum() > (scores(fit()).argmax(axis=1) == 1).sum()


def xor(count, seed):
    values = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    return values, (values[:, 0] * values[:, 1] > 0).astype(np.int64)


@pytest.mark.parametrize(
    ("hidden", "given", "right"),
    [
        (None, {}, (0.3, 0.7)),
        (16, {"optimizer": {"weight_decay": 0.0001}, "epochs": 300}, (0.93, 1.0)),
        (16, {"optimizer": {"name": "adamw", "lr": 0.02}, "epochs": 40}, (0.93, 1.0)),
    ],
    ids=["linear", "lbfgs", "adamw"],
)
def test_a_hidden_layer_learns_what_no_line_divides(hidden, given, right):
    held = xor(200, 1)
    fitted = fit(*xor(400, 0), val=held, architecture={"hidden": hidden}, **given)
    accuracy = (scores(fitted, held[0]).argmax(axis=1) == held[1]).mean()
    assert right[0] <= accuracy <= right[1]


def planned(monkeypatch, losses):
    """Let the epochs' validation losses be these."""
    left = iter(losses)
    figures = module._figures

    def fake(*given):
        found = figures(*given)
        return found | {"val_loss": next(left)} if "val_loss" in found else found

    monkeypatch.setattr(module, "_figures", fake)


FALLING_THEN_RISING = [0.9, 0.5, 0.6, 0.7, 0.8, 0.4, 0.3, 0.2]


def test_the_epoch_of_the_lowest_loss_is_kept(monkeypatch):
    planned(monkeypatch, FALLING_THEN_RISING[:5] + [0.9] * 3)
    fitted = fit(keep="lowest_loss", **STEPS)
    assert (fitted.best_epoch, len(fitted.epochs)) == (2, 8)
    monkeypatch.undo()
    shorter = fit(keep="last", **STEPS | {"epochs": 2})
    assert np.array_equal(scores(fitted), scores(shorter))


def test_the_last_epoch_is_kept(monkeypatch):
    planned(monkeypatch, FALLING_THEN_RISING[:5] + [0.9] * 3)
    assert fit(keep="last", **STEPS).best_epoch == 8


@pytest.mark.parametrize(("keep", "best"), [("lowest_loss", 2), ("last", 5)])
def test_training_stops_without_a_lower_loss(monkeypatch, keep, best):
    planned(monkeypatch, FALLING_THEN_RISING)
    fitted = fit(keep=keep, early_stopping=3, **STEPS)
    assert (fitted.best_epoch, len(fitted.epochs)) == (best, 5)


@pytest.mark.parametrize("keep", ["lowest_loss", "last"])
def test_without_validation_images_the_last_epoch_is_kept(keep):
    fitted = fit(val=None, keep=keep, **STEPS)
    assert (fitted.best_epoch, "val_loss" in fitted.epochs[0]) == (8, False)


def test_every_epoch_has_the_figures_of_networks():
    expected = {"train_loss", "train_accuracy", "val_loss", "val_accuracy"}
    assert all(set(figures) == expected for figures in fit(**STEPS).epochs)


def test_lbfgs_has_one_epoch():
    fitted = fit()
    assert (fitted.best_epoch, len(fitted.epochs)) == (1, 1)


@pytest.mark.parametrize("given", [{}, STEPS], ids=["lbfgs", "adamw"])
def test_a_loss_that_is_no_number_is_named(given):
    values = VALUES.astype(np.float32)
    values[0, 0] = np.inf
    with pytest.raises(FacesiftError, match=r"members\.a: the loss is nan"):
        fit(values, **given)


def test_a_prior_is_counted_without_copies(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "with_prior", lambda loss, counts: asked.append(counts) or loss)
    fit(copies=(VALUES, LABELS))
    assert asked == [[140, 60]]


TILES = [f"tile{number}" for number in range(4)]


def tiled(ways):
    blocks = [FeatureBlock(view=view, pool="mean", width=2) for view in ("whole", *TILES, "eyes")]
    spec = head_recipe(architecture={"views": ["tiles", "eyes"], "pool": ["mean"], "tiles": ways}).architecture
    return FeatureHead(spec, blocks, 2)


def test_a_head_sees_the_views_that_it_names():
    features = torch.arange(12.0)[None]
    assert tiled(["each"]).chosen(features).tolist() == [[10.0, 11.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]]


def test_tiles_are_joined_by_mean_and_maximum():
    features = torch.arange(12.0)[None]
    assert tiled(["mean", "max"]).chosen(features).tolist() == [[10.0, 11.0, 5.0, 6.0, 8.0, 9.0]]


def test_a_view_that_the_features_lack_is_named():
    spec = head_recipe(architecture={"views": ["eyes"]}).architecture
    with pytest.raises(FacesiftError, match="the features have no embedding of eyes: `dvc repro embed`"):
        FeatureHead(spec, card(3).blocks, 2)


def test_tiles_that_the_features_lack_are_named():
    spec = head_recipe(architecture={"views": ["tiles"]}).architecture
    with pytest.raises(FacesiftError, match="the features have no embedding of tiles: `dvc repro embed`"):
        FeatureHead(spec, card(3).blocks, 2)


@pytest.mark.parametrize("given", [{}, STEPS | {"architecture": {"hidden": 5, "dropout": 0.1}}])
def test_a_weights_file_gives_the_same_scores(tmp_path, given):
    fitted = fit(**given)
    tensors = {key: tensor.numpy() for key, tensor in fitted.head.state_dict().items()}
    save_tensors(tmp_path / "a.safetensors", tensors, {"architecture": {}})
    head = FeatureHead(head_recipe(**given).architecture, card(8).blocks, 2)
    head.load_state_dict({key: torch.from_numpy(value) for key, value in load_file(tmp_path / "a.safetensors").items()})
    assert np.array_equal(head_scorer(head)(HELD[0]), scores(fitted))


def test_dropout_is_off_when_it_scores():
    fitted = fit(**STEPS | {"architecture": {"dropout": 0.5}})
    assert np.array_equal(scores(fitted), scores(fitted))


def test_the_number_of_rows_scored_together_changes_little():
    fitted = fit()
    one_by_one = np.concatenate([scores(fitted, row[None]) for row in HELD[0]])
    assert np.allclose(one_by_one, scores(fitted), atol=1e-5)


def test_rows_of_a_split_are_all_its_rows(tmp_path):
    shards = write_features(tmp_path / "val", HELD[0][:, None], HELD[1], shards=3)
    rows = held_rows(shards)
    assert np.array_equal(rows.features.numpy(), HELD[0].astype(np.float32))
    assert rows.labels.tolist() == HELD[1].tolist()


def test_a_card_says_how_wide_the_features_are():
    blocks = [FeatureBlock(view="whole", pool="mean", width=2), FeatureBlock(view="eyes", pool="mean", width=3)]
    assert FeatureCard(backbone={}, copies=0, blocks=blocks).width == 5
