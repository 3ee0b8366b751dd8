"""Test fakes with the heat map of a linear head laid over them: where the head sees a forgery."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from facesift.config.backbones import ONNX, Backbone
from facesift.config.members import Head
from facesift.config.params import Params
from facesift.core.errors import FacesiftError
from facesift.images.faces import face_of_row
from facesift.networks.weights_header import check_weights, read_header
from facesift.report.heat_map import HeatMaps, Map, open_heat_maps
from facesift.report.page import Gallery, PageSection, Picture
from facesift.shards.building import RawImageReader
from facesift.shards.index import FeatureBlock

USUAL = 24  # real validation images whose mean map is subtracted: some places score high in every face
SIDE, QUALITY = 224, 88
COLOUR = (213, 94, 0)  # Okabe and Ito's vermilion
OPAQUE = 200  # alpha of 255 at the strongest place of all pictures
MEANING = (
    "The stronger the colour, the more this place speaks for a fake. From each map the mean map of {usual} real "
    "validation images is subtracted, and all pictures share one scale. A map shows what the head reacts to, which may "
    "be something else than the forgery."
)


@dataclass(frozen=True)
class HeatStudy:
    """Where heat pictures are made from.

    Attributes:
        params: parameters of the study.
        models: folder of the weights.
        scores: folder of the score tables, which hold the hashes of the weights.
        raw: folder of the raw files.
    """

    params: Params
    models: Path
    scores: Path
    raw: Path


def head_with_maps(params: Params) -> str | None:
    """Return the first head that can have heat maps: linear, with `mean` among its outputs, over ONNX; else None."""
    for name, member in params.members.items():
        head, backbone = member.architecture, params.backbones.get(member.backbone or "")
        if not isinstance(head, Head) or head.hidden is not None or head.dropout > 0 or backbone is None:
            continue
        if backbone.name.startswith(ONNX) and any(pool.startswith("mean") for pool in head.pool):
            return name
    return None


def heat_section(study: HeatStudy, fakes: Mapping[str, pl.DataFrame], reals: pl.DataFrame) -> PageSection:
    """Draw the heat maps of some test fakes.

    Args:
        study: a study for which `head_with_maps` names a head.
        fakes: rows of the manifest by outcome, such as caught and missed.
        reals: real validation images, of which the first `USUAL` give the usual map.

    Returns:
        The section with a gallery for each outcome; with the reason alone where no map can be made.
    """
    name = head_with_maps(study.params)
    title = f"Where {name} sees a forgery"
    try:
        maps = _open(study, str(name))
    except FacesiftError as error:
        return PageSection(title, [f"No heat maps: {error}."], reader="engineer")
    usual = _maps(study, maps, reals.head(USUAL))
    mean: Map = np.mean([values for _, values in usual], axis=0) if usual else np.zeros(1, np.float32)
    found = {
        outcome: [(crop, values - mean) for crop, values in _maps(study, maps, rows)] for outcome, rows in fakes.items()
    }
    strongest = max((float(values.max()) for each in found.values() for _, values in each), default=0.0)
    galleries = [
        Gallery(outcome, [Picture(_overlay(crop, values, strongest), name) for (crop, values), name in named])
        for outcome, each in found.items()
        if (named := list(zip(each, fakes[outcome]["path"].str.split("/").list.last(), strict=True)))
    ]
    return PageSection(title, [MEANING.format(usual=len(usual))], galleries=galleries, reader="engineer")


def _open(study: HeatStudy, name: str) -> HeatMaps:
    from facesift.networks.weights import load_head  # noqa: PLC0415  torch

    weights = study.models / f"{name}.safetensors"
    check_weights(weights, study.scores / f"{name}.parquet")
    card = read_header(weights).stored["preprocessing"]["features"]
    blocks = [FeatureBlock.model_validate(block) for block in card["blocks"]]
    backbone = Backbone.model_validate(card["backbone"])
    return open_heat_maps(backbone, blocks, load_head(weights), study.params.class_names.number)


def _maps(study: HeatStudy, maps: HeatMaps, rows: pl.DataFrame) -> list[tuple[Image.Image, Map]]:
    reader = RawImageReader(study.raw, 1, study.params.ingest.max_pixels)
    found = []
    for row in rows.iter_rows(named=True):
        image = reader.image(row["image_id"], row["container"], row["path"])
        box, values = maps.of(image, face_of_row(row), maps.clearest)[maps.clearest]
        found.append((image.crop(box).resize((SIDE, SIDE), Image.Resampling.LANCZOS), values))
    return found


def _overlay(crop: Image.Image, values: Map, strongest: float) -> str:
    """Lay a map over its square; negative values stay clear."""
    share: NDArray[Any] = np.clip(values / max(strongest, 1e-6), 0, 1).astype(np.float32)
    smooth = Image.fromarray(share).resize(crop.size, Image.Resampling.BICUBIC)
    alpha = Image.fromarray((np.clip(np.asarray(smooth), 0, 1) * OPAQUE).astype(np.uint8))
    grey = crop.convert("L").convert("RGB")  # so that the map's colour is the only one
    shown = Image.composite(Image.new("RGB", crop.size, COLOUR), grey, alpha)
    data = io.BytesIO()
    shown.save(data, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
