"""The most similar real and fake of the training part, for a reviewer to compare with: by their thumbnails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from facesift.core.classes import Classes
from facesift.images.decoding import decode
from facesift.images.likeness import thumbnail, thumbnail_pixels
from facesift.review.study import Study


@dataclass(frozen=True)
class SimilarImages:
    """Finds training images that look like a photo.

    Attributes:
        rows: image_id, image (its name) and label of the training images.
        looks: their thumbnails, scaled to length 1, float32 (n, pixels).
        classes: the class names.
        roots: folders that the names start from.
    """

    rows: pl.DataFrame
    looks: NDArray[np.float32]
    classes: Classes
    roots: tuple[Path, ...]

    @classmethod
    def of(cls, study: Study) -> SimilarImages:
        """Read the training images of a study; `FacesiftError` if a table is missing."""
        training = study.table("split.parquet", "split").filter(split="train").select("image_id")
        facts = study.table("manifest.parquet", "ingest").select("image_id", "label", "thumbnail")
        rows = training.join(facts, on="image_id").join(study.image_names(), on="image_id").sort("image_id").collect()
        looks = _scaled(thumbnail_pixels(rows["thumbnail"])[0])
        return cls(rows.drop("thumbnail"), looks, study.params.class_names, (study.raw,))

    def __contains__(self, image_id: object) -> bool:
        return image_id in set(self.rows["image_id"])

    def name(self, image_id: str) -> str:
        """Return the name of a training image."""
        return str(self.rows.filter(image_id=image_id)["image"].item())

    def most_similar(self, data: bytes, image_id: str, max_pixels: int) -> dict[str, str]:
        """Return the image_id of the most similar training image of each class; the photo itself is left out.

        Args:
            data: bytes of the photo's file.
            image_id: of the photo.
            max_pixels: the largest image that is opened.
        """
        pixels, _ = thumbnail_pixels(pl.Series([thumbnail(decode(data, max_pixels))]))
        like = self.looks @ _scaled(pixels)[0]
        found = {}
        for label in self.classes.names:
            mine = ((self.rows["label"] == label) & (self.rows["image_id"] != image_id)).to_numpy()
            if mine.any():
                found[label] = str(self.rows["image_id"][int(np.where(mine, like, -np.inf).argmax())])
        return found


def _scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    flat = pixels.reshape(len(pixels), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-6))
