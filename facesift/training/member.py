"""Training one member of whatever kind: a network by Lightning, or support vectors by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.machines import Trainer
from facesift.config.members import Member
from facesift.core.classes import Classes
from facesift.core.scores import Scorer
from facesift.networks.architectures import check_size
from facesift.networks.initialisation import start_network
from facesift.networks.scoring import network_scorer
from facesift.networks.support_vectors import SVM, check_memory, fit_svm
from facesift.networks.test_time import check_views, over_views
from facesift.sampling.batches import WHOLE_SHARE, Share, plan_batches
from facesift.shards.reading import ShardFolder
from facesift.training.data_module import Feed, check_shares
from facesift.training.distributed import own_rank
from facesift.training.fit import fit_member
from facesift.training.lightning_module import MemberModule


@dataclass(frozen=True)
class Trained:
    """A trained member: how it scores, what its weights file holds, and the figures of every epoch (an SVM: none).

    `share` is what this process takes of the images to score when several trained the member together.
    """

    scorer: Scorer
    tensors: dict[str, NDArray[Any]]
    best_epoch: int  # counted from 1
    epochs: list[dict[str, float]]
    share: Share = WHOLE_SHARE


@dataclass(frozen=True)
class Material:
    """What a member is trained on: both splits, and the plan that says which training images and synthetic ones."""

    train: ShardFolder
    val: ShardFolder
    plan: pl.DataFrame
    classes: Classes


def train_member(name: str, recipe: Member, trainer: Trainer, material: Material, room: Path) -> Trained | None:
    """Train by the recipe; `room` keeps the running checkpoints of a network (see `fit.fit_member`).

    With several ranks all of them return, each with its `share`; but support vectors are the first one's work alone,
    and the others get None.
    """
    if recipe.architecture.name == SVM:
        return None if own_rank() else _train_support_vectors(recipe, trainer, material)
    check_shares(recipe.resample.epoch_images or material.plan.height, recipe.batch_size, trainer.ranks, name)
    classes, size = material.classes, material.train.image_size
    check_views(recipe.views, size, name)
    network = start_network(recipe.architecture, len(classes.names), recipe.seed, size)
    check_size(network, recipe.architecture, size)
    feed = Feed(material.train, material.val, material.plan, recipe, classes, trainer.window_shards, trainer.ranks)
    module = MemberModule(network, recipe, feed.steps_per_epoch, classes, name)
    fitted = fit_member(name, module, trainer, feed, room)
    tensors = {key: tensor.contiguous().cpu().numpy() for key, tensor in network.state_dict().items()}
    scorer = network_scorer(over_views(fitted.module, recipe.views), fitted.module.device)
    return Trained(scorer, tensors, fitted.best_epoch, fitted.epochs, fitted.share)


def _train_support_vectors(recipe: Member, trainer: Trainer, material: Material) -> Trained:
    check_memory(material.plan.height, material.train.image_size, recipe.architecture.arguments)
    batches = list(plan_batches(material.train, material.plan, recipe.batch_size, trainer.window_shards, recipe.seed))
    pixels, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    names = material.classes.names
    vectors = fit_svm(pixels, labels, len(names), recipe.architecture.arguments, recipe.seed)
    return Trained(vectors.logits, vectors.to_tensors(), 1, [])
