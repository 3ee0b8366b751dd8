"""The data card, the model card, and the hashes and command that reproduce the page."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from facesift.config.members import Head, Member
from facesift.config.params import Params
from facesift.config.sampling import Resample
from facesift.core.fingerprint import files_fingerprint, library_versions, sha256
from facesift.core.formatting import counted, percent
from facesift.evaluation.study_facts import (
    bad_photos,
    division,
    kept_together,
    left_out,
    members_see,
    stacker_fit,
    thresholds_fit,
)
from facesift.report.page import PageSection, Table

LIBRARIES = ("torch", "torchvision", "timm", "pytorch-lightning", "imbalanced-learn", "scikit-learn", "h5py", "dvc")
LIMITS = (
    "The figures hold for images like those of the test split: other cameras, other ways of forging and other file "
    "formats were not tested, unless a cross-data-set test says so. The committee looks at pixels of the size below, "
    "and what that size does not show it cannot see. Scores are no proof against a person: a decision of fake is a "
    "reason to look, and a decision of real is no guarantee."
)


def data_card(ingest: dict[str, Any], split: dict[str, Any], params: Params) -> PageSection:
    """Show counts by source, label and split, what was left out, and how the images were prepared.

    Args:
        ingest: contents of `metrics/ingest.json`.
        split: contents of `metrics/split.json`.
        params: parameters of the study.

    Returns:
        The section with two tables.
    """
    rows = []
    for source, labels in ingest["images"].items():
        for label, images in labels.items():
            counts = [split["images"].get(name, {}).get(source, {}).get(label, 0) for name in ("train", "val", "test")]
            rows.append([source, label, f"{images:,}", *(f"{count:,}" for count in counts)])
    text = [
        f"Left out. {' '.join(left_out(params, ingest, split))}",
        *bad_photos(params, ingest),
        division(params),
        *kept_together(params, split),
        members_see(params.data),
    ]
    table = Table(("source", "label", "images", "train", "validation", "test"), rows, "Images")
    return PageSection("Data card", text, [table, _losses_table(ingest["losses"])])


def _losses_table(losses: dict[str, Any]) -> Table:
    rows = [
        [label, f"{each['files']:,}", f"{each['lost']:,}", percent(each["share"], 2), _reasons(each["reasons"])]
        for label, each in losses.items()
    ]
    return Table(("label", "files", "left out", "share", "why"), rows, "Files that could not be used, by class")


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in reasons.items())


def model_card(params: Params, libraries: tuple[str, ...] = LIBRARIES) -> PageSection:
    """Show the members with their recipes, how the committee decides, library versions, and limits.

    Args:
        params: parameters of the study.
        libraries: distributions whose versions are named.

    Returns:
        The section with one table.
    """
    rows = [_member_row(name, recipe) for name, recipe in params.members.items()]
    headings = ("member", "network", "re-sampling", "loss", "optimiser", "epochs", "part")
    text = [
        f"{stacker_fit(params)} {thresholds_fit(params)} Decisions follow the rule {params.vote.rule}.",
        LIMITS,
        "Made with " + ", ".join(f"{name} {version}" for name, version in library_versions(libraries).items()) + ".",
    ]
    return PageSection("Model card", text, [Table(headings, rows, "Members")], reader="engineer")


def _member_row(name: str, recipe: Member) -> list[str]:
    network = recipe.architecture
    if isinstance(network, Head):
        architecture = f"head on {recipe.input}, {f'{network.hidden} hidden' if network.hidden else 'linear'}"
    else:
        start = "published weights" if network.pretrained else network.package or network.checkpoint
        architecture = f"{network.name}, {start or 'random weights'}"
    optimiser = f"{recipe.optimizer.name} {recipe.optimizer.lr:g}, {recipe.schedule.name}"
    part = "votes" if recipe.votes else "baseline"
    return [name, architecture, resampling(recipe.resample), recipe.loss.name, optimiser, str(recipe.epochs), part]


def resampling(recipe: Resample) -> str:
    """Name a way of re-sampling as the studies do.

    Args:
        recipe: the member's `resample` parameters.

    Returns:
        A short text for a table.

    >>> ratios = {"smote": 0.4, "forge": None, "undersample": 0.5, "neighbours": 5, "method": None, "arguments": {}}
    >>> resampling(Resample(scope="shard", draw="plan", epoch_images=None, **ratios))
    'SMOTE(0.4) + RUS(0.5), by shard'
    """
    steps = [f"SMOTE({recipe.smote:g})"] if recipe.smote else []
    steps += [f"FORGE({recipe.forge.ratio:g})"] if recipe.forge else []
    steps += [f"RUS({recipe.undersample:g})"] if recipe.undersample else []
    drawn = {"classes": "weighted drawing", "sources": "weighted drawing, by source"}.get(recipe.draw, "none")
    paired = ", in pairs" if recipe.draw == "pairs" else ""
    return (" + ".join(steps) + f", by {recipe.scope}" if steps else drawn) + paired


def reproduction(params: Params, data: list[Path], code: list[Path], root: Path) -> PageSection:
    """Show the command that makes this page again, and the hashes of what it is made from.

    Args:
        params: parameters of the study.
        data: tables that name every image and its split.
        code: the program's files.
        root: folder of the repository, in which `data` and `code` lie.

    Returns:
        The section with one table of SHA-256 hashes.
    """
    rows = [[f"data: {path.relative_to(root).as_posix()}", sha256(path)] for path in data]
    rows.append(
        [
            f"code of this page: {counted(len(code), 'file')} (dvc.lock has the hashes of every stage's code)",
            files_fingerprint(code, root),
        ]
    )
    rows.append(["parameters: params.yaml, as read", parameters_hash(params)])
    text = [
        (
            f"make study NAME={params.study} gives this study with its published parameters; with the params.yaml "
            "of the hash below, dvc repro gives this very page. Hashes are SHA-256."
        ),
    ]
    return PageSection("Reproduce it", text, [Table(("what", "hash"), rows)])


def parameters_hash(params: Params) -> str:
    """Hash the values of the parameters; comments, order and notation of the file do not matter.

    Args:
        params: parameters of the study.

    Returns:
        SHA-256 of the sorted JSON, in hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(params.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
