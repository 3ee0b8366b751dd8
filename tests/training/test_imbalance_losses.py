"""Losses for imbalanced classes: logit adjustment and label-distribution-aware margins."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from facesift.config.losses import Ldam, LogitAdjusted
from facesift.core.errors import FacesiftError
from facesift.training.losses import make_loss, with_prior

LOGITS, LABELS = torch.tensor([[1.0, -0.5], [0.2, 0.3], [-1.0, 2.0]]), torch.tensor([0, 0, 1])


def test_logit_adjustment_adds_the_logarithm_of_the_shares():
    loss = make_loss(LogitAdjusted(name="logit_adjusted", tau=1.0, prior=[99.0, 1.0]))
    shifted = LOGITS + torch.log(torch.tensor([0.99, 0.01]))
    assert torch.allclose(loss(LOGITS, LABELS), F.cross_entropy(shifted, LABELS))


def test_logit_adjustment_of_strength_zero_is_cross_entropy():
    loss = make_loss(LogitAdjusted(name="logit_adjusted", tau=0.0, prior=[99.0, 1.0]))
    assert torch.allclose(loss(LOGITS, LABELS), F.cross_entropy(LOGITS, LABELS))


def test_the_margin_falls_with_the_fourth_root_of_the_number():
    loss = make_loss(Ldam(name="ldam", margin=0.5, scale=3.0, prior=[16.0, 1.0]))
    margins = torch.tensor([[0.25, 0.0], [0.25, 0.0], [0.0, 0.5]])  # (1 / 16) ** 0.25 is a half
    assert torch.allclose(loss(LOGITS, LABELS), F.cross_entropy(3.0 * (LOGITS - margins), LABELS))


@pytest.mark.parametrize("spec", [LogitAdjusted(name="logit_adjusted", tau=1.0, prior=None),
                                  Ldam(name="ldam", margin=0.5, scale=3.0, prior=[1.0])])  # fmt: skip
def test_a_prior_that_does_not_fit_is_named(spec):
    with pytest.raises(FacesiftError, match=r"members\.one\.loss\.prior: .* for 2 classes"):
        make_loss(spec, 2, "one")


def test_a_prior_that_is_given_is_kept():
    spec = LogitAdjusted(name="logit_adjusted", tau=1.0, prior=[3.0, 1.0])
    assert with_prior(spec, [5, 5]) == spec
