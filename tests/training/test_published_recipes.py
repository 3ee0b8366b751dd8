"""The parts of a recipe that only published studies use: schedules, class weights, mixing, drawing, head first."""

import numpy as np
import pytest
import torch
from PIL import Image

from facesift.core.errors import FacesiftError
from facesift.images.decoding import to_square
from facesift.networks.architectures import build_network
from facesift.networks.preprocessing import make_normalisation
from facesift.training.augmentation import make_augmentation, make_mixing
from facesift.training.losses import make_loss
from facesift.training.schedule import learning_rate_factor
from tests.made_config import Augment, CrossEntropy, Focal, Normalise, Schedule
from tests.training.test_fit import RECIPE, fit

LOGITS = torch.tensor([[2.0, -1.0], [0.5, 0.3], [-3.0, 1.0]])
LABELS = torch.tensor([0, 1, 1])


def rates_of_torch(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_one_cycle_is_torchs():
    expected = rates_of_torch(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=41), 40)
    ours = [learning_rate_factor(Schedule(name="one_cycle"), step, 41, 1) for step in range(40)]
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-9)


def test_step_schedule_is_torchs():
    expected = rates_of_torch(lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=20, gamma=0.5), 60)
    schedule = Schedule(name="step", step_epochs=2, factor=0.5)
    np.testing.assert_allclose([learning_rate_factor(schedule, step, 10, 6) for step in range(60)], expected)


def test_class_weights_are_torchs():
    spec = CrossEntropy(name="cross_entropy", class_weights=[1.0, 2.7])
    expected = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.7]))(LOGITS, LABELS)
    assert make_loss(spec)(LOGITS, LABELS) == expected


def test_class_weights_of_another_number_of_classes_are_refused():
    spec = CrossEntropy(name="cross_entropy", class_weights=[1.0, 2.0])
    with pytest.raises(FacesiftError, match=r"members\.m\.loss\.class_weights: 2 weights for 3 classes"):
        make_loss(spec, 3, "m")


def test_focal_loss_of_hard_soft_labels_is_that_of_the_labels():
    loss = make_loss(Focal(name="focal", gamma=2.0, alpha=0.25))
    assert loss(LOGITS, torch.eye(2)[LABELS]) == loss(LOGITS, LABELS)


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "either"])
def test_mixed_labels_are_shares(mix):
    torch.manual_seed(0)
    labels = make_mixing(Augment(mix=mix, mix_alpha=1.0), 3)(torch.rand(6, 3, 8, 8), torch.tensor([0, 1, 2] * 2))[1]
    torch.testing.assert_close(labels.sum(dim=1), torch.ones(6))


def test_mixup_image_is_the_mixture_that_its_label_says():
    torch.manual_seed(0)
    images = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    mixed, labels = make_mixing(Augment(mix="mixup", mix_alpha=1.0), 2)(images, torch.tensor([0, 1]))
    torch.testing.assert_close(mixed[:, 0, 0, 0], labels[:, 1])


@pytest.mark.parametrize("name", ["flip_vertical", "blur", "erase"])
def test_augmentation_of_probability_1_changes_the_image(name):
    images = torch.rand(2, 3, 16, 16)
    assert not torch.equal(make_augmentation(Augment(**{name: 1.0}))(images), images)


def test_fixed_normalisation_subtracts_and_divides():
    spec = Normalise(name="fixed", mean=[0.5, 0.4, 0.3], std=[0.5, 0.2, 0.1])
    seen = make_normalisation(spec)(torch.full((1, 3, 1, 1), 0.5)).flatten()
    torch.testing.assert_close(seen, torch.tensor([0.0, 0.5, 2.0]))


@pytest.mark.parametrize("shape", [(40, 20), (20, 40)])
def test_crop_takes_the_middle_square(shape):
    image = Image.new("RGB", shape)
    image.paste((255, 255, 255), (shape[0] // 2 - 10, shape[1] // 2 - 10, shape[0] // 2 + 10, shape[1] // 2 + 10))
    assert to_square(image, 10, "crop").min() == 255


def test_head_learns_alone_in_its_epochs(tmp_path):
    schedule = RECIPE.schedule.model_copy(update={"name": "one_cycle", "head_epochs": 3, "warmup_epochs": 0})
    recipe = RECIPE.model_copy(update={"schedule": schedule})
    trained = fit(tmp_path, recipe=recipe)[0].module.network.state_dict()
    start = build_network(recipe.architecture, 2, recipe.seed).state_dict()
    changed = {name for name, tensor in start.items() if not torch.equal(tensor, trained[name])}
    assert changed == {"head.fc.weight", "head.fc.bias"}


def test_early_stopping_ends_a_training_that_does_not_improve(tmp_path):
    optimizer = RECIPE.optimizer.model_copy(update={"lr": 1e-12})
    recipe = RECIPE.model_copy(update={"epochs": 9, "early_stopping": 1, "optimizer": optimizer})
    assert len(fit(tmp_path, recipe=recipe)[0].epochs) < 9


def test_plateau_schedule_trains(tmp_path):
    schedule = RECIPE.schedule.model_copy(update={"name": "plateau", "watch": "val_accuracy", "warmup_epochs": 0})
    assert len(fit(tmp_path, recipe=RECIPE.model_copy(update={"schedule": schedule}))[0].epochs) == 3
