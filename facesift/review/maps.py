"""Where a member of the committee looked: how its opinion changes when a part of the image is blurred.

Occlusion (Zeiler and Fergus 2014) serves every kind of member and asks the member itself; Grad-CAM's map would be two
by two fields for a ConvNeXt that sees 64 pixels. Blurred pixels stand in (Fong and Vedaldi 2017): a grey patch would
itself look like a manipulation.
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

from facesift.bundle.card import CARD, Card, MemberCard, read_card
from facesift.bundle.preprocessing import Preprocessor
from facesift.committee.calibration import margins_of
from facesift.core.classes import Classes
from facesift.core.errors import FacesiftError
from facesift.core.files import sha256
from facesift.core.scores import Scorer
from facesift.images.decoding import decode
from facesift.review.map_drawing import Map, draw

WINDOWS = 5  # a window's side is this part of the image's; windows overlap by half
BATCH = 16  # windows scored at once
KEPT = 64  # maps


def attribute(scorer: Scorer, pixels: NDArray[np.uint8], classes: Classes) -> NDArray[np.float64]:
    """By how much each pixel's window raises a member's log-odds of the positive class: (S, S, 3) -> (S, S).

    Positive: with this part blurred the member is less sure that the image is of the positive class.
    """
    import torch  # noqa: PLC0415
    from captum.attr import Occlusion  # type: ignore[import-untyped]  # noqa: PLC0415

    def margins(batch: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(margins_of(scorer(batch.numpy()), classes))

    size = len(pixels)
    window = max(2, size // WINDOWS)
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(window / 2)))
    given, baseline = (torch.from_numpy(each.astype(np.float32))[None] for each in (pixels, blurred))
    with torch.inference_mode():
        changes = Occlusion(margins).attribute(
            given,
            sliding_window_shapes=(window, window, 3),
            strides=(window // 2, window // 2, 3),
            baselines=baseline,
            perturbations_per_eval=BATCH,
        )
    return changes[0, :, :, 0].numpy().astype(np.float64)


def missing(bundle: Path) -> str:
    """Say what maps lack on this machine; "" when they can be made."""
    if not (bundle / CARD).is_file():
        return f"Maps need the committee's bundle, and {bundle} is none (--bundle)."
    lacking = [name for name in ("torch", "captum") if importlib.util.find_spec(name) is None]
    return f"Maps need {' and '.join(lacking)}: install facesift[train]." if lacking else ""


@dataclass
class Maps:
    """Makes maps one after another in a thread of its own, and keeps the last `KEPT`."""

    bundle: Path
    card: Card
    _preprocessor: Preprocessor | None = None
    _scorers: dict[str, Scorer] = field(default_factory=dict)
    _kept: OrderedDict[tuple[str, str], Future[Map]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "maps"))

    @classmethod
    def of(cls, bundle: Path) -> Maps:
        return cls(bundle, read_card(bundle))

    def ask(self, image_id: str, member: str, data: bytes) -> Future[Map]:
        """Return the map of `member` for an image with these bytes; `KeyError` for a name that is no member.

        The future raises `FacesiftError` or `BadImage` when it cannot be made.
        """
        entry = {each.name: each for each in self.card.members}[member]
        with self._lock:
            future = self._kept.pop((image_id, member), None)
            if future is None or (future.done() and future.exception()):
                future = self._worker.submit(self._make, entry, data)
            self._kept[image_id, member] = future
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)[1].cancel()
            return future

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _make(self, member: MemberCard, data: bytes) -> Map:
        photo = decode(data, self.card.image.max_pixels)
        if self._preprocessor is None:
            self._preprocessor = Preprocessor.of(self.bundle, self.card)
        seen = self._preprocessor.apply(photo)
        changes = attribute(self._scorer(member), seen.pixels, self.card.class_names)
        return draw(changes, photo.size, seen.box, self.card.positive)

    def _scorer(self, member: MemberCard) -> Scorer:
        if member.name not in self._scorers:
            from facesift.networks.weights import load_scorer  # noqa: PLC0415  takes torch along

            path = self.bundle / member.file
            if not path.is_file() or sha256(path) != member.sha256:
                raise FacesiftError(f"{path}: missing or damaged; `dvc pull {self.bundle}` fetches it")
            self._scorers[member.name] = load_scorer(path)
        return self._scorers[member.name]
