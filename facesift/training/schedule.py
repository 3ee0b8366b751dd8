"""The learning rate schedule of a recipe, and the epochs in which the head alone learns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from facesift.networks.head import head_names
from facesift.training.optimizer import make_optimizer

if TYPE_CHECKING:  # training needs no pydantic where a recipe comes from elsewhere (bench/gpu.py)
    from facesift.config.members import Member, Schedule

# torch's OneCycleLR: start at 1/25 of the peak, rise for 30 % of the steps, end at 1/10,000 of the start
RISE, START, END = 0.3, 1 / 25, 1 / 25e4


def configure_optimizer(network: nn.Module, recipe: Member, steps_per_epoch: int) -> dict[str, Any]:
    """Build optimiser and schedule.

    All schedules but `plateau` are one factor by step for torch's LambdaLR. A resumed fit needs the step alone, and
    warm-up and head epochs fit in. torch's own schedules give the same rates but for the last digits.

    Args:
        network: its parameters are optimised.
        recipe: optimiser, schedule and number of epochs.
        steps_per_epoch: batches of an epoch.

    Returns:
        What Lightning's `configure_optimizers` returns.
    """
    optimizer, schedule = make_optimizer(network, recipe.optimizer), recipe.schedule
    if schedule.name == "plateau":
        mode: Literal["min", "max"] = "max" if schedule.watch == "val_accuracy" else "min"
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, factor=schedule.factor, patience=schedule.patience
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": schedule.watch}}

    def factor(step: int) -> float:
        return learning_rate_factor(schedule, step, steps_per_epoch, recipe.epochs)

    by_step = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": by_step, "interval": "step"}}


def learning_rate_factor(schedule: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the factor on the learning rate at a step, after a linear warm-up.

    `one_cycle` runs once over the `head_epochs`, if there are any, and once over the rest.

    >>> from facesift.config.members import Schedule
    >>> schedule = Schedule(name="cosine", warmup_epochs=1, step_epochs=1, factor=0.1, patience=2, watch="val_loss",
    ...     head_epochs=0)
    >>> [round(learning_rate_factor(schedule, step, 2, 3), 2) for step in range(6)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]

    Args:
        schedule: name and parameters of the schedule.
        step: number of batches before this one, 0 or more.
        steps_per_epoch: batches of an epoch.
        epochs: epochs of the training.

    Returns:
        A factor in (0, 1]; 1 for `constant`, and for `plateau`, which does not depend on the step.
    """
    warmup = schedule.warmup_epochs * steps_per_epoch
    if step < warmup:
        return (step + 1) / warmup
    if schedule.name == "cosine":
        progress = (step - warmup) / max(1, epochs * steps_per_epoch - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    if schedule.name == "step":
        return schedule.factor ** (step // steps_per_epoch // schedule.step_epochs)
    if schedule.name == "one_cycle":
        head = schedule.head_epochs * steps_per_epoch
        return one_cycle(step, head) if step < head else one_cycle(step - head, epochs * steps_per_epoch - head)
    return 1.0


def one_cycle(step: int, steps: int) -> float:
    """Return the factor on the peak learning rate (Smith 2018, https://arxiv.org/abs/1803.09820).

    >>> [round(one_cycle(step, 10), 2) for step in (0, 2, 9)]
    [0.04, 1.0, 0.0]

    Args:
        step: number of batches before this one, 0 to `steps` - 1.
        steps: batches of the cycle.

    Returns:
        A factor in (0, 1].
    """
    peak = RISE * steps - 1
    if step <= peak:
        return _cosine(START, 1.0, step / max(peak, 1e-9))
    return _cosine(1.0, END, min(1.0, (step - peak) / (steps - 1 - peak)) if steps - 1 > peak else 1.0)


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


class HeadWarmUp:
    """Lets the head alone learn in the first epochs, then all parameters that are not frozen.

    While the body rests, its dropout and batch norms are in evaluation mode: it gives the same features every time.

    Args:
        network: its parameters are switched on and off.
        head_epochs: number of epochs in which the head alone learns; 0: none.
    """

    def __init__(self, network: nn.Module, head_epochs: int) -> None:
        self.network, self.head_epochs = network, head_epochs
        head = head_names(network) if head_epochs else set()
        parameters = network.named_parameters()
        self.body = [parameter for name, parameter in parameters if name not in head and parameter.requires_grad]

    def start(self, epoch: int) -> None:
        """Prepare for `epoch`, counted from 0."""
        if not self.head_epochs:
            return
        resting = epoch < self.head_epochs
        for parameter in self.body:
            parameter.requires_grad = not resting
        self.network.train(not resting)
