"""Batches for Lightning: the sampling plan's images for training, the validation shards as they are."""

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
from facesift.training.sampler import draw_rows, row_chances


def batches_in(images: int, batch_size: int, ranks: int = 1) -> int:
    """Batches of one pass over the plan; a last batch of less than two images a rank is joined to the one before it.

    Batch norm learns nothing from one image, and refuses one whose features are a single position.

    >>> [batches_in(images, 16) for images in (1, 16, 17, 18)], batches_in(19, 16, ranks=2)
    ([1, 1, 1, 2], 1)
    """
    return max(1, math.ceil(images / batch_size) - (batch_size > 1 and 0 < images % batch_size < 2 * ranks))


def check_shares(images: int, batch_size: int, ranks: int, name: str) -> None:
    """Raise `FacesiftError` when ranks that divide every batch would get less than two images of one."""
    if ranks > 1 and min(images, batch_size) < 2 * ranks:
        raise FacesiftError(
            f"members.{name}.batch_size: {batch_size}, with {images} images in an epoch, is divided among {ranks} "
            "processes (trainer.devices x trainer.num_nodes), and each needs two images of a batch: "
            f"at least {2 * ranks}"
        )


class Epoch(IterableDataset[Batch]):
    """One pass over the plan's images, in an order of its own; of every batch, the images of the `share`."""

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
        return batches_in(len(self.plan), self.batch_size, self.share.ranks)

    def __iter__(self) -> Iterator[Batch]:
        batches = plan_batches(self.shards, self.plan, self.batch_size, self.window, self.seed, self.share)
        for number in range(1, len(self) + 1):
            parts = [next(batches)]
            if number == len(self):
                parts += batches  # the few images left over, if there are any
            pixels, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
            yield to_unit(pixels), torch.as_tensor(labels)


class Whole(IterableDataset[Batch]):
    """All images of a split in file order; the batches of the `share`, and empty ones until all ranks have as many."""

    def __init__(self, shards: ShardFolder, batch_size: int, share: Share = WHOLE_SHARE) -> None:
        super().__init__()
        self.shards, self.batch_size, self.share = shards, batch_size, share

    def __len__(self) -> int:
        batches = sum(math.ceil(size / self.batch_size) for size in self.shards.sizes)
        return math.ceil(batches / self.share.ranks)

    def __iter__(self) -> Iterator[Batch]:
        given, size = 0, self.shards.image_size
        for _, pixels, labels in shard_batches(self.shards, self.batch_size, share=self.share):
            given += 1
            yield to_unit(pixels), torch.as_tensor(labels.astype(np.int64))
        for _ in range(given, len(self)):
            yield torch.empty(0, 3, size, size), torch.empty(0, dtype=torch.int64)


class Feed(lightning.LightningDataModule):
    """Gives a fresh training epoch every time Lightning asks for one (`reload_dataloaders_every_n_epochs=1`).

    The recipe's batches are the same however many `ranks` train: each takes its share of every one.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self, train: ShardFolder, val: ShardFolder, plan: pl.DataFrame, recipe: Member, classes: Classes, window: int,
        ranks: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.train, self.val, self.plan = train, val, plan
        self.recipe, self.window, self.ranks = recipe, window, ranks
        self.chances = row_chances(recipe.resample, plan, train, classes)

    @property
    def steps_per_epoch(self) -> int:
        rows = self.recipe.resample.epoch_images or self.plan.height
        return batches_in(rows, self.recipe.batch_size, self.ranks)

    @property
    def share(self) -> Share:
        """Of the process that asks."""
        return Share(self.trainer.global_rank, self.ranks) if self.trainer else WHOLE_SHARE

    def train_dataloader(self) -> DataLoader[Batch]:
        epoch = self.trainer.current_epoch if self.trainer else 0
        seed = derived_seed(self.recipe.seed, epoch)
        plan = draw_rows(self.plan, self.recipe.resample, self.chances, seed)
        epoch_of = Epoch(self.train, plan, self.recipe.batch_size, self.window, seed, self.share)
        return DataLoader(epoch_of, batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(Whole(self.val, self.recipe.batch_size, self.share), batch_size=None)
