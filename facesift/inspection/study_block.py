"""The block of parameters that makes a study of what was inspected: a file for conf/study/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from facesift.config.compose import CONF
from facesift.core.errors import FacesiftError
from facesift.inspection.inspecting import Inspection

MODEL = "folders"  # the study whose other values are taken
COMMENT = "# Made by `facesift inspect`. Check the labels, then: make study NAME={name} && dvc repro"


def sources_block(inspection: Inspection) -> dict[str, Any]:
    """Return the key `data` with the raw folder and its source."""
    return {"raw": inspection.name, "sources": {inspection.name: inspection.best.block}}


def study_text(inspection: Inspection, conf: Path = CONF) -> str:
    """Write the file conf/study/NAME.yaml.

    Args:
        inspection: what was found.
        conf: the folder that has the study `MODEL`.

    Returns:
        Its text, with the block `data`, and all other values as in the study of one's own folders.

    Raises:
        FacesiftError: when that study is not there.
    """
    path = conf / "study" / f"{MODEL}.yaml"
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise FacesiftError(f"{path}: cannot be read ({error}); run this in the root of a clone of facesift") from error
    tree |= {"study": inspection.name, "data": tree["data"] | sources_block(inspection)}
    lines = ["# @package _global_", COMMENT.format(name=inspection.name)]
    if inspection.other_classes:
        tree["classes"] = inspection.other_classes
    return "\n".join([*lines, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100).rstrip(), ""])
