"""CLIP's image tower out of an int8 ONNX file: weights dequantised, by the names of timm's vision transformers.

CLIP: Radford et al. 2021, https://arxiv.org/abs/2103.00020. The file is what onnxruntime's dynamic quantisation makes
of the tower of the library transformers. A matrix that is multiplied is stored as int8, with one scale and one zero
point for each output; all other weights are float32. The file's activations are int8, too, but not those of timm's
network: its features resemble the file's and are not equal to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Parts of transformers' names -> timm's, in this order. timm calls the projection into CLIP's shared space the head.
NAMES = {
    "vision_model.embeddings.class_embedding": "cls_token",
    "vision_model.embeddings.position_embedding.weight": "pos_embed",
    "vision_model.embeddings.patch_embedding": "patch_embed.proj",
    "vision_model.pre_layrnorm": "norm_pre",
    "vision_model.post_layernorm": "norm",
    "vision_model.encoder.layers": "blocks",
    "visual_projection": "head",
    "layer_norm": "norm",
    "self_attn.out_proj": "attn.proj",
    "self_attn": "attn",
}
TOKENS = ("cls_token", "pos_embed")  # timm's have a first axis of length 1
QUANTISED = ("_quantized", "_scale", "_zero_point")  # ends of the names of a stored matrix's three parts


def read_clip(path: Path, expected: Iterable[str]) -> dict[str, Tensor]:
    """Read the weights of CLIP's image tower.

    Args:
        path: the ONNX file.
        expected: names of the network's tensors. Without a `head.weight` among them, the projection is left out.

    Returns:
        Float32 tensors by timm's names, all of the file's. The head is the projection, its bias is 0.
    """
    tensors = {_timm_name(name): torch.from_numpy(values) for name, values in _dequantised(path).items()}
    tensors |= {name: tensors[name].reshape(1, -1, tensors[name].shape[-1]) for name in TOKENS if name in tensors}
    tensors = _with_joined_attention(tensors)
    projection = tensors.pop("head.weight", None)
    if projection is None or "head.weight" not in set(expected):
        return tensors
    return tensors | {"head.weight": projection, "head.bias": torch.zeros(len(projection))}


def _dequantised(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read all weights by transformers' names: matrices (outputs, inputs) by the node that multiplies with them."""
    import onnx  # noqa: PLC0415  half a second, and other weights do without it

    graph = onnx.load(str(path)).graph
    stored = {part.name: onnx.numpy_helper.to_array(part) for part in graph.initializer}
    weights = {name: np.array(values) for name, values in stored.items() if not name.endswith(QUANTISED)}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            parts = (stored[node.input[1].removesuffix(QUANTISED[0]) + end] for end in QUANTISED)
            layer = node.name.strip("/").removesuffix("/MatMul_quant").replace("/", ".")
            weights[f"{layer}.weight"] = dequantise(*parts)
    return weights


def dequantise(quantised: NDArray[Any], scale: NDArray[np.float32], zero: NDArray[Any]) -> NDArray[np.float32]:
    """Turn a stored matrix (inputs, outputs) into the weight of a linear layer.

    Args:
        quantised: int8 or uint8, shape (inputs, outputs).
        scale: of each output, shape (outputs,), or one for all.
        zero: the whole number that stands for 0, of each output or one for all.

    Returns:
        (quantised - zero) x scale, shape (outputs, inputs).

    >>> dequantise(np.int8([[3, -1], [5, 0]]), np.float32([0.5, 2]), np.int8([1, 0])).tolist()
    [[1.0, 2.0], [-2.0, 0.0]]
    """
    return np.ascontiguousarray(((quantised.astype(np.float32) - zero.astype(np.float32)) * scale).T)


def _timm_name(name: str) -> str:
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def _with_joined_attention(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Join query, key and value of each block, as timm has them in one layer."""
    joined = dict(tensors)
    for name in tensors:
        if ".q_proj." in name:
            parts = [joined.pop(name.replace(".q_proj.", f".{part}_proj.")) for part in "qkv"]
            joined[name.replace(".q_proj.", ".qkv.")] = torch.cat(parts)
    return joined
