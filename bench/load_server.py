"""A service as a process of its own, for the load test."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, write_json


@dataclass(frozen=True)
class Running:
    """A service that answers.

    Attributes:
        port: on loopback.
        pid: of its process.
    """

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where images are posted to."""
        return f"http://127.0.0.1:{self.port}/v1/decisions"

    def memory_mb(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1000


@contextmanager
def serving(bundle: Path, *options: str) -> Iterator[Running]:
    """Start the service with one thread for scores and one for decoding, and end it; its log goes where options say."""
    command = [sys.executable, "-m", "facesift.cli.main", "serve", "--bundle", str(bundle), "--port", "0"]
    command += ["--threads", "1", "--decoders", "1", "--max-client", "100000", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  a fixed command
    assert process.stdout is not None  # noqa: S101  it is a pipe
    try:
        process.stdout.readline()
        found = re.search(r":(\d+)/", process.stdout.readline())
        if found is None:
            raise FacesiftError("the service did not start: see above")
        yield Running(int(found[1]), process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


def successor_of(bundle: Path, folder: Path) -> Path:
    """Copy a bundle under another study's name: it decides alike, and its hash differs."""
    made = shutil.copytree(bundle, folder)
    card = read_json(made / "bundle.json", sealed=True)
    write_json(made / "bundle.json", card | {"study": "successor"}, exact=True, sealed=True)
    return made


def point(link: Path, bundle: Path) -> None:
    """Let a link name another bundle, in one step."""
    made = link.with_name("next")
    made.symlink_to(bundle.absolute())
    made.rename(link)
