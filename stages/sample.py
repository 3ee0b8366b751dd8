"""Plan one member's re-sampling of the training split: `python -m stages.sample convnext1`."""

from __future__ import annotations

from pathlib import Path

from facesift.data.shards import ShardFolder
from facesift.params import Params
from facesift.sampling.plans import count_plan, make_plan
from facesift.storage import write_json, write_parquet
from stages.entry import member_of, run


def main(params: Params, member: str) -> None:
    """Read `data/shards/train`; write `data/plans/<member>.parquet` and `metrics/sampling/<member>.json`."""
    recipe = member_of(params, member)
    shards = ShardFolder(Path("data/shards/train"))
    plan = make_plan(shards, recipe.resample, recipe.seed, member)
    counts = count_plan(plan, shards.classes)
    write_parquet(Path(f"data/plans/{member}.parquet"), plan)
    write_json(Path(f"metrics/sampling/{member}.json"), counts)
    print(
        f"{member} ({_words(recipe.resample.smote, recipe.resample.undersample)}, scope {recipe.resample.scope}): "
        + ", ".join(_amount(name, counts[name]) for name in shards.classes)
    )


def _amount(name: str, count: dict[str, int]) -> str:
    made = f" and {count['synthetic']} synthetic" if count["synthetic"] else ""
    return f"{count['original']}{made} {name}"


def _words(smote: float | None, undersample: float | None) -> str:
    """Name the resampling as the studies do."""
    steps = [f"SMOTE({smote:g})" if smote else "", f"RUS({undersample:g})" if undersample else ""]
    return " + ".join(step for step in steps if step) or "as it is"


if __name__ == "__main__":
    run(main)
