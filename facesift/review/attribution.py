"""Attribution maps: how a member's score changes when a part of the image is blurred (occlusion).

Occlusion (Zeiler and Fergus 2014) works for every kind of member, because it only needs scores. Grad-CAM would give a
map of two by two cells for a ConvNeXt that sees 64 pixels. Parts are blurred (Fong and Vedaldi 2017) and not replaced
by a grey patch, which would itself look like a manipulation.
"""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facesift.bundle.card import CARD, FACES, Card, read_card, verify_files
from facesift.bundle.card_parts import MemberCard
from facesift.bundle.preprocessing import Preprocessor
from facesift.committee.calibration import margins_of
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import sha256
from facesift.core.scores import Scorer
from facesift.images.decoding import decode
from facesift.review.attribution_drawing import AttributionMap, describe_change, describe_place, draw_map

if TYPE_CHECKING:
    from facesift.report.heat_map import HeatMaps  # imports torch

WINDOWS = 5  # windows beside each other on one side of the image; they overlap by half
BATCH = 16  # windows scored at once
CACHE_SIZE = 64  # maps
CANVAS = 160  # pixels of the longer side on which the members' maps are averaged


def attribute(scorer: Scorer, pixels: NDArray[np.uint8], classes: Classes) -> NDArray[np.float64]:
    """Compute by how much each part of an image raises a member's log-odds of the positive class.

    A positive value means: with this part blurred, the member is less sure that the image is of the positive class.

    Args:
        scorer: The member, from uint8 pixels (n, S, S, 3) to logits (n, classes).
        pixels: The image as the member sees it, uint8 (S, S, 3).
        classes: The class names.

    Returns:
        Changes of log-odds, float64 (S, S).
    """
    import torch  # noqa: PLC0415
    from captum.attr import Occlusion  # type: ignore[import-untyped]  # noqa: PLC0415

    def margins(batch: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(margins_of(scorer(batch.numpy()), classes))

    size = len(pixels)
    window = max(2, size // WINDOWS)
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(window / 2)))
    image, baseline = (torch.from_numpy(each.astype(np.float32))[None] for each in (pixels, blurred))
    with torch.inference_mode():
        changes = Occlusion(margins).attribute(
            image,
            sliding_window_shapes=(window, window, 3),
            strides=(window // 2, window // 2, 3),
            baselines=baseline,
            perturbations_per_eval=BATCH,
        )
    return changes[0, :, :, 0].numpy().astype(np.float64)


def why_unavailable(bundle: Path) -> str:
    """Return why no maps can be made on this machine; "" when they can."""
    if not (bundle / CARD).is_file():
        return f"Maps need the committee's bundle, and {bundle} is not one (--bundle)."
    lacking = [name for name in ("torch", "captum") if importlib.util.find_spec(name) is None]
    return f"Maps need {' and '.join(lacking)}: pip install -e '.[train]' in the clone." if lacking else ""


@dataclass(frozen=True)
class Evidence:
    """What speaks for the positive class, place by place, by one member.

    Attributes:
        values: evidence for the positive class, float64 (rows, columns); negative values speak against it.
        box: the part of the photo that they cover: left, top, right, bottom.
        blurred: whether they are changes of the log-odds when a place is blurred; else shares of a head's logit.
    """

    values: NDArray[np.float64]
    box: tuple[int, int, int, int]
    blurred: bool


@dataclass
class AttributionMaps:
    """Makes attribution maps one after another in a thread of its own, and caches the last `CACHE_SIZE`.

    Attributes:
        bundle: Folder of the exported committee.
        card: Its description.
    """

    bundle: Path
    card: Card
    _preprocessor: Preprocessor | None = None
    _scorers: dict[str, Scorer] = field(default_factory=dict)
    _heads: dict[str, HeatMaps] = field(default_factory=dict)
    _evidence: OrderedDict[tuple[str, str], Evidence] = field(default_factory=OrderedDict)
    _cache: OrderedDict[tuple[str, str], Future[AttributionMap]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "maps"))

    @classmethod
    def load(cls, bundle: Path) -> AttributionMaps:
        """Read the description of the committee in the folder `bundle`."""
        return cls(bundle, read_card(bundle))

    def warm_up(self) -> None:
        """Load the networks in the background, so that the first map takes no longer than the others."""
        self._worker.submit(self._open_all)

    def request(self, image_id: str, member: str, data: bytes) -> Future[AttributionMap]:
        """Return the map of a member for an image; it may still be in the making.

        Args:
            image_id: The image, as the key of the cache.
            member: Name of the member.
            data: Bytes of the image file.

        Returns:
            A future. Its result raises `FacesiftError` or `BadImage` when the map cannot be made.

        Raises:
            KeyError: The committee has no such member.
        """
        entry = {each.name: each for each in self.card.members}[member]
        return self._cached(image_id, f"member {member}", lambda: self._draw(image_id, entry, data))

    def request_committee(self, image_id: str, data: bytes, *, neutral: bool) -> Future[AttributionMap]:
        """Return the map of the whole committee for an image: the mean of its members' maps, each scaled to one.

        Args:
            image_id: The image, as the key of the cache.
            data: Bytes of the image file.
            neutral: Show where the committee looks, and not whether that speaks for or against a fake.
        """
        return self._cached(image_id, f"committee {neutral}", lambda: self._draw_committee(image_id, data, neutral))

    def _cached(self, image_id: str, name: str, make: Callable[[], AttributionMap]) -> Future[AttributionMap]:
        with self._lock:
            future = self._cache.pop((image_id, name), None)
            if future is None or (future.done() and future.exception()):
                future = self._worker.submit(make)
            self._cache[image_id, name] = future
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)[1].cancel()
            return future

    def close(self) -> None:
        """Cancel the maps that are waiting."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _draw(self, image_id: str, member: MemberCard, data: bytes) -> AttributionMap:
        photo = self._decode(data)
        found = self._evidence_of(image_id, member, photo)
        words = describe_change if found.blurred else describe_place
        return draw_map(found.values, photo.size, found.box, words(found.values, self.card.positive))

    def _draw_committee(self, image_id: str, data: bytes, neutral: bool) -> AttributionMap:  # noqa: FBT001
        photo = self._decode(data)
        parts, reasons = [], []
        for member in self.card.members:
            try:
                parts.append(self._evidence_of(image_id, member, photo))
            except FacesiftError as error:  # a hidden layer: the others show what they see
                reasons.append(str(error))
        if not parts:
            raise FacesiftError("; ".join(reasons))
        values = mean_evidence(parts, photo.size)
        words = describe_place(values, "" if neutral else self.card.positive)
        return draw_map(np.abs(values) if neutral else values, photo.size, (0, 0, *photo.size), words)

    def _decode(self, data: bytes) -> Image.Image:
        return decode(data, self.card.image.max_pixels, self.card.image.formats)

    def _evidence_of(self, image_id: str, member: MemberCard, photo: Image.Image) -> Evidence:
        key = image_id, member.name
        if key not in self._evidence:
            head = member.backbone is not None
            self._evidence[key] = self._head_evidence(member, photo) if head else self._occlusion(member, photo)
            while len(self._evidence) > CACHE_SIZE:
                self._evidence.popitem(last=False)
        return self._evidence[key]

    def _occlusion(self, member: MemberCard, photo: Image.Image) -> Evidence:
        seen = self._opened_preprocessor().apply(photo)
        changes = attribute(self._scorer(member), seen.pixels, self.card.class_names)
        return Evidence(changes, seen.box, blurred=True)

    def _head_evidence(self, member: MemberCard, photo: Image.Image) -> Evidence:
        maps, finder = self._head(member), self._opened_preprocessor().finder
        face = None if finder is None else finder.find(photo)
        box, values = maps.of(photo, face, maps.clearest)[maps.clearest]
        return Evidence((values - np.median(values)).astype(np.float64), box, blurred=False)

    def _opened_preprocessor(self) -> Preprocessor:
        if self._preprocessor is None:
            verify_files(self.bundle, self.card, [FACES] if self.card.image.crop.finds else [])
            self._preprocessor = Preprocessor.of(self.bundle, self.card)
        return self._preprocessor

    def _head(self, member: MemberCard) -> HeatMaps:
        if member.name not in self._heads:
            from facesift.networks.weights import load_head  # noqa: PLC0415  imports torch
            from facesift.report.heat_map import open_heat_maps  # noqa: PLC0415

            card, path = self.card.backbones[str(member.backbone)], self._checked(member)
            network, number = self.bundle / card.file, self.card.class_names.number
            self._heads[member.name] = open_heat_maps(card.spec, card.blocks, load_head(path), number, network)
        return self._heads[member.name]

    def _scorer(self, member: MemberCard) -> Scorer:
        if member.name not in self._scorers:
            from facesift.networks.weights import load_scorer  # noqa: PLC0415  imports torch

            self._scorers[member.name] = load_scorer(self._checked(member))
        return self._scorers[member.name]

    def _checked(self, member: MemberCard) -> Path:
        path = self.bundle / member.file
        if not path.is_file() or sha256(path) != member.sha256:
            raise FacesiftError(f"{path}: missing or damaged; `dvc pull {self.bundle}` fetches it")
        return path

    def _open_all(self) -> None:
        self._opened_preprocessor()
        for member in self.card.members:
            with contextlib.suppress(FacesiftError):  # said when the map is asked for
                self._scorer(member) if member.backbone is None else self._head(member)


def mean_evidence(parts: Sequence[Evidence], size: tuple[int, int]) -> NDArray[np.float64]:
    """Average the evidence of several members over the whole photo.

    Each member's evidence is scaled to a largest size of 1, as members differ in how far their log-odds reach.

    Args:
        parts: the evidence by member.
        size: width and height of the photo.

    Returns:
        Values from -1 to 1, (rows, columns), with the proportions of the photo.
    """
    scale = CANVAS / max(size)
    width, height = (max(1, round(length * scale)) for length in size)
    total = np.zeros((height, width))
    for part in parts:
        left, top, right, bottom = (round(end * scale) for end in part.box)
        box = max(1, right - left), max(1, bottom - top)
        shown = (part.values / max(float(np.abs(part.values).max()), 1e-9)).astype(np.float32)
        smooth = Image.fromarray(shown).resize(box, Image.Resampling.BILINEAR)
        layer = Image.new("F", (width, height))
        layer.paste(smooth, (left, top))
        total += np.asarray(layer, np.float64)
    return total / len(parts)
