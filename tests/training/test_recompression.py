"""JPEG as a part of the augmentation, and what it takes away."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from facesift.config.members import Jpeg
from facesift.networks.preprocessing import to_unit
from facesift.training.augmentation import make_augmentation
from tests.made_config import Augment


def images(count=2, side=32):
    coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return to_unit(coarse.repeat(side // 8, axis=1).repeat(side // 8, axis=2))


def recompressed(quality, probability=1.0):
    return make_augmentation(Augment(jpeg=Jpeg(probability=probability, quality=quality)))(images())


def test_image_is_what_jpeg_of_that_quality_returns():
    encoded = io.BytesIO()
    Image.fromarray((images()[0] * 255).byte().permute(1, 2, 0).numpy()).save(encoded, "JPEG", quality=60)
    theirs = to_unit(np.array(Image.open(encoded))[None])[0]
    assert (recompressed([60, 60])[0] - theirs).abs().max() < 0.04


def test_every_image_is_recompressed_with_probability_1():
    assert (recompressed([50, 90]) != images()).flatten(1).any(dim=1).all()


def test_no_image_is_recompressed_with_probability_0():
    assert torch.equal(recompressed([50, 90], 0.0), images())


def test_lower_quality_takes_more():
    low, high = ((recompressed([quality] * 2) - images()).abs().mean() for quality in (20, 95))
    assert low > high


def test_quality_is_drawn_anew_for_each_image(monkeypatch):
    drawn = []
    jpeg = v2.functional.jpeg
    spy = lambda image, quality: (drawn.append(quality), jpeg(image, quality))[1]  # noqa: E731
    monkeypatch.setattr(v2.functional, "jpeg", spy)
    make_augmentation(Augment(jpeg=Jpeg(probability=1.0, quality=[30, 95])))(images(8))
    assert len(set(drawn)) > 3
    assert 30 <= min(drawn) <= max(drawn) <= 95


@pytest.mark.parametrize("quality", [[90, 60], [60], [60, 70, 80], [0, 50], [50, 101]])
def test_qualities_that_are_no_range_are_refused(quality):
    with pytest.raises(ValueError, match="quality"):
        Jpeg(probability=1.0, quality=quality)
