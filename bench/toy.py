"""Any study cut down to toy size, and images in its layout: the recipes stay, what costs time goes.

Networks keep their kind: only the published ConvNeXt of 206.6 million parameters gets narrow stages.
"""

from __future__ import annotations

import copy
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from omegaconf import OmegaConf
from PIL import Image

Tree = dict[str, Any]

CONF = Path(__file__).resolve().parents[1] / "conf"
SIDE = 64  # pixels: the least that all networks take
REALS, FAKES, EACH = 240, 16, 20  # two classes; of each of several classes
NARROW = {"widths": [8, 16, 32, 64], "depths": [1, 1, 1, 1]}


def compose_study(study: str, *overrides: str) -> Tree:
    """Compose the parameters of `conf/study/<study>.yaml` as `dvc exp run -S study=...` does."""
    with initialize_config_dir(str(CONF), version_base=None):
        tree = OmegaConf.to_container(compose("config", overrides=[f"study={study}", *overrides]), resolve=True)
    return dict(tree)  # type: ignore[arg-type]


def cut_down(tree: Tree) -> Tree:
    """Return the parameters with one epoch (two where the head goes first), random weights and few, small images."""
    toy = copy.deepcopy(tree)
    toy |= {"jobs": 1, "shard": {"images": 200}}
    toy["data"]["image_size"] = min(SIDE, toy["data"]["image_size"])
    toy["split"] |= {"fractions": {"train": 0.5, "val": 0.25, "test": 0.25}, "limit": {}}
    toy["stack"] |= {"folds": 2, "epochs": 1}
    toy["ingest"]["max_bad_fraction"] = 0.0
    _few_neighbours(toy["stack"]["resample"])
    for member in toy["members"].values():
        _cut_member(member)
    return toy


def _cut_member(member: Tree) -> None:
    head_first = bool(member["schedule"].get("head_epochs"))
    member["epochs"] = 2 if head_first else 1
    member["schedule"] |= {"head_epochs": 1 if head_first else 0, "warmup_epochs": 0}
    member["batch_size"] = min(16, member["batch_size"])
    member["architecture"] |= {"pretrained": False, "checkpoint": None}
    if member["architecture"]["name"] == "convnext_thesis":
        member["architecture"]["arguments"] = NARROW
    _few_neighbours(member["resample"])


def _few_neighbours(resample: Tree) -> None:
    if resample["scope"] != "none":
        resample["neighbours"] = 2


def write_images(raw: Path, tree: Tree) -> int:
    """Write a zip for every source of the study in its layout, as downloads have it; return how many images."""
    written = 0
    for name, source in tree["data"]["sources"].items():
        files = list(_files(source, tree["classes"], predefined=tree["split"]["predefined"]))
        raw.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(raw / f"{name}.zip", "w") as archive:
            for number, (path, label) in enumerate(files):
                archive.writestr(path, _jpeg(f"{name}{number}", tree["classes"].index(label)))
            if source["layout"] == "csv":
                rows = [f"{Path(path).name},{label}" for path, label in files]
                archive.writestr(source["csv"], "\n".join(["id,label", *rows]))
        written += len(files)
    return written


def _files(source: Tree, classes: list[str], *, predefined: bool) -> Iterator[tuple[str, str]]:
    """Yield path and label of every image of a source."""
    counts = dict(zip(classes, (REALS, FAKES), strict=True)) if len(classes) == 2 else dict.fromkeys(classes, EACH)
    layout = source["layout"]
    for label, images in counts.items() if layout != "one_class" else [(source["label"], REALS)]:
        for number in range(images):
            name = f"{label}_{number:04d}.jpg"
            if layout == "rff":
                kind = f"easy_{number}_0110.jpg" if label == "fake" else f"real_{number:05d}.jpg"
                yield f"real_and_fake_face/training_{label}/{kind}", label
            elif layout == "class_folders":
                fold = ("train", "train", "valid", "test")[number % 4] if predefined else "all"
                yield f"{fold}/{label.upper()}/{name}", label
            else:
                yield f"{source['folder']}/{name}", label


def _jpeg(name: str, label: int) -> bytes:
    """A coarse pattern of its own for every image, with a patch whose brightness tells the class."""
    rng = np.random.default_rng(list(name.encode()))
    coarse = rng.integers(0, 150, (9, 9, 3), dtype=np.uint8)
    pixels: NDArray[np.uint8] = np.asarray(Image.fromarray(coarse).resize((72, 72), Image.Resampling.NEAREST)).copy()
    pixels[20:52, 20:52] += np.uint8(25 * label)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=90)
    return data.getvalue()
