"""Train the runs of a comparison: what they are, the study that they share, and training side by side.

All run in one folder through the stages of the pipeline: images are read, split and sharded once, then `sample` and
`train` run for every arm x start x seed. A run that is there, of the same recipe, data and code, is kept.
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
from facesift.config.compose import base_values, filled
from facesift.config.params import Params, parse_params
from facesift.config.section import Ratio, Section, Seed
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json
from facesift.core.fingerprint import code_fingerprint, files_fingerprint
from facesift.training.fit import checkpoint_key
from workflow.dvc_command import environment, threads_for

COMPARISON, RAW = ROOT / "conf/comparison.yaml", ROOT / "data/raw"
SHARED = ("ingest", "split", "shard")  # stages that all runs share
READERS = ("images", "labels", "datasets", "shards")  # the parts of facesift/ that these stages run
Tree = dict[str, Any]


class Comparison(Section):
    """What is compared, as conf/comparison.yaml says it.

    Attributes:
        base: the study, and what is changed in it, as `-S` of `dvc exp run` writes it.
        seeds: one training of every arm and start for each.
        review_rate: share of validation images above the threshold, in (0, 1).
        recipe: a member's section of params.yaml, of every run.
        starts: changes of the recipe that set the first weights, by name.
        arms: changes of the recipe that are compared, by name; the first is the baseline.
    """

    base: list[str]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    review_rate: Annotated[Ratio, Field(lt=1)]
    recipe: Tree
    starts: Annotated[dict[str, Tree], Field(min_length=1)]
    arms: Annotated[dict[str, Tree], Field(min_length=2)]


@dataclass(frozen=True)
class Run:
    """One training: its name as a member, and the arm, start and seed that it is of."""

    member: str
    arm: str
    start: str
    seed: int


def read_comparison(path: Path = COMPARISON) -> Comparison:
    """Read and check the file.

    Raises:
        FacesiftError: naming the first key that is wrong.
    """
    try:
        return TypeAdapter(Comparison).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise FacesiftError(f"{path}: {key}: {problem['msg']} (got {problem['input']!r})") from None


def runs_of(comparison: Comparison) -> list[Run]:
    """Return all runs, seed by seed, so that an interrupted comparison has all arms."""
    every = product(comparison.seeds, comparison.starts, comparison.arms)
    return [Run(_member_name(arm, start, seed), arm, start, seed) for seed, start, arm in every]


def _member_name(arm: str, start: str, seed: int) -> str:
    """Return a name that a member may have.

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
    return filled(tree, base_values(ROOT / "conf"))


def _laid_over(tree: Tree, changes: Tree) -> Tree:
    """Change a tree's keys by another's, section by section."""
    sections = {
        key: _laid_over(tree[key], value)
        for key, value in changes.items()
        if isinstance(value, dict) and isinstance(tree.get(key), dict)
    }
    return tree | changes | sections


def prepare(tree: Tree, folder: Path, raw: Path = RAW) -> Params:
    """Write the parameters into a folder and run the shared stages there, unless they ran for the same data.

    Args:
        tree: the study's parameters.
        folder: to run in.
        raw: the project's data/raw.

    Returns:
        The checked parameters.

    Raises:
        FacesiftError: for a wrong parameter, and when the study's raw data is missing.
    """
    params = parse_params(tree, str(COMPARISON.relative_to(ROOT)))
    if not (raw / params.data.raw).is_dir():
        raise FacesiftError(f"data/raw/{params.data.raw}: not there; docs/data.md says where it comes from")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if not (folder / "data/raw").is_symlink():
        (folder / "data/raw").symlink_to(os.path.relpath(raw, (folder / "data").resolve()))
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    done, key = folder / "prepared.json", _data_key(params, raw)
    if not done.is_file() or json.loads(done.read_text()) != key:
        done.unlink(missing_ok=True)
        for stage in SHARED:
            _stage(folder, 0, stage)
        write_json(done, key)
    return params


def _data_key(params: Params, raw: Path) -> Tree:
    """What the shared stages depend on: their parameters, the raw files, and the code that reads them."""
    keys = {"data", "ingest", "split", "shard", "seed", "classes", "positive"}
    files = [path for path in sorted((raw / params.data.raw).rglob("*")) if path.is_file()]
    code = code_fingerprint(("core", "config", "images", "labels", "datasets", "shards"))
    return {
        "params": params.model_dump(mode="json", include=keys),
        "files": files_fingerprint(files, raw),
        "code": code,
    }


def train_all(params: Params, runs: list[Run], folder: Path, jobs: int) -> Iterator[tuple[Run, str]]:
    """Sample and train all runs, `jobs` at a time; yield each with its error message, empty if it worked, in order."""
    threads = threads_for(jobs)
    with ThreadPoolExecutor(jobs) as pool:
        yield from zip(runs, pool.map(partial(_train, params, folder, threads), runs), strict=True)


def _train(params: Params, folder: Path, threads: int, run: Run) -> str:
    try:
        _stage(folder, threads, "sample", run.member)
        done, key = folder / f"runs/{run.member}.json", _run_key(params, folder, run)
        if not done.is_file() or json.loads(done.read_text()) != key:
            _stage(folder, threads, "train", run.member)
            done.parent.mkdir(exist_ok=True)
            write_json(done, key)
    except FacesiftError as error:
        return str(error)
    return ""


def _run_key(params: Params, folder: Path, run: Run) -> Tree:
    shards = folder / "data/shards"
    inputs = [
        folder / f"data/plans/{run.member}.parquet",
        *(shards / f"{split}/index.json" for split in ("train", "val")),
    ]
    return {"key": checkpoint_key(params.members[run.member], params.trainer, inputs)}


def _stage(folder: Path, threads: int, *stage: str) -> None:
    """Run one stage in a process of its own; a `FacesiftError` has the last line of its output when it fails."""
    variables = (environment(threads) if threads else dict(os.environ)) | {"PYTHONPATH": str(ROOT)}
    name, *arguments = stage
    command = [sys.executable, "-m", f"stages.{name}", *arguments]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        begin = max((row for row, line in enumerate(lines) if line.startswith("error: ")), default=len(lines) - 1)
        said = " ".join(line.strip() for line in lines[begin:])  # an error may go on with a remedy on further lines
        raise FacesiftError(f"{' '.join(stage)}: {said or f'status {done.returncode}'}")
