import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facesift.datasets.group_split import split_quotas, stratified_group_split

FRACTIONS = st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.34, 0.33, 0.33), (0.98, 0.01, 0.01), (0.9, 0.1)])
SIZES = st.lists(st.tuples(st.integers(1, 400), st.sampled_from(["real", "fake"])), min_size=1, max_size=6)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[np.ndarray, list[tuple[str, str]], np.ndarray]:
    """Strata and groups of up to 200 images, most of them alone."""
    names = [("a", "real"), ("a", "fake"), ("b", "real")][: draw(st.integers(1, 3))]
    images, seed = draw(st.integers(1, 200)), draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    groups = np.arange(images)
    grouped = rng.random(images) < draw(st.sampled_from([0, 0.1, 0.9]))
    groups[grouped] = rng.integers(0, max(1, images // draw(st.sampled_from([2, 5, 50]))), grouped.sum())
    return rng.integers(0, len(names), images), names, groups


def counted(strata: np.ndarray, sides: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    counts = np.zeros(shape, dtype=int)
    np.add.at(counts, (strata, sides), 1)
    return counts


@given(SIZES, FRACTIONS)
def test_quotas_add_up_to_the_images(sizes: list, fractions: tuple):
    numbers, labels = np.array([size for size, _ in sizes]), [label for _, label in sizes]
    assert split_quotas(numbers, labels, np.array(fractions)).sum(axis=1).tolist() == numbers.tolist()


@given(SIZES, FRACTIONS)
def test_quotas_are_within_one_image_of_the_exact_share(sizes: list, fractions: tuple):
    numbers, labels = np.array([size for size, _ in sizes]), [label for _, label in sizes]
    exact = numbers[:, None] * np.array(fractions)
    assert np.abs(split_quotas(numbers, labels, np.array(fractions)) - exact).max() <= 1 + 1e-9


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), FRACTIONS)
def test_every_split_that_is_due_half_a_fake_gets_one(sizes: list, fractions: tuple):
    due = sum(sizes) * np.array(fractions) >= 0.5
    given_out = split_quotas(np.array(sizes), ["fake"] * len(sizes), np.array(fractions)).sum(axis=0)
    assert (given_out[due] > 0).all() or (given_out.max() == 1)


def test_quotas_that_divide_evenly_are_exact():
    assert split_quotas(np.array([30]), ["real"], np.array([0.8, 0.1, 0.1])).tolist() == [[24, 3, 3]]


@given(crowds(), FRACTIONS)
def test_groups_stay_together(crowd: tuple, fractions: tuple):
    strata, names, groups = crowd
    sides = stratified_group_split(strata, names, groups, np.array(fractions), 1)
    assert all(len(set(sides[groups == group])) == 1 for group in set(groups.tolist()))


@given(crowds(), FRACTIONS)
def test_counts_miss_the_quota_by_no_more_than_the_largest_group(crowd: tuple, fractions: tuple):
    strata, names, groups = crowd
    sides = stratified_group_split(strata, names, groups, np.array(fractions), 1)
    wanted = split_quotas(np.bincount(strata, minlength=len(names)), [label for _, label in names], np.array(fractions))
    missed = np.abs(counted(strata, sides, wanted.shape) - wanted).max()
    assert missed <= (0 if np.bincount(groups).max() == 1 else len(fractions) * np.bincount(groups).max())


@given(crowds(), FRACTIONS)
def test_images_without_groups_meet_the_quota_exactly(crowd: tuple, fractions: tuple):
    strata, names, _ = crowd
    sides = stratified_group_split(strata, names, np.arange(len(strata)), np.array(fractions), 1)
    wanted = split_quotas(np.bincount(strata, minlength=len(names)), [label for _, label in names], np.array(fractions))
    assert (counted(strata, sides, wanted.shape) == wanted).all()


def test_pairs_are_spread_over_the_splits_in_proportion():
    groups = np.arange(1000)
    groups[:400] //= 2
    sides = stratified_group_split(np.zeros(1000, int), [("a", "real")], groups, np.array([0.8, 0.1, 0.1]), 1)
    assert np.bincount(sides[:400]).tolist() == [320, 40, 40]


def test_a_group_too_large_for_the_small_splits_goes_to_train():
    groups = np.r_[np.zeros(50, int), np.arange(1, 51)]
    sides = stratified_group_split(np.zeros(100, int), [("a", "real")], groups, np.array([0.8, 0.1, 0.1]), 1)
    assert (sides[:50] == 0).all() and np.bincount(sides).tolist() == [80, 10, 10]  # noqa: PT018 - one outcome


def test_the_seed_decides_who_goes_where():
    draws = [
        stratified_group_split(np.zeros(100, int), [("a", "real")], np.arange(100), np.array([0.5, 0.5]), seed)
        for seed in (1, 1, 2)
    ]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()


def test_another_source_changes_nothing_for_a_source_without_groups():
    alone = stratified_group_split(np.zeros(100, int), [("b", "real")], np.arange(100), np.array([0.5, 0.5]), 1)
    strata = np.r_[np.ones(100, int), np.zeros(100, int)]
    joined = stratified_group_split(strata, [("a", "real"), ("b", "real")], np.arange(200), np.array([0.5, 0.5]), 1)
    assert (joined[:100] == alone).all()
