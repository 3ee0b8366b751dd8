"""The web application: the page, the walk through the queue, and the answers."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import UNSURE
from facesift.images.decoding import BadImage
from facesift.review.access_control import AccessControl, Credentials
from facesift.review.assignment import UNANSWERED
from facesift.review.image_handlers import ImageHandlers
from facesift.review.images import ImageNotAvailableError
from facesift.review.photo_views import VIEWS
from facesift.review.request_bodies import AnswerRequest, AsideRequest, BadRequestError, UndoRequest, read_body
from facesift.review.state import ConflictError, ReviewState

SCRIPTS = ("requests.js", "picture.js", "views.js", "details.js", "maps.js", "page.js")
STATIC = {"page.css": "text/css"} | dict.fromkeys(SCRIPTS, "text/javascript")
RESERVED_KEYS = frozenset("uszmtocenh")  # unsure, skip, undo, maps, try again, 1:1, and the views
DIGITS = "123456789"


@dataclass(frozen=True)
class PageHandlers:
    """The functions that answer requests. Those that read files run in threads, off the event loop.

    Attributes:
        credentials: What each request must carry.
        images: The functions for requests about one image.
    """

    credentials: Credentials
    images: ImageHandlers

    @property
    def state(self) -> ReviewState:
        """The review state."""
        return self.images.state

    def page(self, _: Request) -> Response:
        """Return the page."""
        environment = Environment(
            loader=PackageLoader("facesift.review", "."), autoescape=True, undefined=StrictUndefined
        )
        return HTMLResponse(environment.get_template("page.html").render(self._page_values()))

    def _page_values(self) -> dict[str, Any]:
        queue = self.state.queue
        settings = {
            "reviewer": self.state.reviewer,
            "token": self.credentials.token,
            "classes": queue.classes.names,
            "positive": queue.classes.positive,
            "keys": keyboard_keys(queue.classes.names) | {UNSURE: UNSURE[0]},
            "answers": queue.answers,
            "unsure": UNSURE,
            "members": [each.name for each in self.images.maps.card.members] if self.images.maps else [],
            "no_maps_reason": self.images.no_maps_reason,
            "views": VIEWS,
            "similar": self.images.similar is not None,
            "images": len(queue),
            "blind": queue.blind,
            "gold": bool(queue.gold),
            "two_persons": self.state.assignment.logs.two_persons,
        }
        return {"settings": json.dumps(settings), "filters": self.state.filters, "reviewer": self.state.reviewer}

    def static(self, request: Request) -> Response:
        """Return a script or the style sheet of the page."""
        name = request.url.path.rpartition("/")[2]
        return Response((files("facesift.review") / name).read_bytes(), media_type=STATIC[name])

    def item(self, request: Request) -> Response:
        """Return the image to show; the query has `start`, `step` (1 or -1) and `filter`."""
        query = request.query_params
        wanted = query.get("filter", UNANSWERED)
        try:
            start, step = int(query.get("start", "0")), int(query.get("step", "1"))
        except ValueError:
            raise BadRequestError("start and step must be whole numbers") from None
        if step not in (1, -1) or wanted not in self.state.filters:
            raise BadRequestError(f"step {step} or filter {wanted!r} is not valid")
        return JSONResponse(self.state.item(start, step, wanted))

    async def answer(self, request: Request) -> Response:
        """Write an answer; the body is JSON of `AnswerRequest`."""
        body = await read_body(request, AnswerRequest)
        if body.image_id not in self.state.queue or body.answer not in self.state.queue.answers:
            raise BadRequestError("No such image in this queue, or no such answer.")
        state = await run_in_threadpool(self.state.answer, body.image_id, body.answer, body.seconds, body.seen)
        return JSONResponse(state)

    async def undo(self, request: Request) -> Response:
        """Take back the last answer; the body is JSON of `UndoRequest`."""
        body = await read_body(request, UndoRequest)
        return JSONResponse(await run_in_threadpool(self.state.undo, body.number))

    async def set_aside(self, request: Request) -> Response:
        """Leave an image out whose file cannot be shown, until the page is started again."""
        body = await read_body(request, AsideRequest)
        if body.image_id not in self.state.queue:
            raise BadRequestError("No such image in this queue.")
        return JSONResponse(await run_in_threadpool(self.state.set_aside, body.image_id))


def keyboard_keys(names: tuple[str, ...]) -> dict[str, str]:
    """Return the key for each class: its initial where two classes allow it, else its number; none beyond nine.

    >>> keyboard_keys(("real", "fake")), keyboard_keys(("real", "swap", "gan"))
    ({'real': 'r', 'fake': 'f'}, {'real': '1', 'swap': '2', 'gan': '3'})
    """
    initials = [name[0].lower() for name in names]
    usable = len(names) == 2 and len(set(initials)) == 2 and not RESERVED_KEYS & set(initials)
    keys = initials if usable and all(key.isalpha() for key in initials) else DIGITS
    return dict(zip(names, keys, strict=False))


def _error_response(status: int, words: Callable[[Exception], str]) -> Callable[[Request, Exception], Response]:
    return lambda _, error: JSONResponse({"error": words(error)}, status)


def _write_error_text(error: Exception) -> str:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "Make room on the disk, then try again." if full else "Correct that, then try again."
    return f"The answer could not be written: {getattr(error, 'strerror', None) or error}. {remedy}"


def make_app(handlers: PageHandlers) -> Starlette:
    """Build the application. Every path lies below the secret; the access control refuses all other requests."""
    routes = [
        Route("/", handlers.page),
        Route("/item", handlers.item),
        Route("/answer", handlers.answer, methods=["POST"]),
        Route("/undo", handlers.undo, methods=["POST"]),
        Route("/aside", handlers.set_aside, methods=["POST"]),
        *handlers.images.routes,
        *(Route(f"/{name}", handlers.static) for name in STATIC),
    ]
    error_responses: dict[Any, Any] = {
        BadRequestError: _error_response(400, str),
        ConflictError: _error_response(409, str),
        ImageNotAvailableError: _error_response(404, str),
        BadImage: _error_response(404, str),
        FacesiftError: _error_response(500, str),
        OSError: _error_response(507, _write_error_text),
    }
    mounted = [Mount(f"/{handlers.credentials.secret}", routes=routes)]
    return Starlette(
        routes=mounted,
        middleware=[Middleware(AccessControl, credentials=handlers.credentials)],
        exception_handlers=error_responses,
    )
