"""Train one member: a network with Lightning, a head on features, or support vectors with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.config.machines import Trainer
from facesift.config.members import Head, Member
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.scores import Scorer
from facesift.networks.architectures import check_size
from facesift.networks.feature_head import head_scorer
from facesift.networks.initialisation import initialise_network
from facesift.networks.scoring import network_scorer
from facesift.networks.support_vectors import SVM, check_memory, fit_svm
from facesift.networks.test_time_augmentation import average_over_views, check_views
from facesift.networks.tuning import merge_updates
from facesift.sampling.batches import WHOLE_SHARE, Share, plan_batches
from facesift.sampling.pairs import PAIR, with_pairs
from facesift.shards.reading import ShardFolder
from facesift.training.data_module import MemberDataModule, check_shares
from facesift.training.distributed import process_rank
from facesift.training.fit import fit_member
from facesift.training.heads import fit_head, held_rows, plan_rows
from facesift.training.lightning_module import MemberModule
from facesift.training.losses import with_prior


@dataclass(frozen=True)
class TrainedMember:
    """A trained member.

    Attributes:
        scorer: maps pixels to logits.
        tensors: arrays for its weights file, by name.
        best_epoch: number of the epoch that is kept, counted from 1.
        epochs: figures of every epoch; support vectors have none.
        share: what this process takes of the images to score, when several trained the member together.
    """

    scorer: Scorer
    tensors: dict[str, NDArray[Any]]
    best_epoch: int
    epochs: list[dict[str, float]]
    share: Share = WHOLE_SHARE


@dataclass(frozen=True)
class TrainingData:
    """The data that a member is trained on.

    Attributes:
        train: shards of the training split.
        val: shards of the validation split.
        plan: the member's sampling plan: which training images, and which synthetic ones.
        classes: names of the classes.
        groups: `image_id` and near-duplicate `group` of the training images, for `resample.draw: pairs`; None: unknown.
    """

    train: ShardFolder
    val: ShardFolder
    plan: pl.DataFrame
    classes: Classes
    groups: pl.DataFrame | None = None


def train_member(
    name: str, recipe: Member, trainer: Trainer, data: TrainingData, directory: Path
) -> TrainedMember | None:
    """Train a member by its recipe.

    Args:
        name: name of the member.
        recipe: everything that decides how it is trained.
        trainer: devices and precision.
        data: images and sampling plan.
        directory: holds the running checkpoints of a network, see `fit.fit_member`.

    Returns:
        The trained member. When several processes train together, each gets it with its own `share`; but only the first
        process fits support vectors, and the others get None.

    Raises:
        FacesiftError: when the recipe does not fit the data, the devices or the installed packages.
    """
    if isinstance(recipe.architecture, Head):
        return None if process_rank() else _train_head(name, recipe, data)
    if recipe.architecture.name == SVM:
        return None if process_rank() else _train_support_vectors(recipe, trainer, data)
    return _train_network(name, recipe, trainer, data, directory)


def _train_network(name: str, recipe: Member, trainer: Trainer, data: TrainingData, directory: Path) -> TrainedMember:
    counts = np.bincount(data.plan["label"].to_numpy(), minlength=len(data.classes.names)).tolist()
    recipe = recipe.model_copy(update={"loss": with_prior(recipe.loss, counts)})
    check_shares(recipe.resample.epoch_images or data.plan.height, recipe.batch_size, trainer.ranks, name)
    classes, size = data.classes, data.train.image_size
    check_views(recipe.views, size, name)
    network = initialise_network(recipe.network, len(classes.names), recipe.seed, size)
    check_size(network, recipe.network, size)
    data_module = MemberDataModule(
        data.train, data.val, _drawn_plan(name, recipe, data), recipe, classes, trainer.window_shards, trainer.ranks
    )
    module = MemberModule(network, recipe, data_module.steps_per_epoch, classes, name)
    result = fit_member(name, module, trainer, data_module, directory)
    merge_updates(network)
    tensors = {key: tensor.contiguous().cpu().numpy() for key, tensor in network.state_dict().items()}
    scorer = network_scorer(average_over_views(result.module, recipe.views), result.module.device)
    return TrainedMember(scorer, tensors, result.best_epoch, result.epochs, result.share)


def _train_head(name: str, recipe: Member, data: TrainingData) -> TrainedMember:
    card = data.train.index.features
    if card is None:
        raise FacesiftError(f"members.{name}.input: {data.train.folder} holds no features; `dvc repro embed`")
    rows, val = plan_rows(data.train, data.plan), held_rows(data.val)
    fitted = fit_head(name, recipe, card, len(data.classes.names), rows, val)
    tensors = {key: tensor.numpy() for key, tensor in fitted.head.state_dict().items()}
    return TrainedMember(head_scorer(fitted.head), tensors, fitted.best_epoch, fitted.epochs)


def _drawn_plan(name: str, recipe: Member, data: TrainingData) -> pl.DataFrame:
    """Return the plan that batches are drawn from: with the column `pair` where the recipe draws pairs."""
    if recipe.resample.draw != "pairs":
        return data.plan
    none = pl.DataFrame(schema={"image_id": pl.String, "group": pl.UInt32})
    plan = with_pairs(data.plan, data.train, none if data.groups is None else data.groups, data.classes.number)
    together = int(plan[PAIR].is_duplicated().sum())
    if not together:
        raise FacesiftError(
            f"members.{name}.resample.draw: pairs, but no fake of the plan is forged from one of its real images, or "
            "in the near-duplicate group of one: set it to plan, or let `resample.forge` make fakes"
        )
    if not process_rank():
        print(f"{name}: {together} of {plan.height} images come with a partner", flush=True)  # noqa: T201
    return plan


def _train_support_vectors(recipe: Member, trainer: Trainer, data: TrainingData) -> TrainedMember:
    arguments = recipe.network.arguments
    check_memory(data.plan.height, data.train.image_size, arguments)
    batches = list(plan_batches(data.train, data.plan, recipe.batch_size, trainer.window_shards, recipe.seed))
    pixels, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    vectors = fit_svm(pixels, labels, len(data.classes.names), arguments, recipe.seed)
    return TrainedMember(vectors.logits, vectors.to_tensors(), 1, [])
