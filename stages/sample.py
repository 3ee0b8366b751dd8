"""Plan one member's re-sampling of the training split: `python -m stages.sample convnext1`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facesift.config.params import Params
from facesift.config.sampling import Resample
from facesift.config.stage import member_of, run
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json, write_parquet
from facesift.sampling.feature_resampling import make_feature_plan
from facesift.sampling.met_ratios import met_ratios, tell_met
from facesift.sampling.plans import count_plan, make_plan
from facesift.sampling.scopes import RatioMetError
from facesift.shards.reading import ShardFolder


def main(params: Params, member: str) -> None:
    """Read the training shards that the member learns from; write `data/plans/<member>.parquet` and its counts."""
    recipe = member_of(params, member)
    shards = ShardFolder(Path("data") / recipe.input / "train")
    make = make_plan if recipe.backbone is None else make_feature_plan
    try:
        plan = make(shards, recipe.resample, recipe.seed, member)
    except RatioMetError as error:
        raise FacesiftError("\n".join([str(error), *_way_on(params, shards, member)])) from None
    counts = count_plan(plan, shards.classes)
    write_parquet(Path(f"data/plans/{member}.parquet"), plan)
    write_json(Path(f"data/plans/{member}.json"), counts)
    print(
        f"{member} ({_words(recipe.resample)}, scope {recipe.resample.scope}): "
        + ", ".join(_amount(name, counts[name]) for name in shards.classes)
    )


def _way_on(params: Params, shards: ShardFolder, member: str) -> list[str]:
    """Name all members that stop for the same reason, and the command that lets them go on."""
    labels = np.concatenate([shards.labels(shard) for shard in range(len(shards.sizes))])
    real, fake = np.bincount(labels, minlength=2).tolist()
    met = met_ratios({name: each.resample for name, each in params.members.items()}, real, fake)
    return [tell_met(met, params.study, real, fake)] if member in met else []  # it may be so in one shard alone


def _amount(name: str, count: dict[str, Any]) -> str:
    kinds = ", ".join(f"{kind} {images}" for kind, images in count.get("made", {}).items() if images)
    made = f" and {count['synthetic']} synthetic" if count["synthetic"] else ""
    return f"{count['original']}{made} {name}" + (f" ({kinds})" if kinds else "")


def _words(resample: Resample) -> str:
    """Name the resampling as the studies do."""
    steps = {"SMOTE": resample.smote, "FORGE": resample.forge and resample.forge.ratio, "RUS": resample.undersample}
    if resample.method is not None:
        return f"{resample.method}({', '.join(f'{key}={value}' for key, value in resample.arguments.items())})"
    return " + ".join(f"{name}({ratio:g})" for name, ratio in steps.items() if ratio) or "as it is"


if __name__ == "__main__":
    run(main)
