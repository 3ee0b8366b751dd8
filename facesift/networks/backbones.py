"""Frozen backbones: an image's views in, its features out, by ONNX Runtime or torch.

All views of one image go through the network together, and no two images do: int8 networks scale their activations by
the whole batch, so an image's features would otherwise depend on its neighbours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesift.config.backbones import ONNX, POOL, Backbone
from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import sha256
from facesift.images.faces import Face
from facesift.images.views import cut_views, squares_of
from facesift.networks.pinned_files import PINNED
from facesift.shards.index import FeatureBlock

INSTALL = "`facesift weights clip` installs it"
BLOCK = "block_"  # how outputs of single blocks are called, before the number
# Maps normalised views (v, 3, side, side) to outputs by name of `config.backbones.Pool`: (v, width) each.
Network = Callable[[NDArray[np.float32]], dict[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class OpenBackbone:
    """A backbone that is ready to compute features.

    Attributes:
        spec: its parameters.
        side: side of the network's input in pixels.
        network: computes its outputs.
    """

    spec: Backbone
    side: int
    network: Network

    def features(self, image: Image.Image, face: Face | None) -> NDArray[np.float16]:
        """Compute the features of one upright RGB image.

        Args:
            image: of any size.
            face: the largest face in it; None without one.

        Returns:
            The outputs that `spec.pool` names of each view, one after the other: shape (width,), see `blocks`.
        """
        return self.features_of(cut_views(image, self.spec.views, self.spec.centre, self.side, face))

    def features_of(self, views: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Compute the features of one image from its views (v, side, side, 3); see `features`."""
        outputs = self.network(normalised(views, self.spec))
        return np.concatenate([outputs[pool][view] for view in range(len(views)) for pool in self.spec.pool]).astype(
            np.float16
        )

    def blocks(self) -> list[FeatureBlock]:
        """Return what the features consist of, in their order."""
        blank = np.zeros((1, self.side, self.side, 3), np.uint8)
        widths = {pool: values.shape[1] for pool, values in self.network(normalised(blank, self.spec)).items()}
        squares = squares_of(self.spec.views)
        return [
            FeatureBlock(view=square, pool=pool, width=widths[pool]) for square in squares for pool in self.spec.pool
        ]


def normalised(views: NDArray[np.uint8], spec: Backbone) -> NDArray[np.float32]:
    """Turn views (v, side, side, 3) in 0 to 255 into the network's input (v, 3, side, side)."""
    mean, std = (np.array(values, np.float32) for values in (spec.mean, spec.std))
    scaled = (views.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def backbone_file(spec: Backbone) -> Path | None:
    """Find the file of a backbone's weights; None where timm fetches them, or where they are random.

    Raises:
        FacesiftError: when the package or the file is not there, or is not the known one.
    """
    file = spec.name.removeprefix(ONNX) if spec.name.startswith(ONNX) else spec.checkpoint
    if file is None:
        return None if spec.package is None else _packaged(spec.package, spec.name)
    path = Path(file)
    if spec.package is not None:
        try:
            path = Path(str(distribution(spec.package).locate_file(file)))
        except PackageNotFoundError as error:
            raise FacesiftError(f"backbones: package {spec.package} is not installed; {INSTALL}") from error
    if not path.is_file():
        raise FacesiftError(f"backbones: {path} is not there; {INSTALL if spec.package else 'give a file that is'}")
    pinned = PINNED.get(spec.package or "")
    if pinned is not None and (digest := sha256(path)) != pinned.sha256:
        raise FacesiftError(f"{path}: not the known network, SHA-256 {digest} instead of {pinned.sha256}; {INSTALL}")
    return path


def _packaged(package: str, network: str) -> Path:
    """Find the weights of a timm model in a package that is for that model."""
    from facesift.networks.package_weights import check_network, find_weights  # noqa: PLC0415  torch takes seconds

    check_network(package, network)
    return find_weights(package).path


def backbone_identity(spec: Backbone) -> str:
    """Return what identifies a backbone's weights: the SHA-256 of their file, or the name under which timm has them."""
    path = backbone_file(spec)
    return spec.name if path is None else sha256(path)


def open_backbone(spec: Backbone, threads: int = 1) -> OpenBackbone:
    """Open a backbone.

    Args:
        spec: its parameters.
        threads: that compute; several processes share the work of a stage, so one each.

    Raises:
        FacesiftError: when its weights are not there, or the network gives no output that `spec.pool` names.
    """
    path = backbone_file(spec)
    if path is not None and spec.name.startswith(ONNX):
        opened = OpenBackbone(spec, *open_onnx(with_block_outputs(path, spec), threads))
    else:
        from facesift.networks.timm_backbones import open_timm  # noqa: PLC0415  torch takes seconds

        opened = OpenBackbone(spec, *open_timm(spec, path))
    outputs = opened.network(np.zeros((1, 3, opened.side, opened.side), np.float32))
    if missing := [pool for pool in spec.pool if pool not in outputs]:
        raise FacesiftError(f"backbone {spec.name}: `pool` {missing[0]}: it gives only {', '.join(outputs)}")
    return opened


@lru_cache(maxsize=2)
def _kept(spec: str, _process: int) -> OpenBackbone:
    return open_backbone(Backbone.model_validate_json(spec))


def kept_backbone(spec: Backbone) -> OpenBackbone:
    """Return a backbone that is opened once per process, for workers."""
    return _kept(spec.model_dump_json(), os.getpid())


def open_onnx(network: Path | bytes, threads: int) -> tuple[int, Network]:
    """Open an image tower in ONNX: one input (n, 3, side, side); outputs (n, width) or tokens (n, tokens, width).

    Returns:
        The side of its input in pixels, and the network.

    Raises:
        FacesiftError: when onnxruntime is missing or cannot open it.
    """
    return onnx_tower(onnx_session(network, threads), "" if isinstance(network, bytes) else f" {network}")


def onnx_session(network: Path | bytes, threads: int) -> Any:
    """Open an ONNX file, or its bytes, as an `onnxruntime.InferenceSession`.

    Raises:
        FacesiftError: when onnxruntime is missing or cannot open it.
    """
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise FacesiftError("onnx: backbones need onnxruntime: `pip install -e '.[screen]'`") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3  # errors alone
    source = network if isinstance(network, bytes) else str(network)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a dozen classes of its own, without a common one
        name = "" if isinstance(network, bytes) else f" {network}"
        raise FacesiftError(f"backbone{name}: onnxruntime cannot open it ({error})") from error


def onnx_tower(session: Any, name: str) -> tuple[int, Network]:
    """Use an open ONNX session as an image tower, see `open_onnx`.

    Args:
        session: an `onnxruntime.InferenceSession`. Outputs that are named as in `config.backbones.Pool` are taken as
            such, others by their shape, see `outputs_of`.
        name: of the network, for the message.

    Raises:
        FacesiftError: when the side of its input is not fixed.
    """
    (images,) = session.get_inputs()
    side, names = images.shape[-1], [output.name for output in session.get_outputs()]
    if not isinstance(side, int):
        raise FacesiftError(f"backbone{name}: its input {images.shape} has no fixed side")
    named = all(re.fullmatch(POOL, output) for output in names)

    def run(views: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        values = dict(zip(names, session.run(None, {images.name: views}), strict=True))
        return values if named else outputs_of(values)

    return side, run


def outputs_of(values: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Pool a tower's outputs, see `config.backbones.Pool`.

    Args:
        values: by name: tokens (v, tokens, width), of the last block or, named `block_N`, of another; or an embedding
            (v, width).

    Returns:
        Each pooled output (v, width) by its name.
    """
    outputs: dict[str, NDArray[np.float32]] = {}
    for name, value in values.items():
        if value.ndim == 3:  # (views, tokens, width)
            block = f".{name.removeprefix(BLOCK)}" if name.startswith(BLOCK) else ""
            outputs |= {f"class{block}": value[:, 0], f"mean{block}": value[:, 1:].mean(axis=1)}
        else:
            outputs["embedding"] = value
    return outputs


def with_block_outputs(path: Path, spec: Backbone) -> Path | bytes:
    """Let a tower in ONNX give the tokens after the blocks that `spec.pool` names, too, as outputs `block_N`.

    If it names nothing else, later blocks are cut off: ONNX Runtime would compute them in vain. Blocks are found as
    Hugging Face's exporter names them: `.../layers.<N - 1>/Add_1` is the end of block N.

    Args:
        path: the ONNX file.
        spec: parameters of the backbone.

    Returns:
        The file itself when no block is asked for, else the bytes of an ONNX file.

    Raises:
        FacesiftError: without the package onnx, or when a block is not found.
    """
    if not spec.blocks:
        return path
    try:
        import onnx  # noqa: PLC0415  half a second
        from onnx.utils import Extractor  # noqa: PLC0415
    except ImportError as error:
        raise FacesiftError("backbones: `pool` of single blocks needs onnx: `pip install -e '.[screen]'`") from error
    model = onnx.load(path)
    ends = {node.output[0]: node for node in model.graph.node if node.op_type == "Add" and len(node.output) == 1}
    for block in spec.blocks:
        found = [name for name in ends if f"/layers.{block - 1}/Add_1_output" in name]
        if len(found) != 1:
            raise FacesiftError(f"{path}: the end of block {block} is not found; `pool` can name blocks that are there")
        model.graph.node.append(onnx.helper.make_node("Identity", found, [f"{BLOCK}{block}"]))
        model.graph.output.append(onnx.helper.make_tensor_value_info(f"{BLOCK}{block}", onnx.TensorProto.FLOAT, None))
    if all("." in pool for pool in spec.pool):
        inputs = [each.name for each in model.graph.input]
        model = Extractor(model).extract_model(inputs, [f"{BLOCK}{block}" for block in spec.blocks])
    return bytes(model.SerializeToString(deterministic=True))
