import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from facesift.sampling.resamplers import interpolate, smote_pairs, undersampled_rows
from tests.made import ROOT


def test_interpolation_is_computed_in_float64_with_a_plain_number_as_step() -> None:
    rng = np.random.default_rng(1)
    base, neighbour = rng.integers(0, 256, (2, 1, 4000)).astype(np.float32)
    exact = (base.astype(np.float64) + 0.1234567890123 * (neighbour - base).astype(np.float64)).astype(np.float32)
    assert np.array_equal(interpolate(base, neighbour, 0.1234567890123), exact)


def test_interpolation_takes_images_of_any_shape() -> None:
    base, neighbour = np.zeros((2, 3, 3, 3), np.float32), np.full((2, 3, 3, 3), 10, np.float32)
    assert interpolate(base, neighbour, np.array([0.1, 0.5]))[:, 2, 1, 0].tolist() == [1, 5]


def test_interpolation_with_step_0_gives_the_base() -> None:
    base = np.arange(256, dtype=np.float32).reshape(1, -1)
    assert np.array_equal(interpolate(base, base[:, ::-1].copy(), np.zeros(1)), base)


@pytest.mark.parametrize("images", [9, 30, 300])
@pytest.mark.parametrize("random_state", [0, 1, 2**32 - 1])
def test_drawn_pairs_blend_into_the_pixels_of_the_original_smote(random_state: int, images: int) -> None:
    rng = np.random.default_rng(5)
    minority = rng.integers(0, 256, (images, 700)).astype(np.float32)
    everything = np.vstack([rng.integers(0, 256, (2 * images, 700)), minority]).astype(np.float32)
    labels = np.repeat([0, 1], [2 * images, images])
    theirs, _ = SMOTE(sampling_strategy=1.0, k_neighbors=5, random_state=random_state).fit_resample(everything, labels)
    pairs = smote_pairs(minority, images, 5, random_state)
    ours = interpolate(minority[pairs.base], minority[pairs.neighbour], pairs.step)
    assert theirs[3 * images :].tobytes() == ours.tobytes()


def test_neighbours_do_not_depend_on_the_number_of_threads() -> None:
    from threadpoolctl import threadpool_limits

    minority = np.random.default_rng(6).integers(0, 256, (600, 300)).astype(np.float32)
    with threadpool_limits(1):
        alone = smote_pairs(minority, 500, 5, 3)
    together = smote_pairs(minority, 500, 5, 3)
    assert np.array_equal(alone.neighbour, together.neighbour)


@settings(max_examples=25, deadline=None)
@given(fakes=st.integers(1, 20), reals=st.integers(20, 60), way=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_kept_rows_are_the_librarys_sample_indices(fakes: int, reals: int, way: float, seed: int) -> None:
    ratio = min(1.0, fakes / reals + way * (1 - fakes / reals))  # from the present ratio to 1
    labels = np.random.default_rng(seed).permutation(np.repeat([0, 1], [reals, fakes]).astype(np.uint8))
    sampler = RandomUnderSampler(sampling_strategy=ratio, random_state=seed)
    sampler.fit_resample(np.random.default_rng(0).random((len(labels), 3)).astype(np.float32), labels)
    assert np.array_equal(undersampled_rows(labels, ratio, seed), sampler.sample_indices_)


def test_a_ratio_below_the_present_one_is_refused() -> None:
    with pytest.raises(ValueError, match="ratio"):
        undersampled_rows(np.array([0, 0, 1], np.uint8), 0.1, 0)


def test_pairs_of_images_that_are_equally_far_are_those_of_the_original_smote() -> None:
    minority = np.random.default_rng(2).integers(0, 2, (40, 20)).astype(np.float32)
    everything = np.vstack([np.full((80, 20), 255), minority]).astype(np.float32)
    theirs, _ = SMOTE(k_neighbors=5, random_state=3).fit_resample(everything, np.repeat([0, 1], [80, 40]))
    pairs = smote_pairs(minority, 40, 5, 3)
    assert np.array_equal(theirs[120:], interpolate(minority[pairs.base], minority[pairs.neighbour], pairs.step))


def test_neither_library_is_imported_for_pixels() -> None:
    code = (
        "import sys, numpy as np\n"
        "from facesift.sampling.resamplers import smote_pairs, target_count, undersampled_rows\n"
        "smote_pairs(np.random.default_rng(0).integers(0, 256, (20, 300)).astype(np.float32), 5, 3, 0)\n"
        "undersampled_rows(np.repeat([0, 1], [20, 5]).astype(np.uint8), 0.5, 0)\n"
        "sys.exit(bool({'imblearn', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
