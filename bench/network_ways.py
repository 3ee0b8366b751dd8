"""Benches of networks and of the exported committee. Each imports what it alone needs when it is prepared."""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.shards import draw
from bench.ways import BATCH, BUNDLE, SIZE, Way, raw_images, recipe, shards_of, timed
from facesift.bundle.runtimes import open_session
from facesift.cli.bench_graphs import FP32, TimedGraph, bundle_graph, graphs_to_time, quantised
from facesift.core.classes import BINARY, Classes
from facesift.core.parallel import ONE_PROCESS
from facesift.sampling.plans import make_plan
from facesift.screening.committee import Committee
from facesift.shards.building import RawImageReader, Sharding, build_split
from facesift.shards.reading import ShardFolder

RIGHT = 0.97  # share of images on which a made-up member is right
KEPT = 20  # times that a kept graph is taken, which is over in a moment


def _network() -> Any:
    from facesift.config.members import Architecture
    from facesift.networks.architectures import build_network

    _, member = recipe()
    architecture = member.architecture.model_dump() | {"name": "timm:test_convnext", "arguments": {}}
    architecture |= {"pretrained": False, "checkpoint": None, "package": None}
    return build_network(Architecture(**architecture), len(BINARY), 0, SIZE).eval()


def damage(room: Path, images: int) -> tuple[Way, Way]:
    """Score damaged images with four members: each image damaged once, and once for each member."""
    from functools import partial

    from facesift.config.damage import Corruption
    from facesift.images.damage import corrupt
    from facesift.networks.scoring import ShardScorer, network_scorer

    shards, scorer = shards_of(room, raw_images(room, images)[0]), network_scorer(_network(), torch.device("cpu"))
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

    return timed(kept, KEPT), timed(lambda: trace(room / "traced.onnx"))


class _Scoring(torch.nn.Module):
    """A network on bytes."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(pixels.permute(0, 3, 1, 2).float() / 255)
        return logits


def screening(room: Path, images: int) -> tuple[Way, Way]:
    """Decide files with the bundle of models/committee, and with a loop over its members in eager torch."""
    _, paths = raw_images(room, images)
    committee = Committee.load(BUNDLE, threads=1)
    return timed(lambda: list(committee.screen(paths, BATCH, workers=1))), timed(_eager_loop(committee, paths, BATCH))


def single(room: Path, images: int) -> tuple[Way, Way]:
    """Decide files one at a time, and with a loop over the members in eager torch."""
    _, paths = raw_images(room, images)
    committee = Committee.load(BUNDLE, threads=1)

    def decide() -> None:
        for path in paths:
            committee.decide(path)

    return timed(decide), timed(_eager_loop(committee, paths, 1))


def _eager_loop(committee: Committee, paths: list[Path], batch: int) -> Callable[[], None]:
    from facesift.networks.weights import load_scorer

    size = committee.card.image.image_size
    members = [load_scorer(BUNDLE / member.file) for member in committee.card.members]

    def loop() -> None:
        for first in range(0, len(paths), batch):
            opened = (Image.open(path).convert("RGB") for path in paths[first : first + batch])
            pixels = np.stack([np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in opened])
            np.mean([member(pixels.astype(np.float32)) for member in members], axis=0)

    return loop


def runtime(room: Path, images: int) -> tuple[Way, Way]:
    """Decide files; the floor is the graph alone, by ONNX Runtime on decoded pixels."""
    _, paths = raw_images(room, images)
    committee = Committee.load(BUNDLE, threads=1)
    size = committee.card.image.image_size
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB").resize((size, size))) for path in paths])

    def floor() -> None:
        for first in range(0, len(pixels), BATCH):
            committee.logits(pixels[first : first + BATCH])

    return timed(lambda: list(committee.screen(paths, BATCH, workers=1))), timed(floor)


def cascade(room: Path, images: int) -> tuple[Way, Way]:
    """Decide images by `majority` in cascade, and with every member asked.

    The committee has eight networks of random weights, ConvNeXt atto at 96 pixels. What they say is made up: one image
    in 200 is a fake, and each member is right on 97 in 100 images.
    """
    from facesift.committee.cascade import decide_at_once, decide_in_turn

    (graph,) = graphs_to_time([], ["timm:convnext_atto"], [96], [FP32], room)
    session, rng = open_session(graph.graph, graph.graph, 1), np.random.default_rng(0)
    shown = rng.integers(0, 256, (images, graph.image_size, graph.image_size, 3), np.uint8)
    ensemble, fakes = _eight_members(), np.arange(images) % 200 == 0
    votes = {name: fakes == (rng.random(images) < RIGHT) for name in ensemble.members}
    said = {name: np.stack([~vote, vote], axis=1).astype(np.float32) for name, vote in votes.items()}

    def ask(rows: NDArray[np.intp], members: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        for _ in members:
            session.run(None, {session.get_inputs()[0].name: shown[rows]})
        return {name: said[name][rows] for name in members}

    batches = [np.arange(images)[first : first + BATCH] for first in range(0, images, BATCH)]
    in_turn = timed(lambda: [decide_in_turn(ensemble, ask, rows) for rows in batches])
    return in_turn, timed(lambda: [decide_at_once(ensemble, ask(rows, ensemble.members)) for rows in batches])


def _eight_members() -> Any:
    from facesift.committee.calibration import Calibrator
    from facesift.committee.ensemble import Ensemble
    from facesift.committee.rules import RULES
    from facesift.committee.stacking import Stacker

    names, mean = tuple(f"member{number}" for number in range(8)), np.tile(np.eye(2), 8)
    return Ensemble(names, Classes(BINARY, BINARY[-1]), Stacker(mean, np.zeros(2)), Calibrator(1, 0), RULES["majority"])


def int8(room: Path, images: int) -> tuple[Way, Way]:
    """Run the bundle's graph on batches of pixels in 8 bits, and in 32 bits."""
    return _int8_graphs(room, bundle_graph(BUNDLE), images)


def int8_vit(room: Path, images: int) -> tuple[Way, Way]:
    """The same of a vision transformer of random weights, ViT-S/16 at 224 pixels."""
    name = "timm:vit_small_patch16_224"
    (graph,) = graphs_to_time([], [name], [224], [FP32], room)
    return _int8_graphs(room, graph, images)


def _int8_graphs(room: Path, graph: TimedGraph, images: int) -> tuple[Way, Way]:
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, graph.image_size, graph.image_size, 3), np.uint8)

    def run(path: Path) -> Way:
        session = open_session(path, path, 1)
        feed = {session.get_inputs()[0].name: pixels}
        return timed(lambda: [session.run(None, feed) for _ in range(max(1, images // BATCH))])

    return run(quantised(graph, room / "int8").graph), run(graph.graph)


def epoch(room: Path, images: int) -> tuple[Way, Way]:
    """Train an epoch on a SMOTE plan with augmentation, and run the bare steps on pixels in memory."""
    from facesift.training.member import TrainingData, train_member

    params, member = recipe()
    shards = shards_of(room, raw_images(room, images)[0])
    resample = member.resample.model_copy(update={"scope": "split", "smote": 0.5, "undersample": None, "neighbours": 3})
    plain = member.architecture.model_copy(update={"name": "timm:test_convnext", "pretrained": False, "package": None})
    trained = member.model_copy(update={"resample": resample, "architecture": plain})
    plan = make_plan(shards, resample, 0)
    val, runs = _val(room), iter(range(10**6))

    def seconds(epochs: int) -> float:
        data = TrainingData(shards, val, plan, params.class_names)
        longer, folder = trained.model_copy(update={"epochs": epochs}), room / f"run{next(runs)}"
        return timed(lambda: train_member("one", longer, params.trainer, data, folder))()

    network, pixels = _network().train(), torch.rand(BATCH, 3, SIZE, SIZE)
    optimizer, labels = torch.optim.AdamW(network.parameters(), fused=True), torch.zeros(BATCH, dtype=torch.long)

    def steps() -> None:
        for _ in range(plan.height // BATCH):
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(network(pixels), labels).backward()
            optimizer.step()

    return lambda: seconds(2) - seconds(1), timed(steps)


def _val(room: Path) -> ShardFolder:
    """Shards of a batch to validate on: the bare steps do without."""
    (room / "val").mkdir()
    rows = draw(room / "val/raw", BATCH)
    reader = RawImageReader(room / "val/raw", SIZE, 10**8)
    build_split(room / "val/val", rows, reader, Sharding(256, 0, ONE_PROCESS))
    return ShardFolder(room / "val/val")
