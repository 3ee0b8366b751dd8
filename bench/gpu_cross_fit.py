"""Cross-fit a tuned backbone on faces at their own resolution, on one GPU: `python -m bench.gpu_cross_fit FOLDER OUT`.

The images are divided into folds. For each fold a vision transformer is tuned on the other ones (norms and head alone
learn), and scores the fold. So each image is scored by a network that saw neither it nor a near-duplicate. All settings
are constants below; nothing is chosen by a score. FOLDER is what bench/pack_crops.py wrote. Needs torch and timm alone.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from facesift.core.bootstrap import bootstrap_rankings, percentile_interval, weighted_auc_ap

BACKBONE = "vit_base_patch16_clip_quickgelu_224.openai"
MEAN, STD = (0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)  # CLIP's
EPOCHS, BATCH, RATE, WARM = 8, 32, 1e-3, 0.25  # RATE: highest, of one cycle that rises for the share WARM
BLUR = 0.01  # deviation as a share of the side of the photo
SIDE = 600  # of the photos that the crops come from
SHRUNK, QUALITIES, MOST_BLUR = (0.35, 1.0), (40, 95), 0.012  # of damaged copies
ALARMS = (0.01, 0.05, 0.1)  # shares of the reals
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Crops:
    """The packed images.

    Attributes:
        pixels: (n, S, S, 3) in 0 to 255.
        labels: 1 for a fake, (n,).
        folds: number of the fold that holds each, (n,).
        groups: number of its group of near-duplicates, (n,).
        ids: image_ids, (n,).
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    ids: NDArray[np.str_]


def read_crops(folder: Path) -> Crops:
    """Decode a packed folder on all cores."""
    with np.load(folder / "crops.npz", allow_pickle=False) as file:
        labels, folds, groups, ids = (file[name] for name in ("labels", "folds", "groups", "ids"))
    data = []
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            data += [archive.read(name) for name in sorted(archive.namelist())]
    with ThreadPoolExecutor() as threads:
        pixels = list(threads.map(lambda each: np.asarray(Image.open(io.BytesIO(each)).convert("RGB")), data))
    return Crops(np.stack(pixels), *(each.astype(np.int64) for each in (labels, folds, groups)), ids)


def tuned_backbone(side: int, weights: dict[str, Tensor] | None) -> nn.Module:
    """Build the backbone for images of `side` pixels; its norms and head learn, all else stays."""
    import timm  # noqa: PLC0415
    from timm.models.vision_transformer import checkpoint_filter_fn  # noqa: PLC0415

    network: nn.Module = timm.create_model(BACKBONE, pretrained=False, num_classes=2, img_size=side)
    if weights is not None:
        fitted = checkpoint_filter_fn(dict(weights), network)
        missing = network.load_state_dict(fitted, strict=False).missing_keys
        if set(missing) - {"head.weight", "head.bias"}:
            raise SystemExit(f"the weights lack {missing}")
    learning = {id(p) for m in network.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters()}
    for name, parameter in network.named_parameters():
        parameter.requires_grad = id(parameter) in learning or name.startswith("head.")
    return network


def prepared(pixels: Tensor, side: int) -> Tensor:
    """Normalise images (b, S, S, 3) of 0 to 255, shrunk to `side` if they are larger: (b, 3, side, side)."""
    images = pixels.permute(0, 3, 1, 2).float() / 255
    if images.shape[-1] != side:
        images = interpolate(images, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
    return (images - images.new_tensor(MEAN)[:, None, None]) / images.new_tensor(STD)[:, None, None]


def train(network: nn.Module, images: tuple[Tensor, Tensor], side: int, seed: int, epochs: int) -> None:
    """Tune the network on versions of images (v, n, S, S, 3) and labels (n,) in the device's memory.

    In each epoch, each image comes once, in one of its versions; half of them are mirrored.
    """
    versions, labels = images
    learning = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=RATE, weight_decay=0.0)
    steps = epochs * (len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=WARM)
    rng = torch.Generator().manual_seed(seed)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(labels), generator=rng).to(labels.device)
        for rows in order.split(BATCH)[: len(labels) // BATCH]:
            version = torch.randint(len(versions), (len(rows),), generator=rng).to(rows.device)
            batch = prepared(versions[version, rows], side)
            mirrored = (torch.rand(len(rows), generator=rng) < 0.5).to(batch.device)
            batch = torch.where(mirrored[:, None, None, None], batch.flip(-1), batch)
            with torch.autocast(batch.device.type, torch.bfloat16):
                loss = cross_entropy(network(batch).float(), labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()


@torch.inference_mode()
def score(network: nn.Module, pixels: Tensor, side: int) -> Floats:
    """Return the log odds of fake (n,): the mean over each image and its mirror."""
    network.eval()
    parts = []
    for part in pixels.split(2 * BATCH):
        images = prepared(part, side)
        with torch.autocast(images.device.type, torch.bfloat16):
            logits = (network(images).float() + network(images.flip(-1)).float()) / 2
        parts.append((logits[:, 1] - logits[:, 0]).double().cpu())
    return torch.cat(parts).numpy()


def damaged(pixels: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    """Blur images, or compress them as JPEG of quality 50."""

    def one(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        photo = Image.fromarray(image)
        if kind == "blur":
            return np.asarray(photo.filter(ImageFilter.GaussianBlur(BLUR * SIDE)))
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=50)
        return np.asarray(Image.open(buffer))

    with ThreadPoolExecutor() as threads:
        return np.stack(list(threads.map(one, pixels)))


def damaged_copies(pixels: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Damage each image (n, S, S, 3): half of them are shrunk, half of them blurred, and all are compressed."""

    def one(number: int) -> NDArray[np.uint8]:
        rng, photo = np.random.default_rng([seed, number]), Image.fromarray(pixels[number])
        if rng.random() < 0.5:
            photo = photo.filter(ImageFilter.GaussianBlur(rng.uniform(0, MOST_BLUR) * SIDE))
        if rng.random() < 0.5:
            small = round(photo.width * rng.uniform(*SHRUNK))
            photo = photo.resize((small, small), Image.Resampling.LANCZOS).resize(photo.size, Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=int(rng.integers(*QUALITIES)))
        return np.asarray(Image.open(buffer))

    with ThreadPoolExecutor() as threads:
        return np.stack(list(threads.map(one, range(len(pixels)))))


def auc(scores: Floats, labels: NDArray[np.int64]) -> float:
    """Return the area under the ROC curve."""
    return float(weighted_auc_ap(labels, scores, np.ones((1, len(labels))))[0][0])


def figures(crops: Crops, scores: Floats) -> dict[str, Any]:
    """Compute AUC with its 95 % interval, recall at `ALARMS`, and how often a fake scores above its own original."""
    fake = crops.labels == 1
    reals = scores[~fake]
    pairs = [
        scores[row] > other
        for row in np.flatnonzero(fake)
        for other in scores[~fake & (crops.groups == crops.groups[row])]
    ]
    return {
        "auc": auc(scores, crops.labels),
        "auc_interval": percentile_interval(bootstrap_rankings(crops.labels, scores, crops.groups)[0]),
        "recall": {str(share): float((scores[fake] > np.quantile(reals, 1 - share)).mean()) for share in ALARMS},
        "pairs": len(pairs),
        "fake_above": int(sum(pairs)),
    }


def cross_fit(
    crops: Crops, side: int, weights: dict[str, Tensor] | None, epochs: int, copies: int
) -> dict[str, Floats]:
    """Score every image by a network that was tuned on the other folds: as it is, and damaged.

    Args:
        crops: the images.
        side: in pixels, of the network's input.
        weights: of the backbone before it is tuned; None: random ones.
        epochs: passes over the images.
        copies: damaged copies of each training image that are learned from beside it.

    Returns:
        Log odds of fake (n,), by what was done to the images that are scored.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    made = [crops.pixels, *(damaged_copies(crops.pixels, number) for number in range(copies))]
    versions, labels = torch.from_numpy(np.stack(made)).to(device), torch.from_numpy(crops.labels).to(device)
    kinds = {kind: torch.from_numpy(damaged(crops.pixels, kind)) for kind in ("jpeg", "blur")}
    scores = {kind: np.full(len(crops.labels), np.nan) for kind in ("plain", *kinds)}
    for fold in np.unique(crops.folds):
        torch.manual_seed(int(fold))
        start, held = time.perf_counter(), crops.folds == fold
        rest = torch.from_numpy(np.flatnonzero(~held)).to(device)
        network = tuned_backbone(side, weights).to(device)
        train(network, (versions[:, rest], labels[rest]), side, int(fold), epochs)
        mine = torch.from_numpy(np.flatnonzero(held))
        scores["plain"][held] = score(network, versions[0, mine.to(device)], side)
        for kind, others in kinds.items():
            scores[kind][held] = score(network, others[mine].to(device), side)
        here = auc(scores["plain"][held], crops.labels[held])
        print(f"side {side}, fold {fold}: AUC {here:.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    return scores


def main() -> None:
    """Read the command line, cross-fit at each side, and write the scores after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sides", type=int, nargs="+", default=[448, 224])
    parser.add_argument("--weights", type=Path, help="safetensors of bench/clip_file.py; without it they are random")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--copies", type=int, default=0, help="damaged copies of each training image")
    given = parser.parse_args()
    weights = None
    if given.weights:
        from safetensors.torch import load_file  # noqa: PLC0415

        weights = load_file(given.weights)
    crops = read_crops(given.folder)
    given.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for side in given.sides:
        scores = cross_fit(crops, side, weights, given.epochs, given.copies)
        np.savez(
            given.out / f"scores_{side}_{given.copies}.npz",
            ids=crops.ids,
            labels=crops.labels,
            folds=crops.folds,
            **scores,
        )
        found[str(side)] = {kind: figures(crops, each) for kind, each in scores.items()}
        (given.out / f"figures_{given.copies}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(side, found[str(side)], flush=True)


if __name__ == "__main__":
    main()
