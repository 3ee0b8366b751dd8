"""The header of a member's weights file, which says how to use them; reading it needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from facesift.config.members import HEAD, Architecture, Head, Normalise, Views
from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet_metadata
from facesift.core.fingerprint import sha256

KEY = "facesift"  # one key only: safetensors writes several in random order
VERSION = 1
REQUIRED, REQUIRED_PREPROCESSING = ("architecture", "classes", "preprocessing"), ("image_size", "normalise")
IMAGE_ALONE = {"flip": False, "zoom": [1.0]}
# What a weights file's `architecture` may leave out: older files lack keys, and what is not used is never written.
LEFT_OUT = {"arguments": {}, "pretrained": False, "checkpoint": None, "freeze": 0.0}
NEVER_WRITTEN = {"package": None, "tune": {"name": "all"}}


@dataclass(frozen=True)
class WeightsHeader:
    """What the header of a weights file says.

    Attributes:
        architecture: the network, or support vectors.
        classes: names of the classes, in the order of the logits.
        image_size: side of the images in pixels.
        normalise: how images are normalised.
        views: views of an image whose logits are averaged.
        stored: the whole header as it is in the file.
    """

    architecture: Architecture | Head
    classes: list[str]
    image_size: int
    normalise: Normalise
    views: Views
    stored: dict[str, Any]

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> WeightsHeader:
        """Validate a header that has all required keys; raises pydantic's `ValidationError`."""
        preprocessing = stored["preprocessing"]
        return cls(
            architecture=stored_architecture(stored["architecture"]),
            classes=stored["classes"],
            image_size=preprocessing["image_size"],
            normalise=stored_normalisation(preprocessing),
            views=stored_views(preprocessing),
            stored=stored,
        )


def read_header(path: Path) -> WeightsHeader:
    """Read the header of a weights file.

    Raises:
        FacesiftError: when the file is not safetensors, not of this program, or its header is incomplete or wrong.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise FacesiftError(f"{path}: not a readable safetensors file ({error}); `dvc checkout {path}`") from error
    stored: dict[str, Any] = json.loads(metadata.get(KEY, "{}"))
    if stored.get("version") != VERSION:
        raise FacesiftError(f"{path}: weights of version {stored.get('version')}, this program reads {VERSION}")
    remedy = f"`dvc repro -f train@{path.stem}` writes it"
    if missing := _missing(stored):
        raise FacesiftError(f"{path}: its header lacks {', '.join(missing)}; {remedy}")
    try:
        return WeightsHeader.parse(stored)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (error.title.lower(), *first["loc"])))
        raise FacesiftError(f"{path}: its header has a wrong value at {place}: {first['msg']}; {remedy}") from error


def _missing(stored: dict[str, Any]) -> list[str]:
    preprocessing = stored.get("preprocessing", REQUIRED_PREPROCESSING)
    return [
        *(key for key in REQUIRED if key not in stored),
        *(f"preprocessing.{key}" for key in REQUIRED_PREPROCESSING if key not in preprocessing),
    ]


def check_weights(path: Path, scores: Path) -> None:
    """Check that the weights file `path` is the one that gave the score table `scores`.

    Raises:
        FacesiftError: when it is missing or another one.
    """
    expected = read_parquet_metadata(scores).get("weights_sha256")
    if not path.is_file() or sha256(path) != expected:
        raise FacesiftError(f"{path}: not the weights that gave {scores.stem}'s scores; `dvc checkout {path}`")


def stored_architecture(entry: Mapping[str, Any]) -> Architecture | Head:
    """Read the `architecture` of a weights file's header.

    >>> stored_architecture({"name": "lenet"}).name
    'lenet'
    """
    if entry.get("name") == HEAD:
        return Head.model_validate(entry)
    return Architecture.model_validate(LEFT_OUT | NEVER_WRITTEN | dict(entry))


def written_architecture(architecture: Architecture) -> dict[str, Any]:
    """Return the `architecture` of a weights file's header: keys that came later only where they are used."""
    entry = architecture.model_dump()
    return {key: value for key, value in entry.items() if key not in NEVER_WRITTEN or value != NEVER_WRITTEN[key]}


def stored_normalisation(preprocessing: Mapping[str, Any]) -> Normalise:
    """Read the normalisation from the `preprocessing` of a weights header; keys that older files lack are filled in."""
    stored = {"name": "per_image", "mean": [0.5] * 3, "std": [0.5] * 3} | preprocessing["normalise"]
    return Normalise.model_validate(stored)


def stored_views(preprocessing: Mapping[str, Any]) -> Views:
    """Read the views from the `preprocessing` of a weights header; without an entry, the image is the only view."""
    return Views.model_validate(preprocessing.get("views", IMAGE_ALONE))


def views_entry(views: Views) -> dict[str, Any]:
    """Return the entry for a weights header's `preprocessing`: empty when the image is the only view.

    >>> views_entry(Views(flip=False, zoom=[1.0])), views_entry(Views(flip=True, zoom=[1.0]))
    ({}, {'views': {'flip': True, 'zoom': [1.0]}})
    """
    return {} if views.single else {"views": views.model_dump()}
