"""How a bundle's committee sees an image: as its study did, by the detector in the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.bundle.card import FACES, Card, ImageCard
from facesift.images.decoding import BadImage
from facesift.images.face_detector import open_detector
from facesift.images.faces import NO_FACE, FaceDetector

REFERRED = f"{NO_FACE}: a person decides"


@dataclass(frozen=True)
class Seen:
    """What is seen of an image: pixels (S, S, 3), and the part `box` (left, top, right, bottom) of it that they are.

    `referred`: why a person decides it whatever the votes; None for most.
    """

    pixels: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    referred: str | None = None


@dataclass(frozen=True)
class Sight:
    """Cuts images as the card says. `finder` finds faces; None in a committee that does not ask for them."""

    image: ImageCard
    finder: FaceDetector | None = None

    @classmethod
    def of(cls, folder: Path, card: Card) -> Sight:
        """Open what a bundle needs to see; `FacesiftError` without onnxruntime if that is a detector."""
        crop = card.image.crop
        return cls(card.image, open_detector(folder / FACES, crop.min_score) if crop.finds else None)

    def see(self, image: Image.Image) -> Seen:
        """Cut an upright RGB image; `BadImage` for one without a face where the study left such images out."""
        view = self.image.view
        face = None if self.finder is None else self.finder.find(image)
        lacking = self.finder is not None and face is None
        if lacking and view.crop.unfound == "quarantine":
            raise BadImage(NO_FACE)
        referred = REFERRED if lacking and view.crop.refers else None
        return Seen(view.pixels(image, face), view.box(image.size, face), referred)
