"""Look for damaged files in the work tree, in DVC's cache and in people's answers: `make check`.

DVC takes a file to be unchanged when its size and time are, and an object of its cache to be good when it is read-only.
So `dvc status` and `dvc checkout` do not see a byte that the disk has changed. Here every byte is read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dvc.output import Output
from dvc.repo import Repo
from dvc_data.hashfile.hash import hash_file
from dvc_data.hashfile.tree import Tree

from facesift.core.errors import FacesiftError
from facesift.core.files import read_parquet
from facesift.core.formatting import counted
from facesift.datasets.review_files import read_answers, review_files
from facesift.datasets.reviews import likely_damaged, read_reviews
from workflow.check_remote import is_damaged
from workflow.dvc_command import run_script

ANSWERS, MANIFEST = Path("data/reviews"), Path("data/manifest.parquet")


@dataclass(frozen=True)
class Finding:
    """A file that is not what it should be.

    Attributes:
        path: the file.
        problem: what is wrong with it.
        remedy: what to do.
    """

    path: str
    problem: str
    remedy: str


def check_cache(repo: Repo) -> Iterator[str | Finding]:
    """Hash every object of DVC's local cache. Yields each good one's path, and a finding for each damaged one."""
    store = repo.cache.local
    for oid in sorted(store.all()) if store.fs.exists(store.path) else []:
        path = store.oid_to_path(oid)
        remedy = "delete it, then `dvc pull`, or `dvc repro --force STAGE` where it is in no remote"
        yield Finding(path, "damaged object of DVC's cache", remedy) if is_damaged(store, oid) else path


def check_outputs(repo: Repo) -> Iterator[str | Finding]:
    """Hash every output that dvc.lock names. Yields each good file's path, and a finding for each other one."""
    for output in repo.index.outs:
        if output.hash_info and output.exists:
            yield from _check_output(repo, output)


def _check_output(repo: Repo, output: Output) -> Iterator[str | Finding]:
    place = str(output)
    for path, expected in _expected_files(repo, output):
        name = "/".join((place, *path))
        file = Path(output.fs_path, *path)
        if expected is None:
            yield Finding(
                name, "cannot be checked: DVC's cache does not hold its list of files", "`dvc repro` makes it"
            )
        elif not file.is_file():
            yield Finding(name, "missing", f"`dvc checkout {place}`")
        elif hash_file(str(file), output.fs, "md5")[1].value != expected:
            yield Finding(
                name,
                "differs from dvc.lock",
                f"`dvc repro` after a change; damage: delete it, then `dvc checkout {place}`",
            )
        else:
            yield name


def _expected_files(repo: Repo, output: Output) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Yield the files of an output, relative to it, and their hashes; None where these are not known."""
    if not output.hash_info.isdir:
        yield (), output.hash_info.value
        return
    store = repo.cache.local
    if not store.exists(output.hash_info.value) or is_damaged(store, output.hash_info.value):
        yield (), None
        return
    for path, _, entry in Tree.load(store, output.hash_info):
        yield path, entry.value


def check_lock(path: Path) -> Iterator[str | Finding]:
    """Read the file in which DVC notes what it is writing. A kill can leave it torn, and then `dvc repro` ends."""
    if path.is_file():
        try:
            json.loads(path.read_text())
        except ValueError:
            yield Finding(str(path), "torn: `dvc repro` cannot start", "delete it while no `dvc` is running")


def check_reviews(folder: Path) -> Iterator[str | Finding]:
    """Read every answer of the reviewers. Yields each good file's path, and a finding for what cannot be read."""
    for path in review_files(folder):
        try:
            _, warnings = read_answers(path)
        except FacesiftError as error:
            warnings = [str(error)]
        remedy = f"`git diff {path}` shows what changed"
        yield from (Finding(str(path), warning, remedy) for warning in warnings)
        if not warnings:
            yield str(path)


def check_ids(folder: Path, manifest: Path) -> Iterator[str | Finding]:
    """Yield a finding for each answer on an id that differs from an image's in one digit."""
    if manifest.is_file():
        ids = read_parquet(manifest, ["image_id"])["image_id"]
        for told in likely_damaged(ids, read_reviews(folder, lambda _: None)):
            place, _, problem = told.partition(": ")
            yield Finding(place, *problem.split("; ", 1))


def main() -> None:
    """Print what is damaged. Exit status 1 if anything is."""
    repo, findings, good = Repo(), [], 0
    for checks in (
        check_lock(Path(repo.tmp_dir, "rwlock")),
        check_outputs(repo),
        check_cache(repo),
        check_reviews(ANSWERS),
        check_ids(ANSWERS, MANIFEST),
    ):
        for found in checks:
            if isinstance(found, Finding):
                findings.append(found)
                print(f"{found.path}: {found.problem}. Remedy: {found.remedy}", flush=True)
            else:
                good += 1
    print(f"{counted(good, 'file')} good, {len(findings)} not")
    sys.exit(int(bool(findings)))


if __name__ == "__main__":
    run_script(main)
