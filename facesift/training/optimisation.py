"""How weights move: the optimiser, the learning rate over the steps, and which parameters learn in which epoch."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import nn

from facesift.config.members import Member, Optimizer, Schedule
from facesift.networks.initialisation import head_names
from facesift.training.parameter_groups import parameter_groups

# torch's OneCycleLR: start at 1/25 of the peak, rise for 30 % of the steps, end at 1/10,000 of the start
RISE, START, END = 0.3, 1 / 25, 1 / 25e4


def make_optimizer(network: nn.Module, spec: Optimizer) -> torch.optim.Optimizer:
    """Build the optimiser over all parameters that learn, see `parameter_groups`.

    `momentum` is for SGD, the Adams keep their usual betas. Schedules multiply every group's own learning rate.
    """
    groups = parameter_groups(network, spec)
    if spec.name == "sgd":
        return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum)
    kind = torch.optim.Adam if spec.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=spec.lr)


def one_cycle(step: int, steps: int) -> float:
    """Factor on the peak learning rate at `step` of `steps` (Smith 2018, https://arxiv.org/abs/1803.09820).

    >>> [round(one_cycle(step, 10), 2) for step in (0, 2, 9)]
    [0.04, 1.0, 0.0]
    """
    peak = RISE * steps - 1
    if step <= peak:
        return _cosine(START, 1.0, step / max(peak, 1e-9))
    return _cosine(1.0, END, min(1.0, (step - peak) / (steps - 1 - peak)) if steps - 1 > peak else 1.0)


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def learning_rate_factor(schedule: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Factor in (0, 1] on the learning rate, after a linear warm-up; `plateau` is not by step and gives 1.

    `one_cycle` runs once over the `head_epochs`, if there are any, and once over the rest.

    >>> rest = {"step_epochs": 1, "factor": 0.1, "patience": 2, "watch": "val_loss", "head_epochs": 0}
    >>> schedule = Schedule(name="cosine", warmup_epochs=1, **rest)
    >>> [round(learning_rate_factor(schedule, step, 2, 3), 2) for step in range(6)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]
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


def configure(network: nn.Module, recipe: Member, steps_per_epoch: int) -> dict[str, Any]:
    """Return what Lightning's `configure_optimizers` asks for."""
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


class HeadFirst:
    """Lets the head alone learn in the first `head_epochs`, then all that is not frozen for good.

    While the body rests, its dropout and batch norms are in evaluation mode: it gives the same features every time.
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
