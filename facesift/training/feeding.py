"""Batches for Lightning: the sampling plan's images for training, the validation shards as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytorch_lightning as lightning
import torch
from torch.utils.data import DataLoader, IterableDataset

from facesift.data.shards import ShardFolder
from facesift.recipe import Member
from facesift.sampling.batches import plan_batches, shard_batches
from facesift.training.module import Batch, derived_seed
from facesift.training.preprocessing import to_unit


def draw_evenly(plan: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw as many rows as the plan has, with replacement, so that all classes come up equally often on average."""
    counts = plan["label"].value_counts()
    weight = plan["label"].replace_strict(counts["label"], 1 / counts["count"] / len(counts)).to_numpy()
    rows = np.random.default_rng(seed).choice(plan.height, plan.height, p=weight)
    return plan[rows]


def batches_in(images: int, batch_size: int) -> int:
    """Batches of one pass over the plan; a last batch of a single image is joined to the one before it.

    Batch norm learns nothing from one image, and refuses one whose features are a single position.

    >>> [batches_in(images, 16) for images in (1, 16, 17, 18)]
    [1, 1, 1, 2]
    """
    return max(1, math.ceil(images / batch_size) - (batch_size > 1 and images % batch_size == 1))


class Epoch(IterableDataset[Batch]):
    """One pass over the plan's images, in an order of its own."""

    def __init__(self, shards: ShardFolder, plan: pl.DataFrame, batch_size: int, window: int, seed: int) -> None:
        super().__init__()
        self.shards, self.plan = shards, plan
        self.batch_size, self.window, self.seed = batch_size, window, seed

    def __len__(self) -> int:
        return batches_in(len(self.plan), self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        batches = plan_batches(self.shards, self.plan, self.batch_size, self.window, self.seed)
        for number in range(1, len(self) + 1):
            parts = [next(batches)]
            if number == len(self):
                parts += batches  # the lone image, if there is one
            pixels, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
            yield to_unit(pixels), torch.as_tensor(labels)


class Whole(IterableDataset[Batch]):
    """All images of a split in file order."""

    def __init__(self, shards: ShardFolder, batch_size: int) -> None:
        super().__init__()
        self.shards, self.batch_size = shards, batch_size

    def __len__(self) -> int:
        return sum(math.ceil(size / self.batch_size) for size in self.shards.sizes)

    def __iter__(self) -> Iterator[Batch]:
        for _, pixels, labels in shard_batches(self.shards, self.batch_size):
            yield to_unit(pixels), torch.as_tensor(labels.astype(np.int64))


class Feed(lightning.LightningDataModule):
    """Gives a fresh training epoch every time Lightning asks for one (`reload_dataloaders_every_n_epochs=1`)."""

    def __init__(self, train: ShardFolder, val: ShardFolder, plan: pl.DataFrame, recipe: Member, window: int) -> None:
        super().__init__()
        self.train, self.val, self.plan = train, val, plan
        self.recipe, self.window = recipe, window

    @property
    def steps_per_epoch(self) -> int:
        return batches_in(len(self.plan), self.recipe.batch_size)

    def train_dataloader(self) -> DataLoader[Batch]:
        epoch = self.trainer.current_epoch if self.trainer else 0
        seed = derived_seed(self.recipe.seed, epoch)
        plan = draw_evenly(self.plan, seed) if self.recipe.resample.weighted else self.plan
        return DataLoader(Epoch(self.train, plan, self.recipe.batch_size, self.window, seed), batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(Whole(self.val, self.recipe.batch_size), batch_size=None)
