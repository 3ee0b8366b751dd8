"""What the bundle's card says: collected from the parameters, the weights and the figures of the study."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesift.bundle.card import SCHEMA
from facesift.config.committee import Vote
from facesift.config.params import Params
from facesift.core.classes import SPLITS
from facesift.core.files import read_json
from facesift.core.fingerprint import library_versions, sha256
from facesift.networks.weights_header import read_header
from facesift.shards.reading import ShardFolder

# The parameters that decide what is in a bundle: those of the stage in dvc.yaml (a test compares).
DECIDING = (
    "study", "seed", "classes", "positive", "data", "ingest", "split", "shard", "backbones", "members", "trainer",
    "stack", "vote", "calibration", "cost", "operating", "prevalence", "export",
)  # fmt: skip
VERSIONS = ("facesift", "torch", "timm", "onnx", "onnxscript", "onnxruntime", "numpy", "scipy", "pillow")


@dataclass(frozen=True)
class Sources:
    """Where the pipeline keeps what a bundle is made of.

    Attributes:
        models: weights, stacker and calibration.
        scores: the members' score tables.
        metrics: figures.
        figures: those of ingest and split.
        shards: of images, by split.
        split: table of the split.
        features: shards of features by backbone and split. Only committees with heads need this and what follows.
        raw: the study's images as files.
        manifest: where they are.
        graphs: where traced graphs and torch's logits stay between runs, see `kept_graphs` and `kept_logits`; None:
            they are computed each time.
    """

    models: Path
    scores: Path
    metrics: Path
    figures: Path
    shards: Path
    split: Path
    features: Path
    raw: Path
    manifest: Path
    graphs: Path | None = None

    def test_features(self, backbone: str) -> ShardFolder:
        """Open the features of the test images by a backbone."""
        return ShardFolder(self.features / backbone / "test")


def backbone_names(params: Params) -> list[str]:
    """Name the backbones of the voting members."""
    names = {params.members[member].backbone for member in params.voting}
    return sorted(name for name in names if name is not None)


def member_file(member: str) -> str:
    """Name of the file of a member's weights in the bundle."""
    return f"members/{member}.safetensors"


def card_content(folder: Path, params: Params, sources: Sources, backbones: dict[str, Any]) -> dict[str, Any]:
    """Collect what the card says, all but parity and stopping rule.

    Args:
        folder: the bundle, with all files of the committee.
        params: the study's parameters.
        sources: where the pipeline keeps what the bundle is made of.
        backbones: their entries, see `backbone_files.write_backbone`.

    Returns:
        What `card.Card` checks.
    """
    calibration = read_json(sources.models / "calibration.json", sealed=True)
    vote, operating = (read_json(sources.metrics / f"{name}.json") for name in ("vote", "operating"))
    points = {name: operating["points"][name]["test"] for name in calibration["points"]}
    return {
        "schema": SCHEMA,
        "study": params.study,
        "classes": params.classes,
        "positive": params.positive,
        "members": [_describe_member(folder, member, params) for member in params.voting],
        "backbones": backbones,
        "image": {
            "image_size": params.data.image_size,
            "resize": params.data.resize,
            "crop": params.data.crop.model_dump(),
            "max_pixels": params.ingest.max_pixels,
            "max_bytes": params.ingest.max_bytes,
            "formats": params.ingest.formats,
            "quality": params.quality.model_dump(),
        },
        "rule": params.vote.rule,
        "stability": _describe_stability(params.vote),
        "points": calibration["points"],
        "not_offered": calibration["not_offered"],
        "calibration": {name: calibration[name] for name in ("method", "temperature", "bias", "prevalence")},
        "stopping": None,
        "metrics": {"split": "test", "rules": vote["test"], "points": points},
        "inputs": _inputs(params, sources),
        "versions": library_versions(VERSIONS),
        "parity": {},
        "files": list_files(folder),
    }


def _describe_stability(vote: Vote) -> dict[str, Any] | None:
    return vote.model_dump(include={"must_hold", "mild_damage"}) if vote.stability == "review" else None


def _describe_member(folder: Path, member: str, params: Params) -> dict[str, Any]:
    file = member_file(member)
    header = read_header(folder / file).stored
    return {
        "name": member,
        "backbone": params.members[member].backbone,
        "architecture": header["architecture"],
        "batch_size": params.members[member].batch_size,
        "preprocessing": header["preprocessing"],
        "file": file,
        "sha256": sha256(folder / file),
    }


def digest(tree: Any) -> str:
    """SHA-256 of a JSON tree, whatever the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _inputs(params: Params, sources: Sources) -> dict[str, Any]:
    tree = params.model_dump(mode="json")
    return {
        "split": sha256(sources.split),
        "shards": _hashes(sources.shards),
        "features": {name: _hashes(sources.features / name) for name in backbone_names(params)},
        "params": digest({name: tree[name] for name in DECIDING}),
    }


def _hashes(shards: Path) -> dict[str, str]:
    return {split: sha256(shards / split / "index.json") for split in SPLITS}


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """List size and hash of every file in a folder, by its name below it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in files
    }
