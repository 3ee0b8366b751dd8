"""A planted study: `params.yaml`, raw images and the tables that the reviewer's page reads."""

from pathlib import Path

import numpy as np
import polars as pl
import yaml

from facesift.core.files import write_parquet
from facesift.review.server import ReviewRequest
from tests.made import ROOT
from tests.review.planted import id_of, plant_images


def plant_study(folder: Path, labels: list[str], **review) -> list[str]:
    """Write a study of test images, all decided by their label; return their image_ids.

    Args:
        folder: gets `params.yaml` and `data/`.
        labels: the label of each image.
        review: values of the parameters `review`.
    """
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["review"] |= review
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    paths = plant_images(folder / "data/raw/portraits", len(labels))
    ids = [id_of(path) for path in paths]
    fake = np.array([0.9 if label == "fake" else 0.1 for label in labels])
    logits = np.log(np.stack([1 - fake, fake], axis=1)).astype(np.float32)
    given = {"image_id": ids, "split": "test", "label": labels}
    write(folder, "decisions", given | {"vote_stacker": labels, "decision": labels})
    write(folder, "calibrated", {"image_id": ids, "split": "test", "probability": fake})
    write(folder, "split", given | {"source": "portraits", "group": list(range(len(ids)))})
    write(folder, "stack", {"image_id": ids, "split": "test", "logit_real": logits[:, 0], "logit_fake": logits[:, 1]})
    names = [path.name for path in paths]
    manifest = {"image_id": ids, "container": ".", "path": names, "label": labels, "original_label": labels}
    write(folder, "manifest", manifest | {"reviewers": ""})
    return ids


def write(folder: Path, name: str, columns) -> None:
    write_parquet(folder / f"data/{name}.parquet", pl.DataFrame(columns))


def change(folder: Path, name: str, **columns) -> None:
    """Change columns of a table of the study."""
    path = folder / f"data/{name}.parquet"
    write_parquet(path, pl.read_parquet(path).with_columns(**columns))


def study_request(folder: Path, reviewer: str = "anna", **changes) -> ReviewRequest:
    given = {
        "decisions": folder / "data/decisions.parquet", "answers": folder / "data/reviews",
        "bundle": folder / "none", "reviewer": reviewer, "port": 0,
    }  # fmt: skip
    return ReviewRequest(**given | changes)


def shown(state) -> list[dict]:
    """All images that wait for the reviewer, as the page may show them."""
    images, start = [], 0
    while (found := state.item(start, 1, "unanswered"))["item"] and not found["wrapped"]:
        images.append(found["item"])
        start = found["item"]["position"] + 1
    return images


def shown_ids(state) -> list[str]:
    return [each["image_id"] for each in shown(state)]


def work(state, answer="real") -> None:
    """Answer every image that waits."""
    for each in shown_ids(state):
        state.answer(each, answer, 1.0, None)
