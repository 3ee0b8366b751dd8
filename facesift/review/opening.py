"""`facesift review`: everything that can be wrong is said before the page is served."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import REVIEWER
from facesift.review.access import Pass
from facesift.review.answers import open_log
from facesift.review.listening import bind, serve
from facesift.review.maps import Maps, missing
from facesift.review.queue import read_queue
from facesift.review.server import Site, make_app
from facesift.review.showing import Limits
from facesift.review.state import Desk


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    decisions: Path
    reviewer: str | None
    port: int
    images: Path | None
    answers: Path
    bundle: Path
    everything: bool


def open_desk(asked: Request) -> Desk:
    """Read the queue and all answers there are; `FacesiftError` for what does not let anybody work."""
    queue = read_queue(asked.decisions, asked.bundle, asked.images, everything=asked.everything)
    desk = Desk(queue, open_log(asked.answers, asked.reviewer or _user(), _tell), _tell)
    desk.state()  # reads the others' files: a damaged one is said now
    return desk


def review(asked: Request) -> None:
    """Serve the reviewer's page until Ctrl-C; prints the address, and at the end how many images are answered."""
    desk = open_desk(asked)
    why = missing(asked.bundle)
    maps = None if why else Maps.of(asked.bundle)
    limits = Limits(maps.card.image.max_pixels, maps.card.image.max_bytes) if maps else Limits()
    with bind(asked.port) as listening:
        key = Pass(listening.getsockname()[1])
        for note in desk.queue.notes:
            _tell(note)
        serve(make_app(Site(desk, key, maps, why, limits)), listening, lambda: _greet(desk, key))
    if maps:
        maps.close()
    print(f"\n{_progress(desk)}: {desk.mine.path}")  # noqa: T201  the command's output


def _greet(desk: Desk, key: Pass) -> None:
    others = f"; answers of {', '.join(sorted(desk.others))} are there, too" if desk.others else ""
    print(f"{_progress(desk)} by {desk.reviewer}{others}")  # noqa: T201
    print(f"Open {key.url}  (Ctrl-C ends it)", flush=True)  # noqa: T201


def _progress(desk: Desk) -> str:
    progress = desk.state()["progress"]
    return f"{progress['answered']} of {progress['images']} images answered"


def _tell(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def _user() -> str:
    """Name of the user; `FacesiftError` where there is none that may name a file."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # no such user: in a container, say
        name = ""
    if not REVIEWER.fullmatch(name):
        raise FacesiftError(f"reviewer: who answers? Your user name ({name!r}) will not do: --reviewer NAME")
    return name
