"""Cut any study down to toy size: the same recipes on a few small images, for one epoch.

Cut down are images and their size, epochs, batch sizes, and the width or depth of big networks. Downloaded weights are
left out. Unchanged are layout, classes, sampling, loss, optimiser, schedule, augmentation, normalisation, stack, rule.
The figures say that the study runs, and nothing else.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from facesift.config.compose import compose

ROOT = Path(__file__).resolve().parents[1]
PIXELS = 32  # at most so many a side
NEEDED = {"convnext_thesis": 64, "simple_cnn": 64, "torchvision:alexnet": 64}  # networks that take no less
BATCH = 16
FOLDS = 3
SHARD = 90  # two training shards of `toy_images.RARE`, each with the 6 fakes that SMOTE's 5 neighbours need
RARE = {"real": 300, "fake": 24}  # images where a recipe re-samples: below SMOTE(0.1)
EVEN = 32  # images a class elsewhere
# The published networks that have arguments to make them small: 206.6, 134.3 and 23.5 million parameters at full size.
SMALL = {
    "convnext_thesis": {"depths": [1, 1, 1, 1], "widths": [8, 16, 32, 64]},
    "timm:vgg16": {"mlp_ratio": 0.01},
    "timm:resnet50": {"layers": [1, 1, 1, 1]},
}
# A backbone that is built in a moment, with random weights.
TINY = {"name": "timm:test_vit", "package": None, "pool": ["class.2", "mean.2", "class", "mean"]}


def compose_study(*overrides: str) -> dict[str, Any]:
    """Compose the parameters of `study=NAME` and further settings, as `facesift study NAME SETTING ...` does."""
    study, *settings = overrides
    return compose(study.removeprefix("study="), settings, ROOT / "conf")


def chosen(group: str, *overrides: str) -> str:
    """Return the name of the file in `conf/<group>/` that these overrides choose."""
    from hydra import compose as hydra_compose  # noqa: PLC0415
    from hydra import initialize_config_dir  # noqa: PLC0415

    choices = [override for override in overrides if override.startswith(("study=", "members="))]
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        whole = hydra_compose("config", overrides=choices, return_hydra_config=True)
    return str(whole.hydra.runtime.choices[group])


def shrink(tree: dict[str, Any]) -> dict[str, Any]:
    """Cut a study's parameters down to toy size; the tree itself is left as it is."""
    tree = copy.deepcopy(tree)
    tree["parallel"]["jobs"] = 1
    names = [recipe["architecture"]["name"] for recipe in tree["members"].values()]
    tree["drawn"] = {name: drawn | RARE | {"size": 64} for name, drawn in tree["drawn"].items()}
    tree["data"]["image_size"] = max(PIXELS, *(NEEDED.get(name, 0) for name in names))
    tree["split"]["fractions"] = {"train": 0.5, "val": 0.25, "test": 0.25}
    tree["split"]["limit"] = {label: RARE[label] for label in tree["split"]["limit"]}
    tree["shard"]["images"] = SHARD
    tree["stack"] |= {"folds": FOLDS, "epochs": 2, "batch_size": BATCH}
    tree["members"] = {name: shrink_recipe(recipe) for name, recipe in tree["members"].items()}
    tree["backbones"] = {name: backbone | TINY for name, backbone in tree["backbones"].items()}
    tree["evaluation"]["cross_fit"] = dict.fromkeys(tree["evaluation"]["cross_fit"], FOLDS)
    for each in tree["evaluation"]["leave_out"].values():
        each["folds"] = FOLDS
    tree["robustness"]["corruptions"] = dict(list(tree["robustness"]["corruptions"].items())[:2])
    return tree


def shrink_recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """Cut one member's recipe: random weights, small batches, one epoch, and one before it if the head goes first."""
    architecture, schedule = recipe["architecture"], recipe["schedule"]
    if architecture["name"] == "head":
        return recipe | {"architecture": architecture | {"pool": TINY["pool"]}, "epochs": min(recipe["epochs"], 20)}
    head = min(schedule["head_epochs"], 1)
    small = architecture["arguments"] | SMALL.get(architecture["name"], {})
    start = {"arguments": small, "pretrained": False, "checkpoint": None, "package": None}
    return recipe | {
        "architecture": architecture | start,
        "resample": recipe["resample"] | {"epoch_images": None},
        "schedule": schedule | {"head_epochs": head},
        "epochs": 1 + head,
        "batch_size": min(recipe["batch_size"], BATCH),
    }


def is_resampled(tree: dict[str, Any]) -> bool:
    """Whether any member re-samples, so that fakes must be rare."""
    return any(recipe["resample"]["scope"] != "none" for recipe in tree["members"].values())
