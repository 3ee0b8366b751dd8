"""Read a checkpoint of any trainer without running code, and match its tensors with a network by name and shape."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from facesift.core.errors import FacesiftError

NESTS = ("state_dict", "model_state_dict", "model")  # keys under which trainers save the weights
PREFIXES = ("module.", "_orig_mod.", "model.", "network.")  # of DataParallel, torch.compile, Lightning, our own module
SUFFIXES = (".safetensors", ".pth", ".pt")


def read_checkpoint(path: Path, key: str = "architecture.checkpoint") -> dict[str, Tensor]:
    """Read the tensors of a `.safetensors`, `.pth` or `.pt` file on the CPU.

    Pickles go through torch's weights-only reader: no code in them is run.

    Args:
        path: the file.
        key: the parameter that names the file, for messages.

    Returns:
        Tensors by name, as the file names them.

    Raises:
        FacesiftError: when the file is missing, damaged, of another kind, or holds anything but data.
    """
    if path.suffix not in SUFFIXES:
        raise FacesiftError(f"{key} {path}: not one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FacesiftError(f"{key} {path}: no such file")
    try:
        return _read(path, key)
    except UnpicklingError as error:
        raise FacesiftError(_refusal(path, key, str(error))) from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, LookupError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise FacesiftError(f"{key} {path}: not a readable {path.suffix} file ({reason})") from error


def _read(path: Path, key: str) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file  # noqa: PLC0415

        return load_file(path)
    return _tensors_in(torch.load(path, map_location="cpu", weights_only=True), path, key)


def _refusal(path: Path, key: str, reason: str) -> str:
    """Word the refusal: torch's own message advises to switch the protection off."""
    held = re.search(r"GLOBAL ([\w.]+)", reason)
    what = f"it holds {held[1]}, and loading that could run code" if held else "not a pickle of tensors alone"
    return (
        f"{key} {path}: refused, {what}. Right is a .safetensors file, or what "
        "torch.save(model.state_dict(), ...) writes"
    )


def _tensors_in(tree: Any, path: Path, key: str) -> dict[str, Tensor]:
    """Find the table of tensors in what a trainer saved, below keys such as `state_dict`."""
    while isinstance(tree, dict) and (nest := next((key for key in NESTS if isinstance(tree.get(key), dict)), None)):
        tree = tree[nest]
    if not isinstance(tree, dict) or not tree or not all(isinstance(value, Tensor) for value in tree.values()):
        raise FacesiftError(f"{key} {path}: no table of tensors, neither at its top nor below {NESTS}")
    return dict(tree)


def without_wrappers(tensors: dict[str, Tensor], expected: set[str]) -> dict[str, Tensor]:
    """Drop the prefixes that wrappers (DataParallel, torch.compile, Lightning) put before every name.

    Args:
        tensors: weights by name.
        expected: the network's names. A prefix that one of them has stays.

    Returns:
        The same tensors by their shorter names.

    >>> list(without_wrappers({"module.fc.weight": torch.zeros(1)}, {"fc.weight"}))
    ['fc.weight']
    """
    foreign = [prefix for prefix in PREFIXES if not any(name.startswith(prefix) for name in expected)]
    while tensors and (outer := next((one for one in foreign if all(name.startswith(one) for name in tensors)), None)):
        tensors = {name.removeprefix(outer): tensor for name, tensor in tensors.items()}
    return tensors


def other_classes(tensors: dict[str, Tensor], expected: dict[str, Tensor], head: set[str]) -> set[str]:
    """Find out whether the checkpoint's head differs from the network's in its number of classes alone.

    Args:
        tensors: weights of the checkpoint by name.
        expected: weights of the network by name.
        head: names of the head's parameters.

    Returns:
        `head` if so; an empty set when the head fits, or differs in more than that.
    """
    if not head <= tensors.keys():
        return set()
    pairs = [(tensors[name].shape, expected[name].shape) for name in head]
    rest_fits = all(theirs[1:] == ours[1:] for theirs, ours in pairs)
    return set(head) if rest_fits and any(theirs != ours for theirs, ours in pairs) else set()


def mismatches(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """Describe how two tables of tensors differ.

    Args:
        tensors: weights of a checkpoint by name.
        expected: weights of the network by name.

    Returns:
        At most one line each for missing, unexpected and misshapen tensors; an empty list when all fit.
    """
    # Batch norms count their batches since 2018 only, and the count decides nothing.
    missing = [name for name in expected if name not in tensors and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in tensors if name not in expected]
    both = [name for name in expected if name in tensors and tensors[name].shape != expected[name].shape]
    misshapen = [f"{name} {tuple(tensors[name].shape)} where {tuple(expected[name].shape)} is right" for name in both]
    kinds = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    return [f"{len(found)} {kind}, first {', '.join(found[:2])}" for kind, found in kinds.items() if found]
