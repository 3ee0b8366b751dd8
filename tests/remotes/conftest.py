"""Colleagues who share one remote: clones of one git repository, each with a home of its own."""

import contextlib
import dataclasses
import getpass
import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.made import ROOT
from tests.pipeline.conftest import Repository, create, tiny_study, write_faces
from tests.remotes import servers

KINDS = ("directory", "ssh", "s3")
RAW = "data/raw/tiny"
ARCHIVE = f"{RAW}/faces.zip"
MODEL = "models/one.safetensors"


@dataclasses.dataclass(frozen=True)
class Remote:
    """Where the bytes lie: what DVC is told of it, and the tests' own way to its files."""

    kind: str
    url: str
    shared: dict[str, str]  # settings that are committed
    private: dict[str, str]  # settings of one clone
    files: fsspec.AbstractFileSystem
    root: str
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)  # files of a home: path and content

    def path(self, content: bytes) -> str:
        """Return where the object of a file's content lies."""
        name = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return f"{self.root}/files/md5/{name[:2]}/{name[2:]}"

    def write(self, path: str, content: bytes) -> None:
        """Put bytes in an object's place, as protected as DVC leaves it."""
        self.files.rm_file(path)
        self.files.pipe_file(path, content)
        if "file" in self.files.protocol:
            Path(path).chmod(0o444)

    def objects(self) -> list[str]:
        """Return what lies in the remote, whole or not; the server is asked anew each time."""
        self.files.invalidate_cache()
        return self.files.find(self.root) if self.files.exists(self.root) else []

    def beside(self, name: str) -> "Remote":
        """Another remote, empty as yet, of the same server."""
        return dataclasses.replace(self, url=f"{self.url}-{name}", root=f"{self.root}-{name}")


@contextlib.contextmanager
def directory_remote(room: Path) -> Iterator[Remote]:
    store = str(room / "store")
    yield Remote("directory", store, {}, {}, fsspec.filesystem("file"), store)


@contextlib.contextmanager
def ssh_remote(room: Path) -> Iterator[Remote]:
    if servers.SSHD is None:
        pytest.skip("no sshd on this machine")
    with servers.ssh_server(room) as address:
        store, private = str(room / "store"), {"user": getpass.getuser(), "keyfile": str(room / "key")}
        secrets = {".ssh/id_ed25519": (room / "key").read_text()}
        yield Remote("ssh", f"ssh://{address}{store}", {}, private, fsspec.filesystem("file"), store, secrets)


@contextlib.contextmanager
def s3_remote(room: Path) -> Iterator[Remote]:
    if servers.WEED is None:
        pytest.skip("no SeaweedFS on this machine")
    pair = {"access_key_id": servers.ACCESS_KEY, "secret_access_key": servers.SECRET_KEY}
    secrets = {".aws/credentials": "[facesift]\n" + "".join(f"aws_{name} = {value}\n" for name, value in pair.items())}
    with servers.s3_server(room) as url:
        files, store = servers.s3_files(url), f"{servers.BUCKET}/facesift"
        yield Remote("s3", f"s3://{store}", {"endpointurl": url}, pair, files, store, secrets)


REMOTES = {"directory": directory_remote, "ssh": ssh_remote, "s3": s3_remote}


@pytest.fixture(scope="session", params=KINDS)
def remote(request, tmp_path_factory) -> Iterator[Remote]:
    """Each kind of remote in turn, empty at first; its server lives until its tests are done."""
    with REMOTES[request.param](tmp_path_factory.mktemp(request.param)) as served:
        yield served


@dataclasses.dataclass(frozen=True)
class Trained:
    repository: Repository
    seconds: float  # that `dvc repro` took


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    """The tiny study: its code committed, its archives added, all stages run, nothing of that committed or pushed."""
    room = tmp_path_factory.mktemp("trained")
    repository = create(room, tiny_study(), write_project)
    started = time.monotonic()
    repository.run("dvc", "repro")
    seconds = time.monotonic() - started
    repository.run("dvc", "add", RAW)
    return Trained(repository, seconds)


def write_project(raw: Path) -> None:
    """Write archives, and the Makefile, which the repository of the pipeline tests lacks."""
    write_faces(raw / "tiny/faces.zip")
    shutil.copyfile(ROOT / "Makefile", raw.parents[1] / "Makefile")


def found_team(trained: Trained, room: Path) -> Repository:
    """Copy the trained repository into `room`, and give it an origin there (`room`/origin) that has its code."""
    room.mkdir(exist_ok=True)
    first = trained.repository.copy(make(room / "first"))
    first.run("git", "init", "-q", "--bare", str(room / "origin"))
    first.run("git", "remote", "add", "origin", str(room / "origin"))
    first.run("git", "push", "-q", "-u", "origin", "HEAD")
    return first


def make(room: Path) -> Path:
    room.mkdir()
    return room


def use(repository: Repository, remote: Remote) -> None:
    """Tell a repository of the remote; what is shared is left to be committed."""
    for key, value in {"url": remote.url, **remote.shared}.items():
        repository.run("dvc", "remote", "modify", "store", key, value)
    sign_in(repository, remote)


def sign_in(repository: Repository, remote: Remote) -> None:
    """Write what `dvc remote modify --local` would, as docs/sharing.md says it."""
    lines = [f"    {key} = {value}" for key, value in {"url": remote.url, **remote.private}.items()]
    (repository.folder / ".dvc/config.local").write_text("\n".join(["['remote \"store\"']", *lines, ""]))


def commit(repository: Repository, message: str) -> None:
    repository.run("git", "add", ".")
    repository.run("git", "commit", "-qm", message)


def publish(repository: Repository, message: str) -> None:
    """Commit and push everything: git's part and DVC's."""
    commit(repository, message)
    repository.run("dvc", "push", "--run-cache")
    repository.run("git", "push", "-q")


def join(first: Repository, remote: Remote, room: Path) -> Repository:
    """Clone the origin of `first` into `room`, with a home of its own, and sign in to the remote."""
    origin = first.run("git", "remote", "get-url", "origin").strip()
    (make(room) / "home").mkdir()
    first.run("git", "clone", "-q", origin, str(room / "project"))
    colleague = Repository(room / "project")
    sign_in(colleague, remote)
    return colleague


def pull(repository: Repository, *targets: str, check: bool = True) -> str:
    return repository.run("dvc", "pull", *(targets or ("--run-cache", "--with-deps", "dvc.yaml")), check=check)
