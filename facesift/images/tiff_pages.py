"""Finds the photo in a TIFF with several images, where the first may be a thumbnail, and names camera raw files."""

from __future__ import annotations

import struct
from typing import NamedTuple

from facesift.images.bad_image import BadImage
from facesift.images.formats import EXPORT, RAW

# TIFF tags
KIND, OLD_KIND, WIDTH, HEIGHT, COLOURS, STRIPS, TILES, SUB_IMAGES = 254, 255, 256, 257, 262, 273, 324, 330
TAGS = frozenset({KIND, OLD_KIND, WIDTH, HEIGHT, COLOURS, SUB_IMAGES})
REDUCED, REDUCED_OLD = 1, 2  # a bit of KIND, a value of OLD_KIND
SENSOR = (32803, 34892)  # COLOURS of a sensor's values, before they are made an image
MASK = 4  # COLOURS of a transparency mask
MAX_PAGES, MAX_TAGS = 16, 512  # of the first are so many looked at, of the others more take long to read
MAX_PARTS = 65536  # strips or tiles of an image, which Pillow reads one by one
CLOSE = 0.03  # difference of two aspect ratios of one photo
TIMES = 4  # as many pixels as a thumbnail has the photo at least
INTEGERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # TIFF types

Tags = dict[int, tuple[int, ...]]


class Page(NamedTuple):
    """One image of a TIFF.

    Attributes:
        width: in pixels.
        height: in pixels.
        reduced: whether the file calls it a smaller copy of another one.
        colours: what its values are, by the TIFF tag PhotometricInterpretation.
    """

    width: int
    height: int
    reduced: bool
    colours: int

    @property
    def area(self) -> int:
        """Number of its pixels; 0 for what is no photo."""
        return 0 if self.reduced or self.colours == MASK else self.width * self.height

    def may_be_photo_of(self, thumbnail: Page) -> bool:
        """Whether the other page may be a smaller copy of this one: of one aspect ratio, and much smaller."""
        product = self.width * thumbnail.height
        alike = abs(product - self.height * thumbnail.width) <= CLOSE * product
        return thumbnail.area == 0 or (alike and self.area >= TIMES * thumbnail.area)


def find_photo(data: bytes) -> int:
    """Find the photo in a TIFF: its first image, or the full size if the first one is a thumbnail.

    Args:
        data: the bytes of the file.

    Returns:
        The number of the image, from 0.

    Raises:
        BadImage: for camera raw files, where the full size is in a place that is not read, and where an image has so
            many parts or tags that it would take long to read.
    """
    pages, below = _read_pages(data)
    if any(page.colours in SENSOR for page in (*pages, *below)):
        raise BadImage(RAW.format("DNG or another kind of TIFF"))
    photos = [number for number, page in enumerate(pages) if page.area and page.may_be_photo_of(pages[0])]
    best = max([0, *photos], key=lambda number: pages[number].area)
    if any(page.area and page.may_be_photo_of(pages[best]) for page in below):
        raise BadImage(f"its first image is a thumbnail, and the photo is in a sub-image, which is not read: {EXPORT}")
    if not pages[best].area:
        raise BadImage(f"it holds a thumbnail without the photo: {EXPORT}")
    return best


def _read_pages(data: bytes) -> tuple[list[Page], list[Page]]:
    """Return the images in the file's list, and those below them."""
    pages: list[Page] = []
    below: list[Page] = []
    order, big = ("<" if data[:2] == b"II" else ">"), 43 in data[2:4]
    at = int.from_bytes(data[8:16] if big else data[4:8], "little" if order == "<" else "big")
    while at and len(pages) < MAX_PAGES:
        try:
            tags, at = _read_tags(data, at, order, big=big)
            pages.append(_page(tags))
            below += [_page(_read_tags(data, one, order, big=big)[0]) for one in tags.get(SUB_IMAGES, ())[:MAX_PAGES]]
        except struct.error:  # a damaged later image does not matter
            break
    if not pages:
        raise BadImage(f"damaged image: its tags cannot be read, or are more than {MAX_TAGS}")
    return pages, below


def _read_tags(data: bytes, at: int, order: str, *, big: bool) -> tuple[Tags, int]:
    """Return the integers of one image's `TAGS`, and where the next image's tags are."""
    counted, entry, offset = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    room = struct.calcsize(f"<{offset}")  # a value as small as that is in its entry
    if at >= len(data):
        raise struct.error("beyond the end")
    (count,) = struct.unpack_from(order + counted, data, at)
    if count > MAX_TAGS:
        raise struct.error("too many tags")
    at += struct.calcsize(f"<{counted}")
    step = struct.calcsize(f"<{entry}") + room
    tags: Tags = {}
    for place in range(at, at + step * count, step):
        tag, kind, number = struct.unpack_from(order + entry, data, place)
        if tag in {STRIPS, TILES} and number > MAX_PARTS:
            raise BadImage(f"an image in {number} parts: save it again as JPEG or PNG")
        if tag in TAGS and kind in INTEGERS and number:
            values = order + INTEGERS[kind] * min(number, MAX_PAGES)
            where = place + step - room
            if struct.calcsize(f"<{INTEGERS[kind]}") * number > room:
                (where,) = struct.unpack_from(order + offset, data, where)
            if where < len(data):
                tags[tag] = struct.unpack_from(values, data, where)
    end = at + step * count
    return tags, struct.unpack_from(order + offset, data, end)[0] if end < len(data) else 0


def _page(tags: Tags) -> Page:
    first = {tag: values[0] for tag, values in tags.items()}
    reduced = bool(first.get(KIND, 0) & REDUCED) or first.get(OLD_KIND) == REDUCED_OLD
    return Page(first.get(WIDTH, 0), first.get(HEIGHT, 0), reduced, first.get(COLOURS, 0))
