"""Fits the stacker as in the published study: on the members' outputs for the re-sampled training images.

The members were trained on those images, so their outputs look better than they are. The default is to fit on
held-out outputs (`out_of_fold`).
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import nn

from facesift.committee.stacking import Stacker, stack_features
from facesift.config.committee import Stack
from facesift.core.classes import Classes
from facesift.core.scores import Scorer
from facesift.sampling.batches import plan_batches
from facesift.shards.reading import ShardFolder
from facesift.training.optimizer import make_optimizer


def plan_features(
    scorers: list[Scorer], shards: ShardFolder, plan: pl.DataFrame, spec: Stack, window: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features (rows, classes x members) and labels (rows,) of the plan's images."""
    features, truth = [], []
    for pixels, labels in plan_batches(shards, plan, spec.batch_size, window, spec.seed):
        features.append(stack_features([scorer(pixels) for scorer in scorers]))
        truth.append(labels)
    return np.concatenate(features), np.concatenate(truth)


def train_stacker(features: NDArray[np.float64], labels: NDArray[np.int64], spec: Stack, classes: Classes) -> Stacker:
    """Train the linear layer by cross entropy with `spec.optimizer` over `spec.epochs` shuffled passes.

    The plan has balanced the classes as it should: only `spec.class_weights` weigh, `spec.fake_to_real` does not.
    """
    torch.manual_seed(spec.seed)
    layer = nn.Linear(features.shape[1], len(classes.names), dtype=torch.float64)
    weights = None if spec.class_weights is None else torch.tensor(spec.class_weights, dtype=torch.float64)
    optimizer = make_optimizer(layer, spec.optimizer)
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    for _ in range(spec.epochs):
        for rows in torch.randperm(len(targets)).split(spec.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(layer(inputs[rows]), targets[rows], weight=weights).backward()
            optimizer.step()
    return Stacker(weight=layer.weight.detach().numpy(), bias=layer.bias.detach().numpy())
