"""Writes the example data set as one zip in the layout of the public RFF download, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from facesift.config.data import Portraits
from facesift.core.files import whole_file
from facesift.core.parallel import Workers, parallel_map
from facesift.portraits.camera import encode_jpeg
from facesift.portraits.drawing import PARTS, take_photo
from facesift.portraits.pasting import PASTE_SETTINGS, Level, choose_donor, choose_parts, paste_parts

FOLDER = "real_and_fake_face"
_LEVELS: tuple[Level, ...] = ("mid", "easy", "mid", "hard")  # RFF's shares: a quarter easy, half mid, a quarter hard
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold, so that bytes depend on pixels alone


@dataclass(frozen=True, order=True)
class PlannedPortrait:
    """One image to be drawn.

    Attributes:
        name: path in the zip.
        index: number within its class.
        level: of a fake: how well it is made.
        parts: of a fake: the parts that are pasted.
    """

    name: str
    index: int
    level: Level | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class PortraitCounts:
    """What was written.

    Attributes:
        real: number of real portraits.
        fake: number of fake portraits.
        size_bytes: size of the zip.
    """

    real: int
    fake: int
    size_bytes: int


def image_seeds(seed: int, index: int, *, fake: bool) -> list[np.random.SeedSequence]:
    """Return the four seeds of an image: of its portrait, its JPEG compression, and a fake's donor and pasting.

    They depend on the image alone, so the number of fakes does not change other images.
    """
    return np.random.SeedSequence([seed, int(fake), index]).spawn(4)


def plan_fake(seed: int, index: int) -> PlannedPortrait:
    """Plan the fake number `index` (from 0), named `{level}_{number}_{digits}.jpg` as in RFF."""
    round_, place = divmod(index, len(_LEVELS))
    level = _LEVELS[place]
    number = round_ * _LEVELS.count(level) + _LEVELS[:place].count(level) + 1
    choosing = image_seeds(seed, index, fake=True)[3].spawn(2)[0]
    parts = choose_parts(level, np.random.default_rng(choosing))
    digits = "".join(str(int(part in parts)) for part in PARTS)
    return PlannedPortrait(f"{FOLDER}/training_fake/{level}_{number}_{digits}.jpg", index, level, parts)


def plan_portraits(params: Portraits) -> Iterator[PlannedPortrait]:
    """Yield every image of the data set in the order of its name."""
    yield from sorted(plan_fake(params.seed, index) for index in range(params.fake))
    digits = max(5, len(str(params.real)))
    for index in range(params.real):
        yield PlannedPortrait(f"{FOLDER}/training_real/real_{index + 1:0{digits}d}.jpg", index)


def make_image(entry: PlannedPortrait, seed: int, size: int) -> bytes:
    """Draw one image.

    Args:
        entry: which image.
        seed: of the data set.
        size: side in pixels.

    Returns:
        JPEG bytes: a photo, with parts pasted into it if it is a fake, compressed a second time.
    """
    photo, saving, giving, forging = image_seeds(seed, entry.index, fake=entry.level is not None)
    portrait = take_photo(photo, size)
    pixels = portrait.pixels
    if entry.level is not None:
        rng = np.random.default_rng(forging.spawn(2)[1])
        donors = (take_photo(donor, size) for donor in giving.spawn(PASTE_SETTINGS[entry.level].donors))
        pixels = paste_parts(portrait, choose_donor(portrait, donors, entry.level), entry.parts, entry.level, rng)
    return encode_jpeg(pixels, np.random.default_rng(saving))


def write_portraits(
    path: Path, params: Portraits, parallel: Workers, advance: Callable[[], None] = lambda: None
) -> PortraitCounts:
    """Draw the data set and write it as a zip, complete or not at all. The bytes depend on `params` alone.

    Args:
        path: the zip to write.
        params: numbers of images, size and seed.
        parallel: processes that draw.
        advance: called after each image.

    Returns:
        What was written.
    """
    images = parallel_map(partial(make_image, seed=params.seed, size=params.size), plan_portraits(params), parallel)
    with whole_file(path) as part:
        with ZipFile(part, "w", ZIP_STORED) as archive:
            for entry, data in zip(plan_portraits(params), images, strict=True):
                info = ZipInfo(entry.name, _EPOCH)
                info.create_system, info.external_attr = 3, 0o644 << 16  # the same on every operating system
                archive.writestr(info, data)
                advance()
        size = part.stat().st_size
    return PortraitCounts(params.real, params.fake, size)
