import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.under_sampling import RandomUnderSampler

from facesift.sampling.undersampling import kept_rows


@settings(max_examples=25, deadline=None)
@given(fakes=st.integers(1, 20), reals=st.integers(20, 60), way=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_kept_rows_are_the_librarys_sample_indices(fakes: int, reals: int, way: float, seed: int) -> None:
    ratio = min(1.0, fakes / reals + way * (1 - fakes / reals))  # from the present ratio to 1
    labels = np.random.default_rng(seed).permutation(np.repeat([0, 1], [reals, fakes]).astype(np.uint8))
    sampler = RandomUnderSampler(sampling_strategy=ratio, random_state=seed)
    sampler.fit_resample(np.random.default_rng(0).random((len(labels), 3)).astype(np.float32), labels)
    assert np.array_equal(kept_rows(labels, ratio, seed), sampler.sample_indices_)


def test_a_ratio_below_the_present_one_is_refused() -> None:
    with pytest.raises(ValueError, match="ratio"):
        kept_rows(np.array([0, 0, 1], np.uint8), 0.1, 0)
