"""What bench/gpu.py does: train all networks of a packed folder in a given time, then score validation and test."""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.gpu_figures import figures, tables
from bench.gpu_training import TrainedNetwork, norm_tuned, precision, score, train_network
from bench.packed_faces import BACKBONE, PackedFaces, planned_rows, read_faces, read_split, training_images
from facesift.core.errors import FacesiftError
from facesift.networks.initialisation import initialise_network
from facesift.training.lightning_module import MemberModule

LIBRARIES = ("torch", "torchvision", "timm", "pytorch-lightning", "numpy")
MEAN = "mean of the ConvNeXts"
READ_ONCE = "read once, after all training; no epoch, threshold or network was chosen on it"
NOT_READ = "not read yet: training goes on"
Results = dict[str, Any]


def run(packed: Path, out: Path, seconds: float, backbone: str | None = None, weights: Path | None = None) -> Results:
    """Train all networks of a packed folder, score validation and test, and write results.json and tables.md.

    Args:
        packed: the folder that bench/pack_faces.py wrote.
        out: folder to write into. results.json is there after each network, without test figures until the end.
        seconds: that all training may take.
        backbone: another timm model in place of the packed recipe's; None: that one.
        weights: file of the backbone's first weights; None: they are random.

    Returns:
        What results.json says.

    Raises:
        FacesiftError: for a wrong folder, backbone or file of weights. A network that fails in training is reported.
    """
    faces = read_faces(packed)
    recipe = faces.recipes[BACKBONE]
    recipe.architecture.name = f"timm:{backbone.removeprefix('timm:')}" if backbone else recipe.architecture.name
    recipe.architecture.checkpoint = str(weights) if weights else None
    results: Results = {"machine": _machine(), "jpeg_quality": faces.jpeg_quality, "test": NOT_READ, "networks": {}}
    modules = _train_all(faces, results, out, seconds)
    test, positive = read_split(faces, "test"), faces.classes.number
    results["test"] = READ_ONCE
    for split, images in (("val", read_split(faces, "val")), ("test", test)):
        log_odds = {}
        for name, module in modules.items():
            log_odds[name], speed = score(module, images, positive)
            results["networks"][name]["scoring_images_per_second"] = speed
            results["networks"][name].setdefault("figures", {})[split] = figures(images, log_odds[name], positive)
        published = [each for name, each in log_odds.items() if name != BACKBONE]
        if published:
            mean = results["networks"].setdefault(MEAN, {"figures": {}})
            mean["figures"][split] = figures(images, sum(published) / len(published), positive)
    _write(out, results)
    (out / "tables.md").write_text(tables(results["networks"]) + f"\n\nTest: {READ_ONCE}.\n", encoding="utf-8")
    return results


def _train_all(faces: PackedFaces, results: Results, out: Path, seconds: float) -> dict[str, MemberModule]:
    """Train one network after the other; return those that did not fail, and write down what became of each."""
    train, val = read_split(faces, "train"), read_split(faces, "val")
    work = {name: planned_rows(faces, name) * recipe.epochs for name, recipe in faces.recipes.items()}
    modules: dict[str, MemberModule] = {}
    for name, recipe in faces.recipes.items():
        budget = max(1.0, seconds * work[name] / sum(work.values()))
        print(f"{name}: at most {budget:.0f} s for {recipe.epochs} epochs", flush=True)
        start = time.perf_counter()
        network = _build(faces, name)
        try:
            images = training_images(faces, train, name)
            trained = train_network(name, network, recipe, images, val, faces.classes, budget)
            modules[name], entry = trained.module, _entry(trained, recipe)
        except FacesiftError as error:
            entry = {"error": str(error)}
            print(f"{name}: {error}", flush=True)
        seconds -= time.perf_counter() - start
        work.pop(name)
        results["networks"][name] = entry
        _write(out, results)
    return modules


def _build(faces: PackedFaces, name: str) -> nn.Module:
    recipe, classes = faces.recipes[name], len(faces.classes.names)
    if name == BACKBONE:
        return norm_tuned(recipe, classes)
    return initialise_network(recipe.architecture, classes, recipe.seed, faces.image_size)


def _entry(trained: TrainedNetwork, recipe: Any) -> Results:
    parameters = list(trained.module.network.parameters())
    architecture = recipe.architecture
    return {
        "architecture": architecture.name,
        "first_weights": Path(architecture.checkpoint).name if architecture.checkpoint else "random",
        "parameters": sum(each.numel() for each in parameters),
        "learning_parameters": sum(each.numel() for each in parameters if each.requires_grad),
        "epochs": trained.epochs,
        "epochs_of_recipe": recipe.epochs,
        "kept_epoch": trained.kept,
        "seconds": trained.seconds,
        "training_images_per_second": trained.images_per_second,
        "memory_gb": trained.memory,
        "history": trained.history,
    }


def _machine() -> Results:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    if gpu is None:
        print("no GPU found: on the CPU and in float32, which takes hours at full size", flush=True)
    if find_spec("scipy") is None:
        print("scipy is not installed: recall and precision get no intervals", flush=True)
    versions = {package: version(package) for package in LIBRARIES}
    return {"gpu": gpu, "precision": precision(), "python": platform.python_version(), "versions": versions}


def _write(out: Path, results: Results) -> None:
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=2, sort_keys=True) + "\n"
    (out / "results.json").write_text(text, encoding="utf-8")
