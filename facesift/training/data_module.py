"""The Lightning data module of a member: training batches by its sampling plan, validation batches from the shards."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytorch_lightning as lightning
import torch
from torch.utils.data import DataLoader, IterableDataset

from facesift.config.members import Member
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.networks.preprocessing import to_unit
from facesift.sampling.batches import WHOLE_SHARE, Share, plan_batches, shard_batches
from facesift.shards.reading import ShardFolder
from facesift.training.lightning_module import Batch, derived_seed
from facesift.training.sampler import row_probabilities, sample_epoch


def batch_count(images: int, batch_size: int, ranks: int = 1) -> int:
    """Count the batches of an epoch.

    A last batch of less than two images for each process is joined to the one before it: batch norm learns nothing from
    one image, and fails on one whose features are a single position.

    Args:
        images: images of the epoch.
        batch_size: images of a batch, for all processes together.
        ranks: number of processes that train together.

    >>> [batch_count(images, 16) for images in (1, 16, 17, 18)], batch_count(19, 16, ranks=2)
    ([1, 1, 1, 2], 1)
    """
    return max(1, math.ceil(images / batch_size) - (batch_size > 1 and 0 < images % batch_size < 2 * ranks))


def check_shares(images: int, batch_size: int, ranks: int, name: str) -> None:
    """Check that each of the processes that divide a batch gets two images of it.

    Args:
        images: images of an epoch.
        batch_size: images of a batch, for all processes together.
        ranks: number of processes that train together.
        name: name of the member, for the message.

    Raises:
        FacesiftError: when one would get less.
    """
    if ranks > 1 and min(images, batch_size) < 2 * ranks:
        raise FacesiftError(
            f"members.{name}.batch_size: {batch_size}, with {images} images in an epoch, is divided among {ranks} "
            "processes (trainer.devices x trainer.num_nodes), and each needs two images of a batch: "
            f"at least {2 * ranks}"
        )


class TrainingEpoch(IterableDataset[Batch]):
    """The training batches of one epoch: every row of a plan once, in random order.

    Args:
        shards: the training images.
        plan: rows of a sampling plan.
        batch_size: images of a batch, for all processes together.
        window: number of shards that are shuffled together in memory.
        seed: seed of the order.
        share: the part of every batch that this process takes.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        shards: ShardFolder,
        plan: pl.DataFrame,
        batch_size: int,
        window: int,
        seed: int,
        share: Share = WHOLE_SHARE,
    ) -> None:
        super().__init__()
        self.shards, self.plan, self.share = shards, plan, share
        self.batch_size, self.window, self.seed = batch_size, window, seed

    def __len__(self) -> int:
        return batch_count(len(self.plan), self.batch_size, self.share.ranks)

    def __iter__(self) -> Iterator[Batch]:
        batches = plan_batches(self.shards, self.plan, self.batch_size, self.window, self.seed, self.share)
        for number in range(1, len(self) + 1):
            parts = [next(batches)]
            if number == len(self):
                parts += batches  # the few images left over, if there are any
            pixels, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
            yield to_unit(pixels), torch.as_tensor(labels)


class HeldOutSplit(IterableDataset[Batch]):
    """All images of a split in file order. Processes take whole batches; empty ones follow until all have as many.

    Args:
        shards: the images.
        batch_size: images of a batch.
        share: the batches that this process takes.
    """

    def __init__(self, shards: ShardFolder, batch_size: int, share: Share = WHOLE_SHARE) -> None:
        super().__init__()
        self.shards, self.batch_size, self.share = shards, batch_size, share

    def __len__(self) -> int:
        batches = sum(math.ceil(size / self.batch_size) for size in self.shards.sizes)
        return math.ceil(batches / self.share.ranks)

    def __iter__(self) -> Iterator[Batch]:
        count, size = 0, self.shards.image_size
        for _, pixels, labels in shard_batches(self.shards, self.batch_size, share=self.share):
            count += 1
            yield to_unit(pixels), torch.as_tensor(labels.astype(np.int64))
        for _ in range(count, len(self)):
            yield torch.empty(0, 3, size, size), torch.empty(0, dtype=torch.int64)


class MemberDataModule(lightning.LightningDataModule):
    """Training and validation batches of a member.

    Lightning asks for a new training loader every epoch (`reload_dataloaders_every_n_epochs=1`). The number of
    processes does not change the batches: each process takes its share of every batch.

    Args:
        train: the training images.
        val: the validation images.
        plan: the member's sampling plan over `train`.
        recipe: the member's recipe.
        classes: names of the classes.
        window: number of training shards that are shuffled together in memory.
        ranks: number of processes that train together.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self, train: ShardFolder, val: ShardFolder, plan: pl.DataFrame, recipe: Member, classes: Classes, window: int,
        ranks: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.train, self.val, self.plan = train, val, plan
        self.recipe, self.window, self.ranks = recipe, window, ranks
        self.probabilities = row_probabilities(recipe.resample, plan, train, classes)

    @property
    def steps_per_epoch(self) -> int:
        """Training batches of an epoch."""
        rows = self.recipe.resample.epoch_images or self.plan.height
        return batch_count(rows, self.recipe.batch_size, self.ranks)

    @property
    def share(self) -> Share:
        """Of the process that asks."""
        return Share(self.trainer.global_rank, self.ranks) if self.trainer else WHOLE_SHARE

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of the current epoch; its rows and their order depend on seed and epoch alone."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        seed = derived_seed(self.recipe.seed, epoch)
        plan = sample_epoch(self.plan, self.recipe.resample, self.probabilities, seed)
        batches = TrainingEpoch(self.train, plan, self.recipe.batch_size, self.window, seed, self.share)
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation batches, in file order."""
        return DataLoader(HeldOutSplit(self.val, self.recipe.batch_size, self.share), batch_size=None)
