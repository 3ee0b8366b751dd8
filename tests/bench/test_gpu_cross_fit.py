"""The cross-fit on a GPU, at toy size on the CPU: who is scored by whom, what learns, and what the figures are."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from bench import gpu_cross_fit
from bench.gpu_cross_fit import Crops, auc, cross_fit, figures, read_crops
from bench.pack_crops import folds_of


class Brightness(torch.nn.Module):
    """A network of one weight and a head, on the mean of an image."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(1, 2)

    def forward(self, images):
        return self.head(images.mean(dim=(1, 2, 3), keepdim=False)[:, None])


@pytest.fixture
def crops():
    rng = np.random.default_rng(1)
    labels = np.arange(80) % 2
    pixels = np.clip(rng.normal(110 + 40 * labels[:, None, None, None], 10, (80, 16, 16, 3)), 0, 255).astype(np.uint8)
    return Crops(
        pixels, labels.astype(np.int64), np.arange(80) // 40, np.arange(80), np.array([f"{row}" for row in range(80)])
    )


@pytest.fixture
def seen(monkeypatch):
    """Every training's number of versions and images."""
    sizes, train = [], gpu_cross_fit.train
    monkeypatch.setattr(gpu_cross_fit, "tuned_backbone", lambda *_: Brightness())
    monkeypatch.setattr(gpu_cross_fit, "RATE", 0.5)

    def recorded(network, images, *rest):
        sizes.append(tuple(images[0].shape[:2]))
        return train(network, images, *rest)

    monkeypatch.setattr(gpu_cross_fit, "train", recorded)
    return sizes


def test_each_image_is_scored_by_a_network_that_did_not_see_its_fold(crops, seen):
    scores = cross_fit(crops, 16, None, 20, 0)
    assert seen == [(1, 40), (1, 40)]
    assert auc(scores["plain"], crops.labels) > 0.95
    assert set(scores) == {"plain", "jpeg", "blur"}


def test_damaged_copies_are_learned_from_beside_the_images(crops, seen):
    cross_fit(crops, 16, None, 1, 2)
    assert seen == [(3, 40), (3, 40)]


def test_norms_and_head_of_the_backbone_learn_and_nothing_else(monkeypatch):
    monkeypatch.setattr(gpu_cross_fit, "BACKBONE", "vit_tiny_patch16_224")
    network = gpu_cross_fit.tuned_backbone(32, None)
    learning = {name for name, each in network.named_parameters() if each.requires_grad}
    assert learning == {name for name, _ in network.named_parameters() if "norm" in name or name.startswith("head.")}


def test_near_duplicates_stay_in_one_fold():
    groups = np.arange(200) // 2
    folds = folds_of(np.arange(200) % 2, groups)
    assert (folds[::2] == folds[1::2]).all()
    assert len(set(folds)) == 5


def test_packed_images_are_read_in_order(tmp_path):
    for part in range(2):
        with zipfile.ZipFile(tmp_path / f"crops{part}.zip", "w") as archive:
            for number in range(2):
                buffer = io.BytesIO()
                Image.new("RGB", (8, 8), (60 * (2 * part + number), 0, 0)).save(buffer, "PNG")
                archive.writestr(f"{2 * part + number:06d}.jpg", buffer.getvalue())
    np.savez(
        tmp_path / "crops.npz", labels=[0, 1, 0, 1], folds=[0, 0, 1, 1], groups=[0, 0, 1, 2], ids=["a", "b", "c", "d"]
    )
    found = read_crops(tmp_path)
    assert found.pixels[:, 0, 0, 0].tolist() == [0, 60, 120, 180]
    assert found.ids.tolist() == ["a", "b", "c", "d"]


def test_figures_count_pairs_of_a_fake_and_its_own_original():
    labels, groups = np.array([1, 0, 1, 0, 0]), np.array([0, 0, 1, 1, 2])
    crops = Crops(np.zeros((5, 8, 8, 3), np.uint8), labels, np.zeros(5, np.int64), groups, np.array(list("abcde")))
    found = figures(crops, np.array([3.0, 1.0, 0.5, 2.0, 0.0]))
    assert (found["pairs"], found["fake_above"]) == (2, 1)
    assert found["auc"] == pytest.approx(4 / 6)
    assert found["recall"]["0.05"] == pytest.approx(0.5)
