"""Train the networks of bench/gpu.py: by a recipe, on images in the device's memory, for a limited time."""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bench.gpu_batches import Batches, BestWeights, Speed, now
from bench.packed_faces import Faces
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.networks.head import head_names
from facesift.networks.initialisation import initialise_network
from facesift.networks.preprocessing import to_unit
from facesift.training.callbacks import History
from facesift.training.lightning_module import MemberModule

SCORED = 128  # images of a batch when scoring
NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and how its training went.

    Attributes:
        module: with the weights of the epoch that is kept, on the CPU.
        epochs: passes over the sampling plan that were done; a part of one counts.
        kept: number of the epoch that is kept, counted from 1.
        seconds: that training and validation took.
        images_per_second: of training alone, without the first steps.
        memory: most memory of the device in use, in GB; None on a CPU.
        history: figures of every epoch.
    """

    module: MemberModule
    epochs: float
    kept: int
    seconds: float
    images_per_second: float
    memory: float | None
    history: list[dict[str, float]]


class Enlarged(nn.Module):
    """A network behind bilinear resizing to the side in pixels that it was made for."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network, self.side = network, side

    def forward(self, images: Tensor) -> Tensor:
        """Map images (b, 3, h, w) to logits (b, classes)."""
        resized = interpolate(images, (self.side, self.side), mode="bilinear", align_corners=False)
        logits: Tensor = self.network(resized)
        return logits


def norm_tuned(recipe: Any, classes: int) -> nn.Module:
    """Build a backbone of timm of which norms and head alone learn.

    Args:
        recipe: its recipe; `architecture` says which backbone and which first weights.
        classes: number of logits.

    Raises:
        FacesiftError: for a network that has no LayerNorm, GroupNorm or RMSNorm.
    """
    from timm.models import get_pretrained_cfg  # noqa: PLC0415  takes seconds

    name = recipe.architecture.name
    published = get_pretrained_cfg(name.removeprefix("timm:"))
    side = int(published.input_size[-1]) if published else 224
    network = initialise_network(recipe.architecture, classes, recipe.seed, side)
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    if not norms:
        raise FacesiftError(f"{name}: has no LayerNorm, GroupNorm or RMSNorm; choose a ViT or ConvNeXt of timm")
    learning, head = {id(each) for norm in norms for each in norm.parameters()}, head_names(network)
    for key, parameter in network.named_parameters():
        parameter.requires_grad = id(parameter) in learning or key in head
    return Enlarged(network, side)


def device() -> torch.device:
    """Return the GPU, or the CPU where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision() -> str:
    """Return Lightning's precision: bfloat16 with float32 weights on a GPU; on CPUs bfloat16 is far slower."""
    return "bf16-mixed" if torch.cuda.is_available() else "32-true"


def train_network(  # noqa: PLR0913, PLR0917
    name: str, network: nn.Module, recipe: Any, images: Faces, val: Faces, classes: Classes, seconds: float
) -> TrainedNetwork:
    """Train a network by its recipe until its epochs are done or the time is up; it is validated in both cases.

    Args:
        name: for messages.
        network: maps normalised images to logits. It is changed in place.
        recipe: the fields of `facesift.config.members.Member`.
        images: those of the sampling plan, of `packed_faces.training_images`.
        val: the validation images.
        classes: names of the classes.
        seconds: that it may take.

    Raises:
        FacesiftError: when the loss is not a number.
    """
    _quiet()
    batches, held_out = _batches(images, recipe.batch_size, recipe.seed), _batches(val, recipe.batch_size, None)
    module = MemberModule(network, recipe, len(batches), classes, name)
    history, best, speed = History(name), BestWeights(recipe.keep), Speed()
    on_gpu = device().type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    trainer = _trainer(recipe.epochs, seconds, [history, best, speed])
    trainer.fit(module, batches, held_out)
    took = time.perf_counter() - start
    module.trainer = None  # it holds the optimiser and the images
    module.load_state_dict(best.weights)
    return TrainedNetwork(
        module=module.cpu().eval(),
        epochs=trainer.global_step / len(batches),
        kept=best.epoch,
        seconds=took,
        images_per_second=speed.images / speed.seconds,
        memory=torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None,
        history=history.epochs,
    )


def _batches(faces: Faces, batch_size: int, seed: int | None) -> Batches:
    pixels, labels = (torch.from_numpy(each).to(device()) for each in (faces.pixels, faces.labels))
    return Batches(pixels, labels, batch_size, seed)


def _trainer(epochs: int, seconds: float, callbacks: list[pl.Callback]) -> pl.Trainer:
    return pl.Trainer(
        accelerator="gpu" if device().type == "cuda" else "cpu",
        devices=1,
        precision=precision(),
        max_epochs=epochs,
        max_time=timedelta(seconds=seconds),
        callbacks=callbacks,
        benchmark=True,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _quiet() -> None:
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for hint in ("does not have many workers", "IterableDataset", "treespec", "Grad strides do not match"):
        warnings.filterwarnings("ignore", message=f".*{hint}.*")


@torch.inference_mode()
def score(module: MemberModule, faces: Faces, positive: int) -> tuple[NDArray[np.float64], float]:
    """Score images in float32.

    Args:
        module: a trained network with two classes.
        faces: n images.
        positive: number of the class that is looked for.

    Returns:
        Log odds of that class, (n,), and images per second.
    """
    place = device()
    module.to(place).eval()
    start = now()
    parts = [
        module(to_unit(torch.from_numpy(faces.pixels[first : first + SCORED]).to(place))).double().cpu()
        for first in range(0, len(faces.labels), SCORED)
    ]
    seconds = now() - start
    module.cpu()
    logits = torch.cat(parts).numpy()
    return logits[:, positive] - logits[:, 1 - positive], len(logits) / seconds
