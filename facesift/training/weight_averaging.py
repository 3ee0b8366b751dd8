"""A moving average of the weights over the steps, which is validated, kept and saved in place of the last ones.

The average of a training's last weights does better than any one of them (Polyak and Juditsky 1992; Izmailov et al.
2018, https://arxiv.org/abs/1803.05407; Morales-Brotons et al. 2024, https://arxiv.org/abs/2411.18704).
"""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

LAG = 10  # of the first steps: after n of them, the average goes back over about n / LAG


def decay_at(updates: int, decay: float) -> float:
    """Share of the average that stays at an update: a short training, too, soon forgets its first weights.

    As in TensorFlow's ExponentialMovingAverage with `num_updates`.

    >>> [round(decay_at(updates, 0.999), 3) for updates in (0, 90, 990, 100_000)]
    [0.1, 0.91, 0.991, 0.999]
    """
    return min(decay, (1 + updates) / (LAG + updates))


class MovingAverage(WeightAveraging):
    """Averages weights and batch norms' statistics; Lightning's running checkpoints hold both sets of weights.

    They are updated after every step, alike on all processes that train together.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
            if not averaged.is_floating_point():
                return current
            # Unlike a sum of two shares, this leaves what does not learn as it is, to the last digit.
            return torch.lerp(averaged, current, 1 - decay_at(int(updates), decay))

        super().__init__(avg_fn=average)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Follow the network to the device that it has been put on since `setup`."""
        del trainer
        if self._average_model is not None:
            self._average_model.to(pl_module.device)
