"""Check every object of the default DVC remote against its hash: `make check-remote`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from dvc.repo import Repo
from dvc_data.hashfile.hash import hash_file
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from facesift.core.formatting import counted
from workflow.dvc_command import run_script

if TYPE_CHECKING:
    from dvc_data.hashfile.db import HashFileDB

FOLDER = ".dir"  # the ending of an object that lists the files of a folder


def is_damaged(store: HashFileDB, oid: str) -> bool:
    """Whether the object's bytes have another hash than its name says."""
    _, found = hash_file(store.oid_to_path(oid), store.fs, store.hash_name)
    return found.value != oid.removesuffix(FOLDER)


def folders_with(store: HashFileDB, folders: list[str], wanted: set[str]) -> set[str]:
    """Return the folder objects that list one of the wanted objects.

    DVC takes the files of a folder to be there when the folder's own object is, and would not push them again.

    Args:
        store: the remote.
        folders: object names of undamaged folders.
        wanted: object names to look for in them.
    """
    trees = {folder: Tree.load(store, HashInfo(store.hash_name, folder)) for folder in folders}
    return {folder for folder, tree in trees.items() if wanted & {entry.value for _, _, entry in tree}}


def main(
    *,
    delete: Annotated[bool, typer.Option("--delete", help="delete damaged objects: a push mends them")] = False,
) -> None:
    """Print which objects of the remote are damaged. Exit status 1 if any are left."""
    store = Repo().cloud.get_remote_odb(command="check")
    oids = sorted(store.all()) if store.fs.exists(store.path) else []
    damaged = {oid for oid in oids if is_damaged(store, oid)}
    print(f"{counted(len(oids), 'object')}, {len(damaged)} damaged")
    for oid in sorted(damaged):
        print(f"damaged: {store.oid_to_path(oid)}")
    if not delete:
        sys.exit(int(bool(damaged)))
    folders = [oid for oid in oids if oid.endswith(FOLDER) and oid not in damaged]
    for oid in sorted(damaged | folders_with(store, folders, damaged)):
        store.delete(oid)
        print(f"deleted: {store.oid_to_path(oid)}")


if __name__ == "__main__":
    run_script(main)
