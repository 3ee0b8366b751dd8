"""The stacked ensemble's two arrays as safetensors, with the order of its members in the header."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from facesift.committee.stacking import Stacker
from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file


def save_stacker(path: Path, stacker: Stacker, members: list[str], classes: tuple[str, ...]) -> None:
    """Write weight and bias (see `Stacker`); the header names members and classes in the order of the features."""
    features = "relu of the logit of each class, member by member"
    header = {"facesift": json.dumps({"classes": classes, "features": features, "members": members})}
    with whole_file(path) as part:
        part.write_bytes(save({"weight": stacker.weight, "bias": stacker.bias}, metadata=header))


def load_stacker(path: Path, members: list[str], classes: tuple[str, ...]) -> Stacker:
    """Read what `save_stacker` wrote; `FacesiftError` when it is missing, damaged, or of other members or classes."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("facesift", "{}"))
            stacker = Stacker(file.get_tensor("weight"), file.get_tensor("bias"))
    except (OSError, SafetensorError) as error:
        raise FacesiftError(f"{path}: not a readable stacker ({error}); `dvc repro stack`") from error
    found = (header.get("members"), header.get("classes"))
    if found != (members, list(classes)):
        raise FacesiftError(f"{path}: fitted over {found}, asked for {(members, list(classes))}; `dvc repro stack`")
    return stacker
