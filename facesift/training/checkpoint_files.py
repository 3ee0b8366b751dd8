"""The files of a running training: written whole, and set aside when they are damaged."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from facesift.core.errors import FacesiftError
from facesift.core.files import whole_file
from facesift.core.parts import remove

LAST = "last.ckpt"  # where an interrupted training goes on
BEST = "best.ckpt"  # the epoch that is kept so far
DAMAGED = ".damaged"


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes each checkpoint beside its place and renames it there, so that a kill leaves the old one or the new one.

    Lightning writes it below the folder for temporary files, which may be on another disk, and then copies it.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: state of model and training.
            path: the file to write.
            storage_options: not used.
        """
        del storage_options
        with whole_file(Path(path)) as part:
            torch.save(checkpoint, part)


def find_checkpoint(directory: Path) -> Path | None:
    """Return the checkpoint that an interrupted training goes on from, if there is a good one.

    When one of the files is damaged, both are set aside and training begins anew.

    Args:
        directory: holds the running checkpoints.

    Returns:
        The file; None: begin at the first epoch.
    """
    if not (directory / LAST).exists():
        return None
    damaged = [name for name in (LAST, BEST) if not is_whole(directory / name)]
    if not damaged:
        return directory / LAST
    for name in (LAST, BEST):
        if (directory / name).exists():
            remove(directory / f"{name}{DAMAGED}")
            (directory / name).replace(directory / f"{name}{DAMAGED}")
    print(f"{directory / damaged[0]}: damaged, set aside; training begins anew", flush=True)  # noqa: T201
    return None


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint can be read and every tensor in it has its checksum.

    A checkpoint is a zip file. It holds a CRC-32 of each tensor, which torch writes but does not check.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile):
        return False


def read_best(directory: Path) -> dict[str, Any]:
    """Read the weights of the epoch that is kept.

    Args:
        directory: holds the running checkpoints.

    Returns:
        The module's state, on the CPU.

    Raises:
        FacesiftError: when the file is damaged.
    """
    path = directory / BEST
    if not is_whole(path):
        raise FacesiftError(f"{path}: damaged; run `dvc repro` again, training begins anew")
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    return state
