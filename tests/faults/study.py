"""A study that has every stage of the pipeline, with its reference outputs; and the server that runs its stages."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.toy_images import write_sources
from tests.made import ROOT
from tests.pipeline.conftest import Repository, create, write_faces
from tests.pipeline.test_cross import COUNTS, SOURCES
from tests.pipeline.test_heads import study_of_heads

KEPT = "FAULTS_STUDY"  # a folder to keep the study in, for one who works on these tests


def whole_study() -> dict[str, Any]:
    """Two heads that vote, a network that does not, another data set, cross-fitting and leaving out."""
    tree = study_of_heads()
    tree["members"]["network"]["votes"] = False
    tree["members"]["borderline"]["epochs"] = 2
    tree["evaluation"] = {"cross_fit": {"three": 3}, "leave_out": {"sources": {"by": "source", "folds": 3}}}
    tree["cross_test"] = {"other": {"raw": "other", "sources": SOURCES}}
    tree["drawn"] = {"drawn": {"real": 6, "fake": 2, "size": 64, "seed": 7}}
    tree["robustness"]["corruptions"] = {"jpeg50": {"kind": "jpeg", "strength": 50}}
    tree["pictures"] |= {"points": 10, "samples": 2}
    tree["export"] |= {"parity_images": 8}
    return tree


def write_raw(raw: Path) -> None:
    write_faces(raw / "tiny/faces.zip")
    write_sources(raw / "other", SOURCES, COUNTS)


@dataclass(frozen=True)
class Stage:
    """A stage as dvc.lock has it."""

    name: str
    module: str
    arguments: tuple[str, ...]
    deps: tuple[str, ...]
    outs: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """The study after `dvc repro`. It is not changed: a test takes a copy."""

    folder: Path
    stages: dict[str, Stage] = field(default_factory=dict)
    made: dict[str, dict[str, str]] = field(default_factory=dict)  # hashes of each output's files

    @classmethod
    def at(cls, folder: Path) -> Study:
        lock = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
        outs = {each["path"] for stage in lock.values() for each in stage.get("outs", [])}
        stages = {}
        for name, stage in lock.items():
            module, *arguments = stage["cmd"].split()[2:]
            read = tuple(each["path"] for each in stage["deps"] if each["path"] in outs or _is_raw(each["path"]))
            stages[name] = Stage(name, module, tuple(arguments), read, tuple(each["path"] for each in stage["outs"]))
        return cls(folder, stages, {path: hashes(folder / path) for path in outs})

    def copy(self, room: Path) -> Path:
        """Copy the work tree without DVC's cache and without what a training left behind."""
        left = shutil.ignore_patterns(".git", "cache", "__pycache__", ".work")
        return Path(shutil.copytree(self.folder, room, symlinks=True, ignore=left))

    def restore(self, copy: Path, paths: tuple[str, ...]) -> None:
        """Bring back what a fault changed."""
        for path in paths:
            remove(copy / path)
            if (self.folder / path).is_dir():
                shutil.copytree(self.folder / path, copy / path)
            else:
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.folder / path, copy / path)

    def differs(self, copy: Path, stage: Stage) -> list[str]:
        """Return the outputs of a stage that are not what they should be."""
        return [path for path in stage.outs if hashes(copy / path) != self.made[path]]


def _is_raw(path: str) -> bool:
    return path.startswith("data/raw/") or path == "data/reviews"


def hashes(path: Path) -> dict[str, str]:
    """Hash a file, or the files of a folder by their names."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {each.relative_to(path).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def reproduce(room: Path, programs: Path) -> Study:
    """Make the study, or take the one that is kept; `programs` are those of `tests.fork_server`."""
    kept = os.environ.get(KEPT)
    folder = Path(kept) if kept else room
    if not (folder / "project/dvc.lock").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        repository = create(folder, whole_study(), write_raw, (programs,))
        # As the server runs them: the number of threads changes the last digits.
        repository.run("env", "OMP_NUM_THREADS=1", "dvc", "repro")
        repository.run("git", "add", ".")
        repository.run("git", "commit", "-qm", "reproduced")
    return Study.at(folder / "project")


class Server:
    """A process that has imported everything, and forks one for each run: a run costs its work and not its imports."""

    def __init__(self, log: Path) -> None:
        self.log = log
        # As the study was made: OPENBLAS_CORETYPE, for one, changes the last digits.
        environment = Repository(log).environment() | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forks"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip

    def ask(self, folder: Path, target: str, arguments: tuple[str, ...] = (), **more: Any) -> Outcome:
        """Run `target` in a folder: `stages.NAME`, or `module:function`. See `tests.faults.forks` for the rest."""
        return self.ask_all([{"folder": str(folder), "target": target, "arguments": list(arguments), **more}])[0]

    def ask_all(self, asked: list[dict[str, Any]]) -> list[Outcome]:
        """Run several at once."""
        for number, each in enumerate(asked):
            each.setdefault("log", f"{self.log}.{number}")
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return [Outcome(**each) for each in json.loads(line)]

    def run(self, copy: Path, stage: Stage, **more: Any) -> Outcome:
        """Run a stage as DVC does: its outputs are removed before."""
        for path in stage.outs:
            remove(copy / path)
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
        return self.ask(copy, stage.module, stage.arguments, stage=stage.name, **more)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its exit status, negative for a signal; its last words; and its seconds."""

    code: int
    said: str
    seconds: float

    def verdict(self, *, same: bool, names: tuple[str, ...] = ()) -> str:
        """Judge a run that met a fault.

        Args:
            same: whether its outputs are those of a run without.
            names: what a refusal has to name, one of them; empty: anything.

        Returns:
            `same`, `refused`; or what must not be: `silent`, `unnamed`, `trace`, `hung`.
        """
        if self.code == 0:
            return "same" if same else "silent"
        if self.code < 0:
            return "hung" if self.seconds > 0 and self.code == -9 else "trace"
        if "Traceback" in self.said:
            return "trace"
        named = not names or any(name in self.said for name in names)
        return "refused" if "error: " in self.said and named else "unnamed"
