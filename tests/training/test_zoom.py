"""Enlarging and shrinking as augmentation."""

import numpy as np
import torch

from facesift.training.augmentation import make_augmentation
from tests.made_config import Augment


def test_zoom_enlarges_and_shrinks():
    torch.manual_seed(0)
    disc = torch.zeros(32, 3, 32, 32)
    disc[:, :, 8:24, 8:24] = 1
    areas = make_augmentation(Augment(zoom=0.3))(disc).gt(0.75).float().sum(dim=(1, 2, 3)).numpy() / 3 / 16**2
    assert areas.min() < 0.75
    assert areas.max() > 1.25
    assert np.all((areas > 0.7**2 - 0.1) & (areas < 1.3**2 + 0.1))


def test_without_zoom_the_size_stays():
    torch.manual_seed(0)
    images = torch.rand(4, 3, 16, 16)
    assert torch.equal(make_augmentation(Augment())(images), images)
