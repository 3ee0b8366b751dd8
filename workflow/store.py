"""Where the team's DVC remote lies, and whether anybody but this clone can reach it: `make status`, `make pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from dvc.repo import Repo

from facesift.core.errors import FacesiftError
from workflow.dvc_command import dvc, run_script


def own_folder(repo: Repo) -> Path | None:
    """Return the folder of the default remote where it lies inside this clone; None for any other remote."""
    name = repo.config["core"].get("remote")
    url = repo.config["remote"].get(name, {}).get("url") if name else None
    root = Path(repo.root_dir)
    return Path(url) if url and "://" not in url and Path(url).is_relative_to(root) else None


def sentence(repo: Repo) -> str:
    """Say in one or two sentences where the default remote is."""
    name = repo.config["core"].get("remote")
    if not name:
        return "There is no remote: `dvc push` has no place to go (docs/sharing.md)."
    if (folder := own_folder(repo)) is None:
        return f"The remote {name} is {repo.config['remote'][name]['url']}."
    place = folder.relative_to(repo.root_dir)
    return (
        f"The remote {name} is the folder {place}/ of this clone, which git does not carry: a push stays on this "
        "machine and no other clone can pull it. docs/sharing.md says how to choose a remote that all can reach."
    )


def main(*, pull: Annotated[bool, typer.Option("--pull", help="Pull what the present study needs.")] = False) -> None:
    """Say where the remote is; with `--pull`, pull first and say it where that fails."""
    if not pull:
        print(sentence(Repo()))
        return
    try:
        dvc("pull", "--run-cache", "--with-deps", "dvc.yaml")
    except FacesiftError as error:
        raise FacesiftError(f"{error}. {sentence(Repo())}") from error


if __name__ == "__main__":
    run_script(main)
