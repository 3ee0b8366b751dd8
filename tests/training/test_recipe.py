"""The parts of a member's recipe: loss, augmentation, standardisation, learning rate."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facesift.config.members import Member
from facesift.networks.preprocessing import standardise, to_unit
from facesift.training.augmentation import make_augmentation
from facesift.training.losses import LOSSES, make_loss
from facesift.training.schedule import learning_rate_factor
from tests.made_config import Augment, CrossEntropy, Focal, Schedule

LOGITS = torch.tensor([[2.0, -1.0], [0.5, 0.3], [-3.0, 1.0]])
LABELS = torch.tensor([0, 1, 1])


def test_cross_entropy_is_torchs():
    expected = torch.nn.CrossEntropyLoss()(LOGITS, LABELS)
    assert make_loss(CrossEntropy(name="cross_entropy"))(LOGITS, LABELS) == expected


def test_focal_loss_follows_its_formula():
    gamma, alpha = 2.0, 0.25
    targets = np.eye(2)[LABELS.numpy()]
    p = 1 / (1 + np.exp(-LOGITS.numpy().astype(float)))
    right = np.where(targets == 1, p, 1 - p)
    weight = np.where(targets == 1, alpha, 1 - alpha)
    expected = (-weight * (1 - right) ** gamma * np.log(right)).mean()
    loss = make_loss(Focal(name="focal", gamma=gamma, alpha=alpha))(LOGITS, LABELS)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_larger_gamma_turns_away_from_easy_images():
    easy = torch.tensor([[4.0, -4.0]]), torch.tensor([0])
    losses = [make_loss(Focal(name="focal", gamma=gamma, alpha=0.25))(*easy).item() for gamma in (0.0, 2.0)]
    assert losses[1] < losses[0] / 100


def test_standardised_images_have_mean_0_and_deviation_1_each():
    images = standardise(torch.rand(5, 3, 8, 8) * torch.arange(1, 6).view(5, 1, 1, 1) / 5)
    torch.testing.assert_close(images.mean(dim=(1, 2, 3)), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(images.std(dim=(1, 2, 3), correction=0), torch.ones(5))


def test_blank_image_is_standardised_to_zero():
    assert torch.equal(standardise(torch.full((1, 3, 4, 4), 0.5)), torch.zeros(1, 3, 4, 4))


def test_pixels_become_channels_first_between_0_and_1():
    pixels = np.zeros((1, 2, 2, 3), np.uint8)
    pixels[0, 1, 0] = 255, 0, 51
    assert to_unit(pixels)[0, :, 1, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_no_augmentation_changes_nothing():
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(make_augmentation(Augment())(images), images)


def test_flip_of_probability_1_mirrors():
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(make_augmentation(Augment(flip=1.0))(images), images.flip(-1))


def test_each_image_draws_its_own_augmentation():
    torch.manual_seed(0)
    twins = torch.rand(1, 3, 16, 16).expand(8, -1, -1, -1)
    assert (
        len({image.sum().item() for image in make_augmentation(Augment(rotate=30, shift=0.2, jitter=0.3))(twins)}) == 8
    )


def test_augmentation_repeats_with_torchs_seed():
    augmentation, images = make_augmentation(Augment(flip=0.5, rotate=20, jitter=0.2)), torch.rand(4, 3, 16, 16)
    draws = []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append(augmentation(images))
    assert torch.equal(*draws)


@given(
    st.sampled_from(["constant", "cosine", "step", "one_cycle", "plateau"]),
    st.integers(0, 3),
    st.integers(1, 20),
    st.integers(4, 9),
)
def test_learning_rate_factor_stays_between_0_and_1(name, warmup, steps, epochs):
    schedule = Schedule(name=name, warmup_epochs=warmup)
    factors = [learning_rate_factor(schedule, step, steps, epochs) for step in range(steps * epochs)]
    assert all(0 < factor <= 1 for factor in factors)


def test_every_loss_of_the_parameters_is_made_and_no_other():
    sections = get_args(Member.model_fields["loss"].annotation)
    assert set(LOSSES) == {get_args(section.model_fields["name"].annotation)[0] for section in sections}
