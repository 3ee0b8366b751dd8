"""The stacked ensemble as it was published: trained on the members' outputs for the re-sampled training images.

The members have seen those images, so it learns from outputs that look better than they are; fitting on held-out
outputs (`stacking.out_of_fold`) is the default.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import nn

from facesift.committee.stacking import Stacker, stack_features
from facesift.data.shards import ShardFolder
from facesift.errors import FacesiftError
from facesift.params import Stack
from facesift.sampling.batches import plan_batches
from facesift.storage import read_parquet_metadata, sha256
from facesift.training.module import make_optimizer
from facesift.training.preprocessing import standardise, to_unit
from facesift.training.weights import load_network


def load_members(models: Path, scores: Path, members: list[str]) -> list[nn.Module]:
    """Load each member's network; `FacesiftError` when the weights are not those that gave its scores."""
    for member in members:
        weights = models / f"{member}.safetensors"
        expected = read_parquet_metadata(scores / f"{member}.parquet").get("weights_sha256")
        if not weights.is_file() or sha256(weights) != expected:
            raise FacesiftError(f"{weights}: not the weights that gave {member}'s scores; `dvc checkout {weights}`")
    return [load_network(models / f"{member}.safetensors")[0] for member in members]


@torch.inference_mode()
def plan_features(
    networks: list[nn.Module], shards: ShardFolder, plan: pl.DataFrame, spec: Stack, window: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features (rows, 2 x members) and labels (rows,) of the plan's images."""
    features, truth = [], []
    for pixels, labels in plan_batches(shards, plan, spec.batch_size, window, spec.seed):
        images = standardise(to_unit(pixels))
        features.append(stack_features([network(images).numpy() for network in networks]))
        truth.append(labels)
    return np.concatenate(features), np.concatenate(truth)


def train_stacker(features: NDArray[np.float64], labels: NDArray[np.int64], spec: Stack) -> Stacker:
    """Train the linear layer by cross entropy with `spec.optimizer` over `spec.epochs` shuffled passes."""
    torch.manual_seed(spec.seed)
    layer = nn.Linear(features.shape[1], 2, dtype=torch.float64)
    optimizer = make_optimizer(layer, spec.optimizer)
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    for _ in range(spec.epochs):
        for rows in torch.randperm(len(targets)).split(spec.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(layer(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    return Stacker(weight=layer.weight.detach().numpy(), bias=layer.bias.detach().numpy())
