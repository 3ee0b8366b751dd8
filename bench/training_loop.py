"""Time an epoch of training against the bare loop of forward, backward and step: `python -m bench.training_loop`.

The bare loop has its images ready, normalised and in memory, and does nothing but what no training can do without. Ours
is `training.fit.fit_member` as the pipeline calls it: it reads shards, makes SMOTE's images from the plan, augments,
normalises, computes the figures of the epoch and writes its checkpoints. Validation is left out of the time. Network,
optimiser, batch size and number of steps are the same, and both are timed in turns within one run. On a machine that
does other work beside, take the ratio of the processor's time: all work is done in one process.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import torch
import typer
from numpy.typing import NDArray

from bench.toy import compose_study
from facesift.config.members import Member
from facesift.config.params import Params, parse_params
from facesift.core.classes import BINARY
from facesift.networks.initialisation import initialise_network
from facesift.sampling.plans import make_plan
from facesift.shards.index import write_index
from facesift.shards.reading import ShardFolder
from facesift.shards.writing import write_shard
from facesift.training.data_module import MemberDataModule
from facesift.training.fit import fit_member
from facesift.training.lightning_module import MemberModule
from facesift.training.optimizer import make_optimizer
from workflow.dvc_command import run_script

MEMBER = "convnext1"  # SMOTE(1.0)
EPOCHS = 3  # the first one is not timed
RARE = 40  # one image in so many is fake


Seconds = NDArray[np.float64]  # that passed, and that the processor worked for this process


def clocks() -> Seconds:
    """Read both clocks."""
    return np.array([time.perf_counter(), time.process_time()])


class TimedModule(MemberModule):
    """Notes when an epoch's training begins and ends."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.seconds: list[Seconds] = []
        self.since = clocks()

    def on_validation_epoch_start(self) -> None:
        self.seconds.append(clocks() - self.since)

    def on_train_start(self) -> None:
        self.since = clocks()

    def on_validation_end(self) -> None:
        self.since = clocks()


def write_noise(folder: Path, shards: int, images: int, size: int) -> ShardFolder:
    """Write shards of noise, one image in `RARE` of them fake."""
    folder.mkdir(parents=True)
    entries = []
    for number in range(shards):
        rng = np.random.default_rng(number)
        fake = np.arange(images) % RARE == 0
        ids = [f"{number:016x}{row:016x}" for row in range(images)]
        rows = pl.DataFrame({"image_id": ids, "source": "noise", "label": np.where(fake, "fake", "real")})
        pixels = rng.integers(0, 256, (images, size, size, 3), np.uint8)
        entries.append(write_shard(folder / f"{number:05d}.h5", rows, iter(pixels), 64, BINARY))
    write_index(folder, size, entries, BINARY)
    return ShardFolder(folder)


def our_epoch(params: Params, recipe: Member, data: MemberDataModule) -> Seconds:
    """Train for some epochs; return the seconds of one, without validation."""
    network = initialise_network(recipe.network, 2, recipe.seed, params.data.image_size)
    module = TimedModule(network, recipe, data.steps_per_epoch, params.class_names, MEMBER)
    with tempfile.TemporaryDirectory() as folder:
        fit_member(MEMBER, module, params.trainer, data, Path(folder))
    return np.mean(module.seconds[1:], axis=0)


def bare_epoch(params: Params, recipe: Member, steps: int) -> Seconds:
    """Run as many steps on a few batches that are ready; return the seconds."""
    network = initialise_network(recipe.network, 2, recipe.seed, params.data.image_size)
    optimizer = make_optimizer(network, recipe.optimizer)
    size = params.data.image_size
    batches = torch.randn(8, recipe.batch_size, 3, size, size)
    labels = torch.randint(0, 2, (8, recipe.batch_size))
    for number in range(-5, steps):
        if not number:
            start = clocks()
        loss = torch.nn.functional.cross_entropy(network(batches[number % 8]), labels[number % 8])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return clocks() - start


def main(
    images: Annotated[int, typer.Option(help="training images")] = 2048,
    pairs: Annotated[int, typer.Option(help="how often each is timed")] = 5,
) -> None:
    """Time both in turns; print seconds, ratios, and the median ratio."""
    params = parse_params(compose_study("portraits"))
    recipe = params.members[MEMBER].model_copy(update={"epochs": EPOCHS})
    with tempfile.TemporaryDirectory() as folder:
        train = write_noise(Path(folder) / "train", 4, images // 4, params.data.image_size)
        val = write_noise(Path(folder) / "val", 1, 64, params.data.image_size)
        plan = make_plan(train, recipe.resample, recipe.seed, MEMBER)
        data = MemberDataModule(train, val, plan, recipe, params.class_names, params.trainer.window_shards)
        ratios = []
        for _ in range(pairs):
            bare, ours = bare_epoch(params, recipe, data.steps_per_epoch), our_epoch(params, recipe, data)
            ratios.append(bare / ours)
            print(f"seconds (processor): bare {_pair(bare)}, ours {_pair(ours)}: {_pair(ratios[-1])}", flush=True)
    low, middle, high = np.min(ratios, axis=0), np.median(ratios, axis=0), np.max(ratios, axis=0)
    print(f"{data.steps_per_epoch} steps, {torch.get_num_threads()} threads: {_pair(middle)}")
    print(f"lowest {_pair(low)}, highest {_pair(high)}")


def _pair(seconds: Seconds) -> str:
    return f"{seconds[0]:.2f} ({seconds[1]:.2f})"


if __name__ == "__main__":
    run_script(main)
