"""Attribution maps: how a member's score changes when a part of the image is blurred (occlusion).

Occlusion (Zeiler and Fergus 2014) works for every kind of member, because it only needs scores. Grad-CAM would give a
map of two by two cells for a ConvNeXt that sees 64 pixels. Parts are blurred (Fong and Vedaldi 2017) and not replaced
by a grey patch, which would itself look like a manipulation.
"""

from __future__ import annotations

import importlib.util
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

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
from facesift.review.attribution_drawing import AttributionMap, draw_map

WINDOWS = 5  # windows beside each other on one side of the image; they overlap by half
BATCH = 16  # windows scored at once
CACHE_SIZE = 64  # maps


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
    return f"Maps need {' and '.join(lacking)}: install facesift[train]." if lacking else ""


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
    _cache: OrderedDict[tuple[str, str], Future[AttributionMap]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "maps"))

    @classmethod
    def load(cls, bundle: Path) -> AttributionMaps:
        """Read the description of the committee in the folder `bundle`."""
        return cls(bundle, read_card(bundle))

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
        with self._lock:
            future = self._cache.pop((image_id, member), None)
            if future is None or (future.done() and future.exception()):
                future = self._worker.submit(self._make, entry, data)
            self._cache[image_id, member] = future
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)[1].cancel()
            return future

    def close(self) -> None:
        """Cancel the maps that are waiting."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _make(self, member: MemberCard, data: bytes) -> AttributionMap:
        if member.backbone is not None:  # hundreds of passes of its backbone over several views: minutes
            raise FacesiftError(f"{member.name}: no map, as it sees features of {member.backbone} and not the pixels")
        photo = decode(data, self.card.image.max_pixels, self.card.image.formats)
        if self._preprocessor is None:
            verify_files(self.bundle, self.card, [FACES] if self.card.image.crop.finds else [])
            self._preprocessor = Preprocessor.of(self.bundle, self.card)
        seen = self._preprocessor.apply(photo)
        changes = attribute(self._scorer(member), seen.pixels, self.card.class_names)
        return draw_map(changes, photo.size, seen.box, self.card.positive)

    def _scorer(self, member: MemberCard) -> Scorer:
        if member.name not in self._scorers:
            from facesift.networks.weights import load_scorer  # noqa: PLC0415  imports torch

            path = self.bundle / member.file
            if not path.is_file() or sha256(path) != member.sha256:
                raise FacesiftError(f"{path}: missing or damaged; `dvc pull {self.bundle}` fetches it")
            self._scorers[member.name] = load_scorer(path)
        return self._scorers[member.name]
