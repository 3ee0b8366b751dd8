"""Every command of docs/sharing.md, as it stands there, in the order of the page."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.pages import Block, blocks
from tests.pipeline.conftest import Repository
from tests.remotes.conftest import KINDS, Remote, found_team

BLOCKS = blocks("sharing.md")


def is_for(block: Block, kind: str) -> bool:
    """Whether a block is for a kind of remote: its labels say so, or name none."""
    return not set(KINDS) & set(block.labels) or kind in block.labels


def placeholders(remote: Remote, origin: Path) -> dict[str, str]:
    """What the page says, and what takes its place here."""
    return {
        "/srv/facesift": remote.root,
        "faces.example.org": urlsplit(remote.url).netloc,
        "face-bucket/facesift": remote.root,
        "https://s3.example.org": remote.shared.get("endpointurl", ""),
        "alice": remote.private.get("user", ""),
        "git@git.example.org:team/facesift.git": str(origin),
        "rff_celeba": "tiny",
    }


@dataclass
class Person:
    """Somebody with a home who types what the page says, block after block."""

    folder: Path
    home: Path
    replaced: dict[str, str]

    def type(self, block: Block) -> str:
        """Run a block in a shell that stops at the first failure, and stay in the folder where it ends."""
        pattern = "|".join(map(re.escape, self.replaced))
        told = re.sub(pattern, lambda found: self.replaced[found[0]], block.text)
        environment = Repository(self.home.parent / "project").environment()
        where = self.home / "where"
        done = subprocess.run(
            ["bash", "-e", "-c", f"{told}\npwd > '{where}'"], cwd=self.folder, env=environment, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{told}\n{done.stdout}"
        self.folder = Path(where.read_text().strip())
        return done.stdout


def moved_in(home: Path, remote: Remote) -> Path:
    """Make a home with the keys that a person has there anyway."""
    for name, content in remote.secrets.items():
        path = home / name
        path.parent.mkdir(parents=True)
        path.write_text(content)
        path.chmod(0o600)
    return home


@dataclass
class Typed:
    """The page typed for one kind of remote: Anna gives, and from the clone on Ben takes."""

    anna: Person
    ben: Person
    printed: dict[Block, str]

    def after(self, command: str) -> str:
        """Return what the blocks with this command printed."""
        return "".join(printed for block, printed in self.printed.items() if command in block.text)


@pytest.fixture(scope="session")
def typed(trained, remote, tmp_path_factory) -> Typed:
    room, store = tmp_path_factory.mktemp("page"), remote.beside("page")
    folder = found_team(trained, room).folder
    replaced = placeholders(store, room / "origin")
    (room / "ben/home").mkdir(parents=True)
    anna = Person(folder, moved_in(folder.parent / "home", store), replaced)
    ben = Person(room / "ben", moved_in(room / "ben/home", store), replaced)
    typing, keys, printed = anna, [], {}
    for block in BLOCKS:
        if not is_for(block, remote.kind):
            continue
        typing = ben if "clone" in block.labels else typing
        printed[block] = typing.type(block)
        keys += [block] * ("key" in block.labels)
        if "clone" in block.labels:
            printed |= {key: ben.type(key) for key in keys}
    return Typed(anna, ben, printed)


def test_every_block_is_of_a_kind_that_is_typed():
    known = {(), ("clone",), *((kind,) for kind in KINDS), *((kind, "key") for kind in KINDS)}
    assert {block.labels for block in BLOCKS} <= known
    assert {block.language for block in BLOCKS} == {"sh"}


def test_taking_as_the_page_says_runs_nothing(typed):
    printed = typed.after("dvc pull --run-cache --with-deps dvc.yaml")
    assert "Data and pipelines are up to date." in printed
    assert "Running stage" not in printed


def test_status_says_that_all_is_there(typed):
    lines = typed.after("make status").splitlines()
    assert lines[lines.index("Would run, with what follows:") + 1] == "Data and pipelines are up to date."
    assert lines[lines.index("Not pushed:") + 1] == "Cache and remote 'store' are in sync."


def test_giving_leaves_nothing_uncommitted(typed):
    assert Repository(typed.anna.folder).run("git", "status", "--porcelain") == ""


def test_keys_are_not_in_git(typed):
    history = Repository(typed.anna.folder).run("git", "log", "-p", "--", ".dvc")
    assert "url =" in history
    assert not re.search("keyfile|profile|user =|access_key|secret", history)


def test_whole_remote_has_nothing_damaged(typed):
    assert ", 0 damaged" in typed.after("make check-remote")


def test_tracking_archives_as_the_data_page_says(trained, tmp_path):
    """The block of docs/data.md, with the remote that a clone comes with."""
    (block,) = (each for each in blocks("data.md", "sh") if "dvc push" in each.text)
    first = found_team(trained, tmp_path)
    person = Person(first.folder, tmp_path / "first/home", {"rff": "tiny", "RFF": "tiny"})
    assert "pushed" in person.type(block)
    assert first.run("git", "show", "--name-only", "--format=").split() == ["data/raw/tiny.dvc"]
