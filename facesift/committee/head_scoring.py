"""Scores whole images with heads: raw files in, damaged where asked, through their backbone, logits out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from facesift.config.damage import Corruption
from facesift.config.params import Params
from facesift.core.scores import Scorer, score_table
from facesift.networks.embedding import Embedding
from facesift.networks.weights import load_members
from facesift.shards.building import RawImageReader

# Adds the score tables of heads to those of networks, for images damaged in one way or not at all.
ScoreHeads = Callable[[dict[str, pl.DataFrame], Corruption | None], dict[str, pl.DataFrame]]
STORE = Path(".work/embed")  # of features that were computed, by backbone


@dataclass(frozen=True)
class HeadScorer:
    """Scores images with the heads of a committee; each backbone sees an image once.

    Attributes:
        scorers: each head's scorer by its name.
        backbones: name of each head's backbone, by the head's name.
        embeddings: how images become features, by backbone.
        classes: names of the classes.
    """

    scorers: Mapping[str, Scorer]
    backbones: Mapping[str, str]
    embeddings: Mapping[str, Embedding]
    classes: tuple[str, ...]

    def score(
        self,
        images: pl.DataFrame,
        split: str,
        corruption: Corruption | None = None,
        done: Callable[[int], None] = lambda _: None,
    ) -> dict[str, pl.DataFrame]:
        """Score images as they are, or damaged at their own resolution before their views are cut.

        Args:
            images: `image_id`, `container`, `path`, and `images.faces.FACE_COLUMNS` where faces were looked for.
            split: named in the tables.
            corruption: kind and strength of the damage; None: none. Faces are found anew in damaged images.
            done: called with the number of images each time some are finished.

        Returns:
            Every head's score table by its name, sorted by image_id.
        """
        ids, tables = sorted(images["image_id"].to_list()), {}
        for backbone, embedding in self.embeddings.items():
            store = replace(embedding, corruption=corruption).compute(images, done)
            features = np.stack([store.read(image_id)[0] for image_id in ids])
            for name, scorer in self.scorers.items():
                if self.backbones[name] == backbone:
                    tables[name] = score_table(ids, split, scorer(features), self.classes)
        return {name: tables[name] for name in self.scorers}

    def beside(self, images: pl.DataFrame, members: Sequence[str], split: str) -> ScoreHeads:
        """Return a function that adds the heads' tables of some images to those of networks, in the members' order."""

        def add(scores: dict[str, pl.DataFrame], corruption: Corruption | None) -> dict[str, pl.DataFrame]:
            tables = scores | (self.score(images, split, corruption) if self.scorers else {})
            return {name: tables[name] for name in members}

        return add


def open_heads(params: Params, models: Path, scores: Path, raw: Path) -> HeadScorer:
    """Open the heads among the members that vote; a committee of networks alone has none.

    Args:
        params: the study's parameters.
        models: folder of the weights.
        scores: folder of the score tables, which name the weights.
        raw: folder of the raw files that `container` and `path` are relative to.

    Raises:
        FacesiftError: when weights are missing or are not those that gave the member's scores.
    """
    members = {name: params.members[name].backbone for name in params.voting}
    backbones = {name: backbone for name, backbone in members.items() if backbone is not None}
    reader = RawImageReader(raw, 1, params.ingest.max_pixels)
    crop, workers = params.data.crop, params.parallel.workers
    return HeadScorer(
        scorers=dict(zip(backbones, load_members(models, scores, list(backbones)), strict=True)),
        backbones=backbones,
        embeddings={
            name: Embedding(
                reader, params.backbones[name], STORE / name, workers, min_score=crop.min_score if crop.finds else None
            )
            for name in sorted(set(backbones.values()))
        },
        classes=params.class_names.names,
    )
