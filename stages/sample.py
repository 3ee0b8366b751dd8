"""Plan one member's re-sampling of the training split: `python -m stages.sample convnext1`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facesift.config.params import Params
from facesift.config.sampling import Resample
from facesift.config.stage import member_of, run
from facesift.core.files import write_json, write_parquet
from facesift.sampling.feature_resampling import make_feature_plan
from facesift.sampling.plans import count_plan, make_plan
from facesift.shards.reading import ShardFolder


def main(params: Params, member: str) -> None:
    """Read the training shards that the member learns from; write `data/plans/<member>.parquet` and its counts."""
    recipe = member_of(params, member)
    shards = ShardFolder(Path("data") / recipe.input / "train")
    if recipe.backbone is not None:
        plan = make_feature_plan(shards, recipe.resample, recipe.seed, member)
    else:
        plan = make_plan(shards, recipe.resample, recipe.seed, member)
    counts = count_plan(plan, shards.classes)
    write_parquet(Path(f"data/plans/{member}.parquet"), plan)
    write_json(Path(f"data/plans/{member}.json"), counts)
    print(
        f"{member} ({_words(recipe.resample)}, scope {recipe.resample.scope}): "
        + ", ".join(_amount(name, counts[name]) for name in shards.classes)
    )


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
