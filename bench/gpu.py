"""Train the published ConvNeXts at full size on one GPU, then tune a backbone: `bench/gpu.sh OUT`.

It needs torch, timm and pytorch-lightning with what they bring (NumPy, Pillow and torchvision among it), and nothing of
DVC, polars or pydantic: bench/pack_faces.py has done all that needs these. SciPy, where it is installed, gives the
intervals of recall and precision. Networks, losses, optimisers and the Lightning module are those of the library.

Each network gets the share of the time that its images are of all images; time left over goes to those after it. The
epoch of lowest validation loss is kept, as in the pipeline. The test images are read once, after all training.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from facesift.core.errors import FacesiftError

ROOT = Path(__file__).resolve().parents[1]
NEEDED = {"torch": "torch", "torchvision": "torchvision", "timm": "timm", "pytorch_lightning": "pytorch-lightning"}


def check_packages() -> None:
    """Check that all packages are there.

    Raises:
        FacesiftError: naming those that are missing.
    """
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise FacesiftError(
            f"not installed: {', '.join(missing)}; `pip install torch timm pytorch-lightning` is enough"
        )


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, train, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for results.json and tables.md")
    parser.add_argument(
        "--packed", type=Path, default=ROOT / ".work/packed_faces", help="folder of bench/pack_faces.py"
    )
    parser.add_argument("--seconds", type=float, default=420.0, help="that all training may take")
    parser.add_argument("--backbone", help="a timm model to tune in place of the one in bench/gpu_backbone.yaml")
    parser.add_argument("--weights", type=Path, help=".safetensors or .pth of the backbone; without it random weights")
    given = parser.parse_args(arguments)
    try:
        check_packages()
        from bench.gpu_run import run  # noqa: PLC0415  it needs these packages

        run(given.packed, given.out, given.seconds, given.backbone, given.weights)
    except FacesiftError as error:
        sys.exit(f"error: {error}")
    print((given.out / "tables.md").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
