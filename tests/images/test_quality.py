import numpy as np
import pytest
from scipy.ndimage import laplace

from facesift.images.quality import LUMA, QUALITIES, measure_quality


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("brightness", lambda grey: grey.mean()),
        ("contrast", lambda grey: grey.std()),
        ("sharpness", lambda grey: laplace(grey, mode="nearest").std()),
    ],
)
def test_each_quality_is_what_scipy_says(noise, name, reference):
    expected = [reference(image.astype(float) @ LUMA) for image in noise]
    np.testing.assert_allclose(measure_quality(noise)[name], expected, rtol=1e-5)


def test_an_image_is_measured_alone(noise):
    together, alone = measure_quality(noise), measure_quality(noise[2:3])
    assert all(together[name][2] == pytest.approx(alone[name][0]) for name in QUALITIES)


def test_no_image_gives_no_value():
    assert [values.shape for values in measure_quality(np.empty((0, 8, 8, 3), np.uint8)).values()] == [(0,)] * 3


def test_blur_lowers_the_sharpness(noise):
    blurred = ((noise.astype(int) + np.roll(noise, 1, axis=1)) // 2).astype(np.uint8)
    assert (measure_quality(blurred)["sharpness"] < measure_quality(noise)["sharpness"]).all()
