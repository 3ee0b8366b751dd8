"""The stacked ensemble's two arrays as safetensors, with the order of its members in the header."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.numpy import save

from facesift.committee.stacking import Stacker
from facesift.storage import whole_file


def save_stacker(path: Path, stacker: Stacker, members: list[str]) -> None:
    """Write `weight` (2, 2 x members) and `bias` (2,); the header names the members in the order of the features."""
    header = {"facesift": json.dumps({"members": members, "features": "relu of logit_real, logit_fake of each member"})}
    with whole_file(path) as part:
        part.write_bytes(save({"weight": stacker.weight, "bias": stacker.bias}, metadata=header))
