"""Augmentation of a whole batch does to each image what torchvision's transforms do to a single one."""

import math

import pytest
import torch
from torchvision.transforms import v2

from facesift.networks.preprocessing import GREY
from facesift.training import augmentation
from facesift.training.augmentation import blur, erase, jitter_colours, make_augmentation, shift_pixels, turn
from tests.made_config import Augment

IMAGES = torch.rand(6, 3, 20, 16, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(1)


@pytest.fixture
def drawn(monkeypatch):
    """Keeps the numbers that are drawn, in the order of the draws."""
    numbers, uniform = [], augmentation._uniform
    spy = lambda *arguments: (numbers.append(uniform(*arguments)), numbers[-1])[1]  # noqa: E731
    monkeypatch.setattr(augmentation, "_uniform", spy)
    return numbers


def test_turned_image_is_torchvisions(drawn):
    turned = turn(IMAGES, Augment(rotate=40, zoom=0.2, shift=0.2))
    angles, zooms, down, across = drawn
    for number, image in enumerate(IMAGES):
        moved = [round(across[number].item() * 0.2 * 16), round(down[number].item() * 0.2 * 20)]
        spec = {"angle": angles[number].item(), "translate": moved, "scale": zooms[number].item(), "shear": [0.0, 0.0]}
        bilinear = v2.InterpolationMode.BILINEAR
        theirs = v2.functional.affine(image, **spec, interpolation=bilinear, fill=[GREY] * 3)
        whole = v2.functional.affine(torch.ones_like(image), **spec, interpolation=bilinear) > 1 - 1e-4
        # At the image's edge, torchvision 0.29 weighs the grey twice.
        torch.testing.assert_close(turned[number][whole], theirs[whole], atol=1e-3, rtol=0)


def test_shifted_image_is_torchvisions(drawn):
    shifted = shift_pixels(IMAGES, 0.2)
    down, across = drawn
    assert len(set(down.round().tolist())) > 2
    for number, image in enumerate(IMAGES):
        moved = [round(across[number].item()), round(down[number].item())]
        theirs = v2.functional.affine(image, angle=0.0, translate=moved, scale=1.0, shear=[0.0, 0.0], fill=[GREY] * 3)
        torch.testing.assert_close(shifted[number], theirs)


def test_jittered_colours_are_torchvisions(drawn):
    jittered = jitter_colours(IMAGES, 0.2)
    for number, image in enumerate(IMAGES):
        brightness, contrast, saturation = (factors[number].item() for factors in drawn)
        theirs = v2.functional.adjust_brightness(image, brightness)
        theirs = v2.functional.adjust_contrast(theirs, contrast)
        theirs = v2.functional.adjust_saturation(theirs, saturation)
        torch.testing.assert_close(jittered[number], theirs, atol=1e-3, rtol=0)


def test_jittered_colours_stay_in_range():
    jittered = jitter_colours(torch.rand(4, 3, 8, 8).round(), 0.9)
    assert 0 <= jittered.min() <= jittered.max() <= 1


def test_blurred_image_is_torchvisions(drawn):
    blurred = blur(IMAGES)
    for number, image in enumerate(IMAGES):
        theirs = v2.functional.gaussian_blur(image, [5, 5], [drawn[0][number].item()] * 2)
        torch.testing.assert_close(blurred[number], theirs, atol=1e-5, rtol=0)


def test_one_rectangle_of_each_image_is_erased():
    erased = erase(torch.ones(200, 3, 32, 32)) == 0
    assert torch.equal(erased[:, 0], erased[:, 1])
    for mask in erased[:, 0]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert torch.equal(mask, rows[:, None] & columns[None])
        assert 0.015 < mask.float().mean() < 0.35
        assert 0.25 < rows.sum() / columns.sum() < 4


def test_steps_of_small_probability_leave_most_images_as_they_are():
    images = torch.rand(400, 3, 8, 8)
    changed = make_augmentation(Augment(erase=0.1, blur=0.1))(images)
    share = (changed != images).flatten(1).any(dim=1).float().mean().item()
    assert math.isclose(share, 0.19, abs_tol=0.07)
