import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.sparse.linalg import spsolve

from facesift.sampling.blending import fit_similarity, laplace_fill, match_tones, poisson_blend, warp_similarity

SIDE = 32
ALL = (slice(0, SIDE), slice(0, SIDE))


def smooth(seed, side=SIDE, spread=3.0):
    noise = np.random.default_rng(seed).normal(size=(side, side, 3))
    image = gaussian_filter(noise, (spread, spread, 0))
    return (128 + 60 * image / image.std()).clip(0, 255).astype(np.uint8)


def disc(side=SIDE, radius=0.35):
    rows, columns = np.mgrid[:side, :side] / (side - 1) - 0.5
    return np.clip((radius - np.hypot(rows, columns)) / 0.1, 0, 1).astype(np.float32)


numbers = st.floats(-3, 3)


@settings(max_examples=30)
@given(numbers, numbers.filter(lambda x: abs(x) > 0.1), numbers, numbers, st.integers(0, 99))
def test_similarity_finds_a_planted_one(real, imaginary, right, down, seed):
    rng = np.random.default_rng(seed)
    points, a, b = rng.normal(size=5) + 1j * rng.normal(size=5), complex(real, imaginary), complex(right, down)
    assert fit_similarity(points, a * points + b, rng.uniform(0.1, 1, 5)) == pytest.approx((a, b), abs=1e-8)


def test_similarity_minds_its_weights():
    source, goal = np.array([0, 1, 1j]), np.array([0, 2, 99])
    assert fit_similarity(source, goal, np.array([1, 1, 1e-9]))[0] == pytest.approx(2, abs=1e-4)


def test_similarity_of_points_that_are_one_only_moves():
    assert fit_similarity(np.ones(5) + 0j, np.arange(5) + 0j, np.ones(5)) == (1, 1)


def test_warp_by_nothing_returns_the_image():
    assert np.array_equal(warp_similarity(smooth(0), 1 + 0j, 0j, ALL), smooth(0))


def test_warp_by_whole_pixels_moves_them():
    moved = warp_similarity(smooth(0), 1 + 0j, 3 + 2j, ALL)
    assert np.array_equal(moved[2:, 3:], smooth(0)[:-2, :-3])


def test_warp_repeats_the_edge_of_the_image():
    assert np.array_equal(warp_similarity(smooth(0), 1 + 0j, 4 + 0j, ALL)[:, 0], smooth(0)[:, 0])


def test_warp_of_a_box_is_a_part_of_the_whole():
    box = (slice(4, 20), slice(9, 30))
    a, b = 1.1 * np.exp(0.2j), 2.5 - 3j
    assert np.array_equal(warp_similarity(smooth(0), a, b, box), warp_similarity(smooth(0), a, b, ALL)[box])


def test_warp_goes_where_scipy_says():
    a, b = 1.2 * np.exp(0.3j), -4 + 1.5j
    back, offset = 1 / a, -b / a
    matrix = np.array([[back.real, back.imag], [-back.imag, back.real]])  # (row, column) to (row, column)
    image = smooth(0).astype(float)
    theirs = [affine_transform(image[..., c], matrix, (offset.imag, offset.real), order=3) for c in range(3)]
    ours = warp_similarity(smooth(0), a, b, ALL)
    inside = (slice(10, 22), slice(10, 22))
    assert np.abs(np.stack(theirs, -1) - ours)[inside].max() < 8


def test_matched_tones_have_the_targets_mean():
    piece, target, mask = smooth(1).astype(np.float32) * 0.4, smooth(2).astype(np.float32), disc()
    matched = match_tones(piece, target, mask, 1.0)
    weight = mask * (1 - mask) + 0.15 * mask
    means = [(image * weight[..., None]).sum(axis=(0, 1)) / weight.sum() for image in (matched, target)]
    assert np.allclose(*means, atol=0.1)


def test_tones_matched_by_0_stay():
    piece = smooth(1).astype(np.float32)
    assert np.array_equal(match_tones(piece, smooth(2).astype(np.float32), disc(), 0.0), piece)


def laplace(values, inside):
    """Solve Laplace's equation exactly, one channel."""
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    matrix, right = sparse.lil_matrix((inside.sum(),) * 2), np.zeros(inside.sum())
    for row, column in zip(*np.nonzero(inside), strict=True):
        here = number[row, column]
        matrix[here, here] = 4
        for beside in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if inside[beside]:
                matrix[here, number[beside]] = -1
            else:
                right[here] += values[beside]
    out = values.copy()
    out[inside] = spsolve(matrix.tocsr(), right)
    return out


def test_laplace_fill_is_nearly_the_exact_solution():
    values, inside = smooth(3, 48, 5.0).astype(np.float32), disc(48, 0.4) > 0
    exact = laplace(values[..., 0].astype(float), inside)
    apart = np.abs(laplace_fill(values, inside)[..., 0] - exact)[inside]
    assert apart.mean() < 0.07 * values.std()


def test_laplace_fill_leaves_what_is_outside():
    values, inside = smooth(3).astype(np.float32), disc() > 0
    assert np.array_equal(laplace_fill(values, inside)[~inside], values[~inside])


def test_laplace_fill_between_equal_values_is_flat():
    values, inside = np.full((31, 20, 3), 7.0, np.float32), np.zeros((31, 20), bool)
    values[5:25, 4:16], inside[5:25, 4:16] = -99, True
    assert np.allclose(laplace_fill(values, inside), 7)


def test_laplace_fill_without_anything_known_is_0():
    assert not laplace_fill(np.ones((5, 5, 3), np.float32), np.ones((5, 5), bool)).any()


def test_seam_vanishes_where_the_target_is_the_piece_in_another_light():
    target, mask = smooth(4).astype(np.float32), disc()
    assert np.allclose(poisson_blend(target + 30, target, mask), target, atol=0.1)
