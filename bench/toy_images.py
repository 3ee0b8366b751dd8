"""Generate images in the folders and zip files that a study expects, in every layout of `data.sources`."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.toy import EVEN, RARE, is_resampled

SIDE = 48
RFF = {"real": "real_and_fake_face/training_real/real_{:05d}.png",
       "fake": "real_and_fake_face/training_fake/easy_{}_1110.png"}  # fmt: skip
FOLDS = {"train": 0.5, "valid": 0.25, "test": 0.25}


def write_study(raw: Path, tree: dict[str, Any]) -> None:
    """Write the images of a study, and of each of its cross tests, below `raw` (`data/raw`)."""
    counts = RARE if is_resampled(tree) else dict.fromkeys(tree["classes"], EVEN)
    write_sources(raw / tree["data"]["raw"], tree["data"]["sources"], counts, predefined=tree["split"]["predefined"])
    for name, other in tree["cross_test"].items():
        write_sources(raw / other["raw"], other["sources"], dict.fromkeys(tree["classes"], EVEN), data_set=name)


def write_sources(
    folder: Path,
    sources: Mapping[str, Mapping[str, Any]],
    counts: Mapping[str, int],
    *,
    predefined: bool = False,
    data_set: str = "",
) -> None:
    """Write one zip file a source.

    Args:
        folder: to write into.
        sources: their layouts, as in `data.sources` of params.yaml.
        counts: images of each class, divided among the sources that hold it.
        predefined: put the images below folders train, valid and test.
        data_set: name that the images depend on: another one gives other images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            table = ["id,label"]
            for place, label, number in _places(source, _share(sources, source, counts), predefined=predefined):
                archive.writestr(place, _png(f"{data_set}/{name}", list(counts).index(label), number))
                table.append(f"{Path(place).name},{label}")
            if source["layout"] == "csv":
                archive.writestr(source["csv"], "\n".join(table) + "\n")


def _share(sources: Mapping[str, Any], source: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, int]:
    """Images of each class for one source: a second source of one class takes half of it.

    So the first has some of each class in every split, as stacks and thresholds by source need.
    """
    one_class = {other["label"]: other for other in sources.values() if other["layout"] == "one_class"}
    if source["layout"] == "one_class":
        return {source["label"]: counts[source["label"]] // 2}
    return {label: count - (count // 2 if label in one_class else 0) for label, count in counts.items()}


def _places(
    source: Mapping[str, Any], counts: Mapping[str, int], *, predefined: bool
) -> Iterator[tuple[str, str, int]]:
    """Yield the path inside the zip, the class and the running number of each image."""
    for label, count in counts.items():
        for number in range(count):
            file = f"{label}_{number:04d}.png"
            if source["layout"] == "rff":
                yield RFF[label].format(number), label, number
            elif source["layout"] == "class_folders":
                yield f"{_fold(number, count) + '/' if predefined else ''}{label.upper()}/{file}", label, number
            else:
                yield f"{source['folder']}/{file}", label, number


def _fold(number: int, count: int) -> str:
    ends = np.cumsum(list(FOLDS.values())) * count
    return list(FOLDS)[int(np.searchsorted(ends, number, side="right"))]


def _png(source: str, label: int, number: int) -> bytes:
    """Draw a PNG of coarse noise, unlike any other to a perceptual hash; each class but the first has its patch."""
    rng = np.random.default_rng([zlib.crc32(source.encode()), label, number])
    coarse = Image.fromarray(rng.integers(0, 160, (7, 7, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.NEAREST)).copy()
    if label:
        row, column = divmod(label - 1, 2)
        pixels[8 + 16 * row : 24 + 16 * row, 8 + 16 * column : 24 + 16 * column] += 90
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()
