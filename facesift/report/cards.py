"""The cards at the page's end: what the data are, what the models are, and how to get the same page again."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from facesift.config.data import Data
from facesift.config.members import Member, Resample
from facesift.config.params import Params
from facesift.core.files import sha256
from facesift.report.page import Section, Table

LIBRARIES = ("torch", "torchvision", "timm", "pytorch-lightning", "imbalanced-learn", "scikit-learn", "h5py", "dvc")
LIMITS = (
    "The figures hold for images like those of the test split: other cameras, other ways of forging and other file "
    "formats were not tested, unless a cross-data-set test says so. The committee looks at pixels of the size below, "
    "and what that size does not show it cannot see. Scores are no proof against a person: a decision of fake is a "
    "reason to look, and a decision of real is no promise."
)


def data_card(ingest: dict[str, Any], split: dict[str, Any], params: Params) -> Section:
    """Counts by source, label and split, what was left out, and how the images were prepared."""
    rows = []
    for source, labels in ingest["images"].items():
        for label, images in labels.items():
            counts = [split["images"].get(name, {}).get(source, {}).get(label, 0) for name in ("train", "val", "test")]
            rows.append([source, label, f"{images:,}", *(f"{count:,}" for count in counts)])
    near = split["near_duplicates"]
    text = [
        (
            f"Left out: {ingest['quarantined']:,} files that could not be used (data/quarantine.csv says why), "
            f"{ingest['exact_duplicates']:,} further copies of the same bytes, {split['removed_leaks']:,} images that "
            "are near-duplicates of one in a later predefined split."
        ),
        (
            f"{near['images']:,} near-duplicates in {near['groups']:,} groups were kept on one side of the split "
            f"(perceptual hashes that differ in at most {params.split.near_duplicate_bits} of 256 bits)."
        ),
        f"Images are {params.data.image_size} x {params.data.image_size} pixels ({_view(params.data)}).",
    ]
    table = Table(("source", "label", "images", "train", "validation", "test"), rows, "Images")
    return Section("Data card", text, [table])


def _view(data: Data) -> str:
    if data.crop.method == "none":
        return data.resize
    if data.crop.method == "centre":
        return "the same square of all"
    return f"around the face, without one: {data.crop.unfound}"


def model_card(params: Params, libraries: tuple[str, ...] = LIBRARIES) -> Section:
    """The members with their recipes, how the committee decides, library versions, and limits."""
    rows = [_member_row(name, recipe) for name, recipe in params.members.items()]
    headings = ("member", "network", "re-sampling", "loss", "optimiser", "epochs", "part")
    stack = "validation scores, out of fold" if params.stack.fit_on == "val" else "the re-sampled training images"
    text = [
        (
            f"The stacker is a linear layer over the members' outputs, fitted on {stack}. Decisions follow the rule "
            f"{params.vote.rule}. Nothing was fitted or chosen on the test split."
        ),
        LIMITS,
        "Made with " + ", ".join(f"{name} {version(name)}" for name in libraries) + ".",
    ]
    return Section("Model card", text, [Table(headings, rows, "Members")])


def _member_row(name: str, recipe: Member) -> list[str]:
    first = recipe.architecture
    start = "published weights" if first.pretrained else first.package or first.checkpoint
    network = f"{recipe.architecture.name}, {start or 'random weights'}"
    optimiser = f"{recipe.optimizer.name} {recipe.optimizer.lr:g}, {recipe.schedule.name}"
    part = "votes" if recipe.votes else "yardstick"
    return [name, network, resampling(recipe.resample), recipe.loss.name, optimiser, str(recipe.epochs), part]


def resampling(recipe: Resample) -> str:
    """Name a way of re-sampling as the studies do.

    >>> resampling(Resample(scope="shard", smote=0.4, undersample=0.5))
    'SMOTE(0.4) + RUS(0.5), by shard'
    """
    steps = [f"SMOTE({recipe.smote:g})"] if recipe.smote else []
    steps += [f"FORGE({recipe.forge.ratio:g})"] if recipe.forge else []
    steps += [f"RUS({recipe.undersample:g})"] if recipe.undersample else []
    drawn = {"plan": "none", "classes": "weighted drawing", "sources": "weighted drawing, by source"}[recipe.draw]
    return " + ".join(steps) + f", by {recipe.scope}" if steps else drawn


def reproduction(params: Params, data: list[Path], code: list[Path], root: Path) -> Section:
    """The command that gives this page again, and the hashes of what it is made from.

    `data`: the tables that name every image and its split; `code`: the program's files, below `root`.
    """
    rows = [[f"data: {path.relative_to(root).as_posix()}", sha256(path)] for path in data]
    rows.append(
        [f"code of this page: {len(code)} files (dvc.lock has the hashes of every stage's code)", code_hash(code, root)]
    )
    rows.append(["parameters: params.yaml, as read", parameters_hash(params)])
    text = [
        (
            f"dvc exp run -S study={params.study} gives this study with its published parameters; with the params.yaml "
            "of the hash below, dvc repro gives this very page. Hashes are SHA-256."
        ),
    ]
    return Section("Reproduce it", text, [Table(("what", "hash"), rows)])


def code_hash(files: list[Path], root: Path) -> str:
    """Hash file names below `root` and contents, in the order of the names."""
    lines = [f"{sha256(path)}  {path.relative_to(root).as_posix()}" for path in files]
    return hashlib.sha256("\n".join(sorted(lines, key=lambda line: line[66:])).encode()).hexdigest()


def parameters_hash(params: Params) -> str:
    """Hash the values alone: comments, order and notation of the file do not matter."""
    return hashlib.sha256(json.dumps(params.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
