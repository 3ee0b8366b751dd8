"""The one way in which a portrait becomes a JPEG: nothing but the paste may tell the classes apart."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.portraits.drawing import Portrait, draw_portrait

_QUALITIES = (76, 97)  # the first is included, the last is not
_SUBSAMPLINGS = (0, 2)  # Pillow's words for 4:4:4 and 4:2:0


def encode(pixels: NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    """Return `pixels` (height, width, 3) as JPEG; quality and chroma subsampling are drawn, whatever the class."""
    buffer = BytesIO()
    quality, subsampling = int(rng.integers(*_QUALITIES)), int(rng.choice(_SUBSAMPLINGS))
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def take_photo(seed: np.random.SeedSequence, size: int) -> Portrait:
    """Draw a portrait and store it once, as its camera does; both classes begin so and are saved again."""
    drawing, storing = seed.spawn(2)
    portrait = draw_portrait(drawing, size)
    stored = encode(portrait.pixels, np.random.default_rng(storing))
    with Image.open(BytesIO(stored)) as image:
        return replace(portrait, pixels=np.asarray(image))
