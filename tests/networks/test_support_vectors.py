"""The support vector machine as arrays, held against scikit-learn's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from facesift.core.errors import FacesiftError
from facesift.networks import support_vectors
from facesift.networks.support_vectors import SupportVectors, check_memory, fit_svm, standardised

SIDE = 6


def images(number, classes, seed=0, step=8):
    """Noise (number, SIDE, SIDE, 3) in 0..255 that is `step` brighter for every higher class, and its labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(number) % classes
    pixels = rng.uniform(0, 200, (number, SIDE, SIDE, 3)) + step * labels[:, None, None, None]
    return pixels.astype(np.float32), labels


def sklearns(pixels, labels, **options):
    machine = make_pipeline(StandardScaler(), SVC(kernel="rbf", **({"gamma": "auto"} | options)))
    return machine.fit(pixels.reshape(len(pixels), -1).astype(np.float64), labels)


def decisions(machine, pixels):
    return machine.decision_function(pixels.reshape(len(pixels), -1).astype(np.float64))


@pytest.mark.parametrize(
    "options", [{}, {"C": 10.0}, {"gamma": "scale"}, {"gamma": 0.02}, {"class_weight": "balanced"}]
)
def test_two_classes_score_as_scikit_learn_decides(options):
    pixels, labels = images(80, 2)
    fresh, _ = images(60, 2, seed=1)
    logits, machine = fit_svm(pixels, labels, 2, options).logits(fresh), sklearns(pixels, labels, **options)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], decisions(machine, fresh), atol=1e-4)
    assert np.array_equal(logits.argmax(axis=1), machine.predict(fresh.reshape(60, -1)))


@pytest.mark.parametrize("classes", [3, 5])
def test_more_classes_score_as_scikit_learns_one_against_the_rest(classes):
    pixels, labels = images(120, classes)
    fresh, _ = images(90, classes, seed=1)
    logits, machine = fit_svm(pixels, labels, classes, {}).logits(fresh), sklearns(pixels, labels)
    expected = decisions(machine, fresh)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert np.array_equal(logits.argmax(axis=1), expected.argmax(axis=1))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.lists(st.integers(1, 9), min_size=6, max_size=6))
def test_pairs_of_any_classes_of_any_size_decide_like_scikit_learns(seed, classes, sizes):
    """Pair by pair and on the same float32 rows: a decision near zero falls to either side by rounding."""
    labels = np.repeat(np.arange(classes), sizes[:classes])
    pixels = np.random.default_rng(seed).uniform(0, 255, (len(labels), SIDE, SIDE, 3)).astype(np.float32)
    flat = pixels.reshape(len(pixels), -1)
    ours = fit_svm(pixels, labels, classes, {})
    rows = standardised(flat, ours.mean, ours.scale)
    theirs = SVC(gamma="auto", decision_function_shape="ovo").fit(rows, labels).decision_function(rows)
    pairs = ours._pairs(flat)
    np.testing.assert_allclose(pairs, (-theirs if classes == 2 else theirs).reshape(pairs.shape), atol=1e-9)


def test_difference_that_is_there_is_found():
    pixels, labels = images(200, 2, step=30)
    fresh, truth = images(100, 2, seed=1, step=30)
    assert (fit_svm(pixels, labels, 2, {}).logits(fresh).argmax(axis=1) == truth).mean() > 0.9


def test_size_of_the_steps_changes_no_score(monkeypatch):
    pixels, labels = images(80, 3)
    machine = fit_svm(pixels, labels, 3, {})
    whole = machine.logits(pixels)
    monkeypatch.setattr(support_vectors, "IMAGES", 7)
    monkeypatch.setattr(support_vectors, "VECTORS", 11)
    np.testing.assert_allclose(machine.logits(pixels), whole, atol=1e-6)


def test_whole_numbers_score_like_the_same_as_floats():
    pixels, labels = images(40, 2)
    whole = pixels.astype(np.uint8)
    machine = fit_svm(pixels, labels, 2, {})
    assert np.array_equal(machine.logits(whole), machine.logits(whole.astype(np.float32)))


def test_no_images_give_no_scores():
    machine = fit_svm(*images(40, 2), 2, {})
    assert machine.logits(np.zeros((0, SIDE, SIDE, 3), np.uint8)).shape == (0, 2)


def test_blank_images_are_scored():
    pixels, labels = images(40, 2)
    pixels[:, 0] = 0  # values without deviation
    assert np.isfinite(fit_svm(pixels, labels, 2, {}).logits(np.zeros((3, SIDE, SIDE, 3)))).all()


@pytest.mark.parametrize("classes", [2, 5])
def test_loaded_machine_scores_alike(classes):
    pixels, labels = images(60, classes)
    machine = fit_svm(pixels, labels, classes, {})
    loaded = SupportVectors.from_tensors(load(save(machine.to_tensors())))
    assert np.array_equal(loaded.logits(pixels), machine.logits(pixels))


def test_same_images_give_the_same_bytes():
    one, other = (save(fit_svm(*images(60, 3), 3, {}, seed=4).to_tensors()) for _ in range(2))
    assert one == other


def test_file_of_something_else_is_named():
    tensors = fit_svm(*images(20, 2), 2, {}).to_tensors()
    del tensors["gamma"]
    with pytest.raises(FacesiftError, match=r"svm_rbf: its file .* \['gamma'\]"):
        SupportVectors.from_tensors(tensors)


def test_images_of_another_size_are_refused():
    with pytest.raises(FacesiftError, match="images of 48 values, trained on images of 108"):
        fit_svm(*images(20, 2), 2, {}).logits(np.zeros((1, 4, 4, 3)))


def test_too_many_images_are_refused_before_they_are_read():
    with pytest.raises(FacesiftError, match=r"1,000,000 training images of 64 pixels.*max_values.*data\.image_size"):
        check_memory(1_000_000, 64, {})


def test_limit_on_memory_is_an_argument():
    pixels, labels = images(20, 2)
    with pytest.raises(FacesiftError, match=r"more than arguments\.max_values 2,159"):
        fit_svm(pixels, labels, 2, {"max_values": 2159})
    fit_svm(pixels, labels, 2, {"max_values": 2160})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": "linear"}, r"arguments\.kernel: not one of C, gamma"),
        ({"C": -1.0}, r"arguments \{'C': -1\.0\}"),
        ({"gamma": "wide"}, r"arguments \{'gamma': 'wide'\}"),
    ],
)
def test_argument_that_cannot_be_is_named(arguments, message):
    with pytest.raises(FacesiftError, match=message):
        fit_svm(*images(20, 2), 2, arguments)


def test_class_without_an_image_is_named():
    pixels, labels = images(20, 2)
    with pytest.raises(FacesiftError, match="no training image of class number 2"):
        fit_svm(pixels, labels, 3, {})
