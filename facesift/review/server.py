"""Starts the reviewer's page: checks the input, listens on 127.0.0.1, serves until Ctrl-C."""

from __future__ import annotations

import getpass
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from facesift.config.review import Review
from facesift.core.errors import FacesiftError
from facesift.core.formatting import counted
from facesift.datasets.review_files import REVIEWER
from facesift.review.access_control import Credentials
from facesift.review.answer_logs import AnswerLogs
from facesift.review.answers import open_answer_log
from facesift.review.app import PageHandlers, make_app
from facesift.review.assignment import Assignment
from facesift.review.attribution import AttributionMaps, why_unavailable
from facesift.review.gold import add_gold
from facesift.review.image_handlers import ImageHandlers
from facesift.review.images import ImageLimits
from facesift.review.label_errors import read_label_errors
from facesift.review.parts import Part
from facesift.review.queue import ReviewQueue, read_queue
from facesift.review.similar import SimilarImages
from facesift.review.state import ReviewState
from facesift.review.study import Study

# decisions of a bundle alone, without params.yaml
NO_STUDY = Review(two_persons=False, gold=None, order="suspicion", blind=True, similar=False)
BLIND = "There are no maps while the committee's opinion is hidden."


@dataclass(frozen=True)
class ReviewRequest:
    """What the page is started with.

    Attributes:
        decisions: Table of `facesift screen` or of the pipeline.
        answers: Folder of the answers.
        bundle: Folder of the exported committee; it may be missing.
        reviewer: Who answers; None: the user's name.
        port: Port on 127.0.0.1; 0 takes any free port.
        images: Folder that relative file names start from.
        everything: Show all images, not only those decided `review`.
        label_errors: Show the likely label errors of the study in place of the decisions table.
        part: The part of the queue to show, such as `2/5`; None: all of it.
    """

    decisions: Path
    answers: Path
    bundle: Path
    reviewer: str | None = None
    port: int = 0
    images: Path | None = None
    everything: bool = False
    label_errors: bool = False
    part: str | None = None


def run_review(request: ReviewRequest) -> None:
    """Serve the reviewer's page until Ctrl-C; print its address, and at the end the number of answered images.

    Raises:
        FacesiftError: The input does not allow a review, or the port is taken. It is raised before the page is served.
    """
    study = Study.find(request.decisions, request.answers)
    state = load_state(request)
    reason = BLIND if state.queue.blind else why_unavailable(request.bundle)
    maps = None if reason else AttributionMaps.load(request.bundle)
    limits = ImageLimits(maps.card.image.max_pixels, maps.card.image.max_bytes) if maps else ImageLimits()
    images = ImageHandlers(state, maps, reason, limits, find_similar(state, study))
    if maps:
        maps.warm_up()
    with bind(request.port) as listener:
        credentials = Credentials(listener.getsockname()[1])
        for note in state.queue.notes:
            _warn(note)
        app = make_app(PageHandlers(credentials, images))
        serve(app, listener, lambda: _print_start(state, credentials))
    if maps:
        maps.close()
    print(f"\n{_progress(state)}: {state.own.path}")  # noqa: T201  the command's output
    found = state.state()
    if found["done"]:
        print(found["done"])  # noqa: T201
    for command, words in found["next_steps"]:
        print(f"  {command}   # {words}")  # noqa: T201


def find_similar(state: ReviewState, study: Study | None) -> SimilarImages | None:
    """Return what finds similar training images; None where the study does not ask for them, or gold images forbid."""
    if study is None or not study.params.review.similar or state.queue.blind:
        return None
    return SimilarImages.of(study)


def load_state(request: ReviewRequest) -> ReviewState:
    """Read the queue and all answers.

    Raises:
        FacesiftError: The queue or an answer file cannot be read, or answers cannot be written.
    """
    part = Part.parse(request.part) if request.part else None
    study = Study.find(request.decisions, request.answers)
    rules = study.params.review if study else NO_STUDY
    known = study.params.vote.rule if study and request.decisions.parent.resolve().name == "data" else None
    queue = replace(_read_queue(request, study, rules), hide_opinion=rules.blind, rule=known)
    log = open_answer_log(request.answers, request.reviewer or _user_name(), _warn)
    logs = AnswerLogs(log, _warn, rules.two_persons)
    if study and rules.gold:
        reviewed = len(Assignment(queue, logs, part).images)
        queue = add_gold(queue, study, rules.gold, reviewed)
    state = ReviewState(Assignment(queue, logs, part), _next_steps(request.decisions, log.path, study))
    state.state()  # reads the other reviewers' files, so that a damaged one is reported now
    return state


def _next_steps(decisions: Path, answers: Path, study: Study | None) -> tuple[tuple[str, str], ...]:
    if study is None:
        again = f"facesift review {decisions} --reviewer NAME"
        return ((str(answers), "is the file of your answers"), (again, "lets another person judge the same queue"))
    return (
        ("dvc repro -s review", "counts them: agreement, hours, recall after review"),
        ("dvc repro", "turns them into labels and trains again"),
    )


def _read_queue(request: ReviewRequest, study: Study | None, rules: Review) -> ReviewQueue:
    if not request.label_errors:
        return read_queue(
            request.decisions, request.bundle, request.images, everything=request.everything, order=rules.order
        )
    if study is None:
        raise FacesiftError(f"--label-errors: {request.decisions} is not in the folder data/ of a study")
    return read_label_errors(study)


def bind(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1 only; port 0 takes any free port.

    Raises:
        FacesiftError: The port is taken or not valid.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise FacesiftError(
            f"port {port} of 127.0.0.1: {getattr(error, 'strerror', None) or error}; is another page open? "
            "--port 0 takes any free port"
        ) from error
    return listener


def serve(app: ASGIApp, listener: socket.socket, started: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. `started` is called before the first request is answered; earlier ones wait."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, ws="none",
        lifespan="off", timeout_graceful_shutdown=2,
    )  # fmt: skip
    try:
        started()
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        return  # uvicorn raises it again after the shutdown


def _print_start(state: ReviewState, credentials: Credentials) -> None:
    names = sorted(state.assignment.logs.others)
    others = f"; there are also answers of {', '.join(names)}" if names else ""
    print(f"{_progress(state)} by {state.reviewer}{others}")  # noqa: T201
    print(f"Open {credentials.url}  (Ctrl-C ends it)", flush=True)  # noqa: T201


def _progress(state: ReviewState) -> str:
    progress = state.state()["progress"]
    return f"{progress['answered']:,} of {counted(progress['images'], 'image')} answered"


def _warn(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def _user_name() -> str:
    """Return the user's name; `FacesiftError` if there is none that can name a file."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # the user has no name, for example in a container
        name = ""
    if not REVIEWER.fullmatch(name):
        raise FacesiftError(f"reviewer: your user name ({name!r}) cannot name a file; give --reviewer NAME")
    return name
