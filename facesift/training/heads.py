"""Training of heads on features: all rows in memory, so it takes seconds; losses and optimisers as for networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from facesift.config.members import Head, Member
from facesift.core.errors import FacesiftError
from facesift.networks.feature_head import FeatureHead
from facesift.sampling.plan_images import PlanImages
from facesift.shards.index import FeatureCard
from facesift.shards.reading import ShardFolder
from facesift.training.losses import make_loss, with_prior, without_smoothing
from facesift.training.optimizer import make_optimizer
from facesift.training.schedule import learning_rate_factor

HISTORY = 20  # pairs of steps and gradients that L-BFGS keeps
Figures = list[dict[str, float]]


@dataclass(frozen=True)
class Rows:
    """Features with their labels.

    Attributes:
        features: (n, width) float32.
        labels: class numbers (n,).
    """

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class FittedHead:
    """A fitted head.

    Attributes:
        head: the head, in evaluation mode.
        best_epoch: number of the epoch that is kept, counted from 1.
        epochs: figures of every epoch; L-BFGS has one.
    """

    head: FeatureHead
    best_epoch: int
    epochs: Figures


def plan_rows(shards: ShardFolder, plan: pl.DataFrame) -> tuple[Rows, Rows]:
    """Read the features of a sampling plan.

    Args:
        shards: features of the training split.
        plan: a sampling plan for them; its column `vector`, if it has one, holds features that a sampler made.

    Returns:
        The plan's rows, and the damaged copies of those that are originals: they are learned from beside them.
    """
    plan = plan if "vector" in plan.columns else plan.with_columns(vector=pl.lit(None, pl.List(pl.Float32)))
    made = plan["vector"].is_not_null()
    read = plan.filter(~made).drop("vector")
    features, labels = PlanImages(shards, read).batch(np.arange(read.height), 0)
    if made.any():
        more = plan.filter(made)
        features = np.concatenate([features, np.stack(more["vector"].to_list()).astype(np.float32)])
        labels = np.concatenate([labels, more["label"].to_numpy()])
    own = read.filter(~pl.col("synthetic"))
    parts = [
        copies_of(shards.copies(shard)[held["row"].to_numpy()], held["label"].to_numpy())
        for shard in range(len(shards.sizes))
        if (held := own.filter(pl.col("shard") == shard)).height
    ]
    empty = rows_of(features[:0], labels[:0])
    features_of_copies, labels_of_copies = zip(*((each.features, each.labels) for each in [empty, *parts]), strict=True)
    return rows_of(features, labels), Rows(torch.cat(features_of_copies), torch.cat(labels_of_copies))


def rows_of(features: NDArray[np.floating], labels: NDArray[np.integer]) -> Rows:
    """Make rows of features (n, width) and class numbers (n,)."""
    return Rows(torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels.astype(np.int64)))


def copies_of(values: NDArray[np.float16], labels: NDArray[np.integer]) -> Rows:
    """Make rows of the damaged copies of n images.

    Args:
        values: features of each image and its copies, (n, 1 + copies, width).
        labels: class numbers (n,).
    """
    copies = values[:, 1:]
    return rows_of(copies.reshape(-1, copies.shape[-1]), np.repeat(labels, copies.shape[1]))


def held_rows(shards: ShardFolder) -> Rows:
    """Read the features of a whole split, without copies."""
    numbers = range(len(shards.sizes))
    features = np.concatenate([shards.values(shard) for shard in numbers]).astype(np.float32)
    return rows_of(features, np.concatenate([shards.labels(shard) for shard in numbers]))


def fit_head(  # noqa: PLR0913, PLR0917  all of it decides the head
    name: str, recipe: Member, card: FeatureCard, classes: int, rows: tuple[Rows, Rows], val: Rows | None
) -> FittedHead:
    """Fit a head by its recipe.

    Args:
        name: name of the member, for messages.
        recipe: its recipe; `architecture` is a `Head`.
        card: what the features consist of.
        classes: number of classes.
        rows: what it learns from, and damaged copies; the first alone decide how features are standardised.
        val: validation images, by whose loss an epoch is chosen; None: the last epoch is kept.

    Returns:
        The head at the epoch that `recipe.keep` names.

    Raises:
        FacesiftError: when the features lack a view, or the loss is not a number.
        TypeError: when the recipe is not that of a head.
    """
    spec = recipe.architecture
    if not isinstance(spec, Head):
        raise TypeError(f"{name} is no head")
    counts = torch.bincount(rows[0].labels, minlength=classes).tolist()
    recipe = recipe.model_copy(update={"loss": with_prior(recipe.loss, counts)})
    torch.manual_seed(recipe.seed)
    head = FeatureHead(spec, card.blocks, classes)
    original, copies = rows
    head.standardise(original.features)
    inputs = torch.cat([head.standardised(part.features) for part in rows])
    data = Rows(inputs, torch.cat([original.labels, copies.labels]))
    held = None if val is None else Rows(head.standardised(val.features), val.labels)
    if recipe.optimizer.name == "lbfgs":
        return _fit_at_once(name, head, recipe, data, held)
    return _fit_in_steps(name, head, recipe, data, held)


def _fit_at_once(name: str, head: FeatureHead, recipe: Member, data: Rows, held: Rows | None) -> FittedHead:
    """Minimise the mean loss plus an L2 penalty by L-BFGS (Liu and Nocedal 1989) over all rows."""
    layers, loss = head.layers.eval(), make_loss(recipe.loss, head.classes, name)
    weights = [parameter for key, parameter in layers.named_parameters() if key.endswith("weight")]
    optimizer = torch.optim.LBFGS(
        layers.parameters(), recipe.optimizer.lr, recipe.epochs, tolerance_grad=1e-6, tolerance_change=1e-9,
        history_size=HISTORY, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        penalty = sum((weight**2).sum() for weight in weights)
        value = loss(layers(data.features), data.labels) + recipe.optimizer.weight_decay / 2 * penalty
        _check_finite(name, float(value.detach()))
        value.backward()
        return value

    optimizer.step(closure)
    figures = _figures(name, head, recipe, data, held)
    return FittedHead(head.eval(), 1, [figures])


def _fit_in_steps(name: str, head: FeatureHead, recipe: Member, data: Rows, held: Rows | None) -> FittedHead:
    """Train by batches, and keep the epoch of the lowest validation loss, or the last."""
    loss, optimizer = make_loss(recipe.loss, head.classes, name), make_optimizer(head, recipe.optimizer)
    steps = -(-len(data) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(recipe.schedule, step, steps, recipe.epochs)
    )
    history: Figures = []
    by_loss = recipe.keep == "lowest_loss" and held is not None
    lowest = 0  # the epoch of the lowest validation loss
    best: tuple[float, int, dict[str, Tensor]] | None = None
    for epoch in range(recipe.epochs):
        head.layers.train()
        for rows in _batches(len(data), recipe.batch_size, recipe.seed, epoch):
            optimizer.zero_grad()
            loss(head.layers(data.features[rows]), data.labels[rows]).backward()
            optimizer.step()
            schedule.step()
        history.append(_figures(name, head, recipe, data, held))
        reached = history[-1]["val_loss"] if by_loss else -epoch
        if held is not None and history[-1]["val_loss"] < history[lowest]["val_loss"]:
            lowest = epoch
        if best is None or reached < best[0]:
            best = reached, epoch, {key: value.clone() for key, value in head.state_dict().items()}
        if recipe.early_stopping and held is not None and epoch - lowest >= recipe.early_stopping:
            break
    assert best is not None  # noqa: S101  there is one epoch at least
    head.load_state_dict(best[2])
    return FittedHead(head.eval(), best[1] + 1, history)


def _batches(rows: int, size: int, seed: int, epoch: int) -> Iterator[Tensor]:
    order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(rows))
    yield from order.split(size)


@torch.inference_mode()
def _figures(name: str, head: FeatureHead, recipe: Member, data: Rows, held: Rows | None) -> dict[str, float]:
    """Return losses and accuracies, as those of networks are called; `FacesiftError` for a loss that is no number."""
    head.layers.eval()
    figures = {}
    for prefix, rows, spec in (("train", data, recipe.loss), ("val", held, without_smoothing(recipe.loss))):
        if rows is not None:
            logits = head.layers(rows.features)
            figures[f"{prefix}_loss"] = float(make_loss(spec, head.classes, name)(logits, rows.labels))
            figures[f"{prefix}_accuracy"] = float((logits.argmax(dim=1) == rows.labels).float().mean())
    _check_finite(name, figures["train_loss"])
    return figures


def _check_finite(name: str, loss: float) -> None:
    if not np.isfinite(loss):
        raise FacesiftError(f"members.{name}: the loss is {loss}; a lower optimizer.lr may help")
