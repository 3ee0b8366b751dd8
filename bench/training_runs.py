"""The runs of a comparison of training recipes: what they are, the study they share, and training them side by side.

All run in one folder through the stages of the pipeline: images are read, split and sharded once, then `sample` and
`train` run for every arm x start x seed. What is there already, of the same recipe, data and code, stays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from bench.toy import ROOT, compose_study
from facesift.config.params import Params, parse_params
from facesift.config.section import Ratio, Section, Seed
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from facesift.core.fingerprint import code_fingerprint, files_fingerprint
from facesift.training.fit import checkpoint_key
from workflow.dvc_command import environment, threads_for

COMPARISON, RAW = ROOT / "conf/comparison.yaml", ROOT / "data/raw"
SHARED = ("ingest", "split", "shard")  # stages that all runs share
Tree = dict[str, Any]


class Comparison(Section):
    """What is compared; every value of `starts` and `arms` is laid over `recipe`."""

    base: list[str]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    review_rate: Annotated[Ratio, Field(lt=1)]
    recipe: Tree
    starts: Annotated[dict[str, Tree], Field(min_length=1)]
    arms: Annotated[dict[str, Tree], Field(min_length=2)]


@dataclass(frozen=True)
class Run:
    """One training: its name as a member, and what it is of."""

    member: str
    arm: str
    start: str
    seed: int


def read_comparison(path: Path = COMPARISON) -> Comparison:
    """Read and validate the file; `FacesiftError` names the first key that is wrong."""
    try:
        return TypeAdapter(Comparison).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise FacesiftError(f"{path}: {key}: {problem['msg']} (got {problem['input']!r})") from None


def runs_of(comparison: Comparison) -> list[Run]:
    """List all runs, seed by seed, so that an interrupted comparison has all arms."""
    every = product(comparison.seeds, comparison.starts, comparison.arms)
    return [Run(_member_name(arm, start, seed), arm, start, seed) for seed, start, arm in every]


def _member_name(arm: str, start: str, seed: int) -> str:
    """A name that a member may have.

    >>> _member_name("SMOTE + RUS", "random", 1)
    'smote_rus_random_1'
    """
    words = "".join(letter if letter.isalnum() else " " for letter in f"{arm} {start} {seed}".lower())
    return "_".join(words.split())


def study_of(comparison: Comparison, runs: list[Run]) -> Tree:
    """Compose the parameters of a study whose members are the runs."""
    tree = compose_study(*comparison.base)
    tree["members"] = {
        run.member: _laid_over(
            _laid_over(comparison.recipe, comparison.starts[run.start]), comparison.arms[run.arm] | {"seed": run.seed}
        )
        for run in runs
    }
    return tree


def _laid_over(tree: Tree, changes: Tree) -> Tree:
    """Change a tree's keys by another's, section by section."""
    sections = {
        key: _laid_over(tree[key], value)
        for key, value in changes.items()
        if isinstance(value, dict) and isinstance(tree.get(key), dict)
    }
    return tree | changes | sections


def prepare(tree: Tree, room: Path, raw: Path = RAW) -> Params:
    """Write the parameters into `room` and run the shared stages there, unless they are done for the same data."""
    params = parse_params(tree, str(COMPARISON.relative_to(ROOT)))
    if not (raw / params.data.raw).is_dir():
        raise FacesiftError(f"data/raw/{params.data.raw}: not there; docs/data.md says where it comes from")
    (room / "data").mkdir(parents=True, exist_ok=True)
    if not (room / "data/raw").is_symlink():
        (room / "data/raw").symlink_to(os.path.relpath(raw, (room / "data").resolve()))
    (room / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    done, key = room / "prepared.json", _data_key(params, raw)
    if not done.is_file() or json.loads(done.read_text()) != key:
        done.unlink(missing_ok=True)
        for stage in SHARED:
            _stage(room, 0, stage)
        write_json(done, key)
    return params


def _data_key(params: Params, raw: Path) -> Tree:
    """What the shared stages depend on: their parameters, the raw files, and the code that reads them."""
    keys = {"data", "ingest", "split", "shard", "seed", "classes", "positive"}
    files = [path for path in sorted((raw / params.data.raw).rglob("*")) if path.is_file()]
    code = code_fingerprint(("core", "config", "images", "datasets", "shards"))
    return {
        "params": params.model_dump(mode="json", include=keys),
        "files": files_fingerprint(files, raw),
        "code": code,
    }


def train_all(params: Params, runs: list[Run], room: Path, jobs: int) -> Iterator[tuple[Run, str]]:
    """Sample and train all runs, `jobs` at a time; yield each with "" or what it failed with, in their order."""
    threads = threads_for(jobs)
    with ThreadPoolExecutor(jobs) as pool:
        yield from zip(runs, pool.map(partial(_train, params, room, threads), runs), strict=True)


def _train(params: Params, room: Path, threads: int, run: Run) -> str:
    try:
        _stage(room, threads, "sample", run.member)
        done, key = room / f"runs/{run.member}.json", _run_key(params, room, run)
        if not done.is_file() or json.loads(done.read_text()) != key:
            _stage(room, threads, "train", run.member)
            done.parent.mkdir(exist_ok=True)
            write_json(done, key)
    except FacesiftError as error:
        return str(error)
    return ""


def _run_key(params: Params, room: Path, run: Run) -> Tree:
    shards = room / "data/shards"
    inputs = [
        room / f"data/plans/{run.member}.parquet",
        *(shards / f"{split}/index.json" for split in ("train", "val")),
    ]
    return {"key": checkpoint_key(params.members[run.member], params.trainer, inputs)}


def _stage(room: Path, threads: int, *stage: str) -> None:
    """Run one stage in a process of its own; `FacesiftError` with the end of what it said when it fails."""
    where = (environment(threads) if threads else dict(os.environ)) | {"PYTHONPATH": str(ROOT)}
    name, *arguments = stage
    command = [sys.executable, "-m", f"stages.{name}", *arguments]
    done = subprocess.run(command, cwd=room, env=where, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise FacesiftError(f"{' '.join(stage)}: {said[-1] if said else f'status {done.returncode}'}")
