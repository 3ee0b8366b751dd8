"""The benches of `make bench`: for each of them our way, and a real other way to the same result.

Each bench imports what it alone needs when it is prepared.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image

from bench.shards import draw
from bench.toy import ROOT, compose_study
from facesift.config.data import Ingest, Source
from facesift.config.params import Params, parse_params
from facesift.core.classes import BINARY, Classes
from facesift.core.parallel import ONE_PROCESS
from facesift.datasets.examination import examine_files
from facesift.datasets.hash_search import close_pairs
from facesift.datasets.layouts import Layout
from facesift.datasets.manifest import build_manifest
from facesift.images.formats import FORMATS
from facesift.sampling.batches import shard_batches
from facesift.sampling.plans import make_plan
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder

SIZE, BATCH = 64, 32
BUNDLE = ROOT / "models/committee"
Way = Callable[[], float]  # runs once, and returns seconds, bytes or megabytes
SOURCE = Source(
    layout="class_folders",
    within="*",
    folder=None,
    label=None,
    csv=None,
    group=None,
    exclude=[],
    columns=None,
    aliases={},
)


@dataclass(frozen=True)
class Bench:
    """A comparison.

    Attributes:
        what: what is compared, in a few words.
        ours: our way, in a few words.
        theirs: the other way.
        prepare: makes the data in a folder, in a size, and returns both ways.
        full: size of `make bench`, mostly images.
        small: size of `make bench-small`.
        unit: of the amounts.
        needs: a file without which the bench is left out.
    """

    what: str
    ours: str
    theirs: str
    prepare: Callable[[Path, int], tuple[Way, Way]]
    full: int
    small: int
    unit: str = "s"
    needs: Path | None = None


def timed(work: Callable[[], object]) -> Way:
    """Make a way of something that is timed."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run


def _decode(paths: Iterable[Path]) -> None:
    for path in paths:
        with Image.open(path) as image:
            np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _raw(room: Path, images: int) -> tuple[pl.DataFrame, list[Path]]:
    rows = draw(room / "raw", images)
    return rows, [room / "raw" / name for name in rows["path"]]


def _shard(room: Path, rows: pl.DataFrame, out: str = "train") -> ShardFolder:
    build_split(room / out, rows, RawImageReader(room / "raw", SIZE, 10**8), Sharding(256, 0, ONE_PROCESS))
    return ShardFolder(room / out)


def building(room: Path, images: int) -> tuple[Way, Way]:
    """Build shards; the floor is decoding and resizing alone."""
    rows, paths = _raw(room, images)
    return timed(lambda: _shard(room, rows)), timed(lambda: _decode(paths))


def loading(room: Path, images: int) -> tuple[Way, Way]:
    """Read one epoch in batches: shards, and ImageFolder with a DataLoader."""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    rows, paths = _raw(room, images)
    shards = _shard(room, rows)
    for path, label in zip(paths, rows["label"], strict=True):
        (room / "classes" / label).mkdir(parents=True, exist_ok=True)
        path.rename(room / "classes" / label / path.name)
    change = transforms.Compose([transforms.Resize((SIZE, SIZE)), transforms.ToTensor()])
    loader = DataLoader(ImageFolder(room / "classes", change), batch_size=BATCH)
    return timed(lambda: list(shard_batches(shards, BATCH))), timed(lambda: list(loader))


def loading_mapped(room: Path, images: int) -> tuple[Way, Way]:
    """Read one epoch in batches; the floor is a numpy memmap of the same pixels."""
    shards = _shard(room, _raw(room, images)[0])
    whole = np.concatenate([shards.pixels(shard) for shard in range(len(shards.sizes))])
    np.save(room / "pixels.npy", whole)
    mapped = np.load(room / "pixels.npy", mmap_mode="r")
    starts = range(0, len(mapped), BATCH)
    floor = timed(lambda: [np.asarray(mapped[start : start + BATCH], np.float32) for start in starts])
    return timed(lambda: list(shard_batches(shards, BATCH))), floor


def _recipe(name: str = "convnext2") -> tuple[Params, Any]:
    params = parse_params(compose_study("study=portraits"))
    member = params.members[name]
    return params, member.model_copy(update={"batch_size": BATCH})


def plans(room: Path, images: int) -> tuple[Way, Way]:
    """Re-sample with SMOTE: a plan's bytes, and those of the images that imbalanced-learn returns."""
    from imblearn.over_sampling import SMOTE

    shards, (_, member) = _shard(room, _raw(room, images)[0]), _recipe()
    resample = member.resample.model_copy(update={"scope": "split", "smote": 1.0, "undersample": None, "neighbours": 3})

    def plan() -> float:
        make_plan(shards, resample, 0).write_parquet(room / "plan.parquet")
        return float((room / "plan.parquet").stat().st_size)

    def matrix() -> float:
        numbers = range(len(shards.sizes))
        pixels = np.concatenate([shards.pixels(each) for each in numbers]).reshape(shards.images, -1)
        labels = np.concatenate([shards.labels(each) for each in numbers])
        made, _ = SMOTE(k_neighbors=3, random_state=0).fit_resample(pixels.astype(np.float32), labels)
        return float(made.nbytes)

    return plan, matrix


MEMORY = """
import resource, sys
from pathlib import Path
import polars as pl
from facesift.core.parallel import ONE_PROCESS
from facesift.shards.building import RawImageReader, Sharding, build_split
room = Path(sys.argv[1])
rows = pl.read_parquet(room / "rows.parquet")
build_split(room / "train", rows, RawImageReader(room / "raw", 64, 10**8), Sharding(256, 0, ONE_PROCESS))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
"""


def memory(room: Path, images: int) -> tuple[Way, Way]:
    """Peak memory of building shards from four times the images; the floor is that of the images once."""

    def peak(name: str, count: int) -> Way:
        (room / name).mkdir()
        _raw(room / name, count)[0].write_parquet(room / name / "rows.parquet")
        command = [sys.executable, "-c", MEMORY, str(room / name)]
        return lambda: float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)  # noqa: S603

    return peak("four", 4 * images), peak("one", images)


def ingest(room: Path, images: int) -> tuple[Way, Way]:
    """Read, check, hash and describe raw files; the floor is decoding them."""
    _, paths = _raw(room, images)
    (room / "set/real").mkdir(parents=True)
    for path in paths:
        path.rename(room / "set/real" / path.name)
    found, layouts = sorted((room / "set/real").iterdir()), {"made": Layout(SOURCE)}
    limits = Ingest(max_bad_fraction=0, max_pixels=10**8, max_bytes=10**8, formats=[*FORMATS])

    def decode() -> None:
        for path in found:
            with Image.open(path) as image:
                image.convert("RGB")

    examined = timed(lambda: build_manifest(examine_files(room / "set", layouts, limits, ONE_PROCESS, lambda _: None)))
    return examined, timed(decode)


def near_duplicates(_: Path, images: int) -> tuple[Way, Way]:
    """Find close pairs among hashes, and by counting the bits of every pair with numpy."""
    rng = np.random.default_rng(0)
    words = np.packbits(rng.random((images, 256)) < rng.choice([0.25, 0.75], 256), axis=1).view(np.uint64)

    def count() -> None:
        for row in range(images):
            np.flatnonzero(np.bitwise_count(words[row] ^ words[row + 1 :]).sum(axis=1) <= 48)

    return timed(lambda: close_pairs(words, 48)), timed(count)


def _network() -> Any:
    from facesift.config.members import Architecture
    from facesift.networks.architectures import build_network

    _, member = _recipe()
    architecture = member.architecture.model_dump() | {"name": "timm:test_convnext", "arguments": {}}
    architecture |= {"pretrained": False, "checkpoint": None, "package": None}
    return build_network(Architecture(**architecture), len(BINARY), 0, SIZE).eval()


def damage(room: Path, images: int) -> tuple[Way, Way]:
    """Score damaged images with four members: each image damaged once, and once for each member."""
    from functools import partial

    from facesift.config.damage import Corruption
    from facesift.images.damage import corrupt
    from facesift.networks.scoring import ShardScorer, network_scorer

    shards, scorer = _shard(room, _raw(room, images)[0]), network_scorer(_network(), torch.device("cpu"))
    scorers, classes = {str(number): scorer for number in range(4)}, Classes(BINARY, BINARY[-1])
    change = partial(corrupt, corruption=Corruption(kind="jpeg", strength=50))

    def score(some: list[str]) -> None:
        members = {name: scorers[name] for name in some}
        list(ShardScorer(members, dict.fromkeys(some, BATCH), shards, classes).score_shards([change]))

    return timed(lambda: score(list(scorers))), timed(lambda: [score([name]) for name in scorers])


def graph(room: Path, _: int) -> tuple[Way, Way]:
    """Write a committee's graph again, as after a change of the rule: kept, and traced."""
    from facesift.bundle.kept_graphs import graph_key, kept_graph
    from facesift.bundle.onnx_graph import export_graph

    module = _Scoring(_network()).eval()
    (room / "weights").write_bytes(b"0")

    def trace(path: Path) -> None:
        export_graph(path, {"one": module, "two": module}, SIZE)

    def kept() -> None:
        key = graph_key({"one": room / "weights"}, {"image_size": SIZE})
        kept_graph(room / "store", key, room / "kept.onnx", trace)

    return timed(kept), timed(lambda: trace(room / "traced.onnx"))


class _Scoring(torch.nn.Module):
    """A network on bytes."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(pixels.permute(0, 3, 1, 2).float() / 255)
        return logits


def start(_: Path, runs: int) -> tuple[Way, Way]:
    """Import what the stages vote and operate need; the floor is tables, the schema and special functions."""
    return _imports("stages.vote, stages.operate", runs), _imports("polars, pydantic, yaml, scipy.special", runs)


def _imports(names: str, runs: int) -> Way:
    def run() -> None:
        for _ in range(runs):
            subprocess.run([sys.executable, "-c", f"import {names}"], cwd=ROOT, check=True)  # noqa: S603

    return timed(run)


def screening(room: Path, images: int) -> tuple[Way, Way]:
    """Decide files with the bundle of models/committee, and with a loop over its members in eager torch."""
    from facesift.networks.weights import load_scorer
    from facesift.screening.committee import Committee

    _, paths = _raw(room, images)
    committee = Committee.load(BUNDLE, threads=1)
    size = committee.card.image.image_size
    members = [load_scorer(BUNDLE / member.file) for member in committee.card.members]

    def loop() -> None:
        for first in range(0, len(paths), BATCH):
            opened = (Image.open(path).convert("RGB") for path in paths[first : first + BATCH])
            pixels = np.stack([np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in opened])
            np.mean([member(pixels.astype(np.float32)) for member in members], axis=0)

    return timed(lambda: list(committee.screen(paths, BATCH, workers=1))), timed(loop)


def epoch(room: Path, images: int) -> tuple[Way, Way]:
    """Train an epoch on a SMOTE plan with augmentation, and run the bare steps on pixels in memory."""
    from facesift.training.member import TrainingData, train_member

    params, member = _recipe()
    shards = _shard(room, _raw(room, images)[0])
    resample = member.resample.model_copy(update={"scope": "split", "smote": 0.5, "undersample": None, "neighbours": 3})
    plain = member.architecture.model_copy(update={"name": "timm:test_convnext", "pretrained": False, "package": None})
    recipe = member.model_copy(update={"resample": resample, "architecture": plain})
    plan = make_plan(shards, resample, 0)
    val, runs = _val(room), iter(range(10**6))

    def seconds(epochs: int) -> float:
        data = TrainingData(shards, val, plan, params.class_names)
        longer, folder = recipe.model_copy(update={"epochs": epochs}), room / f"run{next(runs)}"
        return timed(lambda: train_member("one", longer, params.trainer, data, folder))()

    network, pixels = _network().train(), torch.rand(BATCH, 3, SIZE, SIZE)
    optimizer, labels = torch.optim.AdamW(network.parameters(), fused=True), torch.zeros(BATCH, dtype=torch.long)

    def steps() -> None:
        for _ in range(plan.height // BATCH):
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(network(pixels), labels).backward()
            optimizer.step()

    return lambda: (seconds(3) - seconds(1)) / 2, timed(steps)


def _val(room: Path) -> ShardFolder:
    """Shards of a few images to validate on."""
    (room / "val").mkdir()
    rows = draw(room / "val/raw", 4 * BATCH)
    reader = RawImageReader(room / "val/raw", SIZE, 10**8)
    build_split(room / "val/val", rows, reader, Sharding(256, 0, ONE_PROCESS))
    return ShardFolder(room / "val/val")


BENCHES = {
    "building": Bench("shards against the decode floor", "shards", "decoding alone", building, 4000, 200),
    "loading": Bench("an epoch read", "shards", "ImageFolder, DataLoader", loading, 4000, 400),
    "mapped": Bench("an epoch read", "shards", "numpy memmap", loading_mapped, 16000, 1000),
    "plans": Bench("bytes after SMOTE", "plan", "imbalanced-learn", plans, 4000, 1000, unit="bytes"),
    "memory": Bench("peak of 4 times the images", "4 x images", "1 x images", memory, 4000, 300, unit="MB"),
    "ingest": Bench("raw files examined", "ingest", "decoding alone", ingest, 4000, 200),
    "near_duplicates": Bench("close pairs", "products of matrices", "bits counted", near_duplicates, 9999, 3000),
    "damage": Bench("damaged images scored by 4 members", "damaged once", "once a member", damage, 500, 64),
    "graph": Bench("the graph after a change of rule", "kept", "traced", graph, 1, 1),
    "start": Bench("start of vote and operate", "their imports", "tables and schema alone", start, 5, 1),
    "screening": Bench(
        "files decided", "facesift screen", "loop in eager torch", screening, 2000, 200, needs=BUNDLE / "bundle.json"
    ),
    "epoch": Bench("a training epoch", "Lightning, plan, augmentation", "bare steps", epoch, 4000, 1000),
}
