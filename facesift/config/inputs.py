"""What a stage that DVC runs does first: holds its files against dvc.lock, and closes the folders that hold faces."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from facesift.core.errors import FacesiftError

LOCK = Path("dvc.lock")
DIGITS = 32  # of an MD5
FOLDERS = (Path("data"), Path("report"), Path(".work"), Path(".dvc/cache"))
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_inputs(stage: str, lock: Path = LOCK) -> None:
    """Compare the files that a stage reads with what the stages that made them have left in dvc.lock.

    DVC itself takes a file for unchanged when its size and time are, so it does not see a byte that the disk has
    changed. Tables carry a checksum of their own, but figures do not, nor does a whole table know where it belongs.
    Folders have their own index. A stage that has never run is not in dvc.lock: then its inputs are new, too.

    Args:
        stage: its name in dvc.lock.
        lock: the file.

    Raises:
        FacesiftError: naming the first file that differs.
    """
    stages = _stages(lock)
    made = {each["path"]: each.get("md5") for held in stages.values() for each in _files(held, "outs")}
    for each in _files(stages.get(stage, {}), "deps"):
        path = Path(each["path"])
        digest = made.get(each["path"])
        whole = isinstance(digest, str) and len(digest) == DIGITS  # another `dvc` may be writing the lock just now
        if whole and path.is_file() and _md5(path) != digest:
            raise FacesiftError(
                f"{path}: differs from dvc.lock, so it is damaged or was changed by hand; delete it, then `dvc "
                f"checkout {path}`, or `dvc repro` where DVC's cache does not hold it"
            )


def _stages(lock: Path) -> Mapping[str, Any]:
    try:
        tree = yaml.load(lock.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}  # DVC names what is wrong with it
    stages = tree.get("stages") if isinstance(tree, dict) else None
    return stages if isinstance(stages, dict) else {}


def _files(stage: Any, kind: str) -> Iterator[dict[str, Any]]:
    entries = stage.get(kind) if isinstance(stage, dict) else None
    yield from (each for each in entries or [] if isinstance(each, dict) and isinstance(each.get("path"), str))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def close_folders(folders: tuple[Path, ...] = FOLDERS) -> None:
    """Let nobody but their owner into the folders that hold faces or name them: DVC writes their files for everybody.

    A folder with the set-group-ID bit (`chmod g+s`) is shared with a group on purpose and stays as it is.
    """
    for folder in folders:
        try:
            mode = folder.stat().st_mode
            if mode & OTHERS and not mode & stat.S_ISGID and folder.stat().st_uid == os.getuid():
                folder.chmod(stat.S_IMODE(mode) & ~OTHERS)
        except (OSError, AttributeError):  # not there, or a system without such modes
            continue
