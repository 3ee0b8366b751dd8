"""What can be asked for below the page's secret address."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from facesift.core.errors import FacesiftError
from facesift.datasets.review_files import UNSURE
from facesift.images.decoding import BadImage
from facesift.review.access import Guard, Pass
from facesift.review.image_files import Unshowable, fetch
from facesift.review.maps import Maps
from facesift.review.showing import Limits, shown
from facesift.review.state import ALL, DISAGREEMENT, UNANSWERED, Conflict, Desk, keys_of

SCRIPTS = ("asking.js", "looking.js", "screen.js", "maps.js", "page.js")
STATIC = {"page.css": "text/css"} | dict.fromkeys(SCRIPTS, "text/javascript")
LONGEST_LOOK = 86_400  # seconds


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """What the page asked for makes no sense; the message says why."""


class Given(BaseModel):
    """An answer as the page sends it; `seen` is the answer that it believes to stand."""

    image_id: str
    answer: str
    seconds: Annotated[float, Field(ge=0, le=LONGEST_LOOK)]
    seen: str | None


class Undone(BaseModel):
    """The row of the answer to take back, as `Desk` numbers them."""

    number: int


Said = TypeVar("Said", Given, Undone)


@dataclass(frozen=True)
class Site:
    """The handlers. They run in threads, off the event loop; `maps` is None where none can be made, `why` says why."""

    desk: Desk
    key: Pass
    maps: Maps | None
    why: str
    limits: Limits

    def page(self, _: Request) -> Response:
        """Give the page itself."""
        environment = Environment(
            loader=PackageLoader("facesift.review", "."), autoescape=True, undefined=StrictUndefined
        )
        return HTMLResponse(environment.get_template("page.html").render(self._facts()))

    def _facts(self) -> dict[str, Any]:
        queue = self.desk.queue
        settings = {
            "reviewer": self.desk.reviewer,
            "token": self.key.token,
            "classes": queue.classes.names,
            "positive": queue.classes.positive,
            "keys": keys_of(queue.classes.names) | {UNSURE: UNSURE[0]},
            "answers": queue.answers,
            "unsure": UNSURE,
            "members": [each.name for each in self.maps.card.members] if self.maps else [],
            "why": self.why,
        }
        filters = [UNANSWERED, ALL, DISAGREEMENT, *queue.answers]
        return {"settings": json.dumps(settings), "filters": filters, "reviewer": self.desk.reviewer}

    def static(self, request: Request) -> Response:
        """Give the page's script or style."""
        name = request.url.path.rpartition("/")[2]
        return Response((files("facesift.review") / name).read_bytes(), media_type=STATIC[name])

    def item(self, request: Request) -> Response:
        """Find the image to show: `start`, `step` (1 or -1) and `filter` of the query."""
        query = request.query_params
        wanted = query.get("filter", UNANSWERED)
        try:
            start, step = int(query.get("start", "0")), int(query.get("step", "1"))
        except ValueError:
            raise Refused("start and step are whole numbers") from None
        if step not in (1, -1) or wanted not in (ALL, UNANSWERED, DISAGREEMENT, *self.desk.queue.answers):
            raise Refused(f"step {step} or filter {wanted!r} is none")
        return JSONResponse(self.desk.item(start, step, wanted))

    async def answer(self, request: Request) -> Response:
        """Write an answer: JSON of `Given`."""
        said = await _said(request, Given)
        if said.image_id not in self.desk.queue or said.answer not in self.desk.queue.answers:
            raise Refused("No such image in this queue, or no such answer.")
        done = await run_in_threadpool(self.desk.answer, said.image_id, said.answer, said.seconds, said.seen)
        return JSONResponse(done)

    async def undo(self, request: Request) -> Response:
        """Take back the last answer: JSON of `Undone`."""
        said = await _said(request, Undone)
        return JSONResponse(await run_in_threadpool(self.desk.undo, said.number))

    def image(self, request: Request) -> Response:
        """Give an image of the queue, by its image_id."""
        data, kind = shown(self._bytes(request.path_params["image_id"]), self.limits.max_pixels)
        return Response(data, media_type=kind)

    async def map(self, request: Request) -> Response:
        """Give a member's map of an image: a PNG in base64, and what it says."""
        if self.maps is None:
            raise Refused(self.why)
        image_id, member = request.path_params["image_id"], request.path_params["member"]
        if member not in self.maps.card.member_names:
            raise Refused(f"{member!r} is no member of the committee")
        data = await run_in_threadpool(self._bytes, image_id)
        made = await asyncio.wrap_future(self.maps.ask(image_id, member, data))
        return JSONResponse({"png": base64.b64encode(made.png).decode(), "says": made.says})

    def _bytes(self, image_id: str) -> bytes:
        queue = self.desk.queue
        position = queue.position(image_id)
        if position is None:
            raise Refused("No such image in this queue.")
        return fetch(queue.row(position)["image"], image_id, queue.roots, self.limits.max_bytes)


async def _said(request: Request, kind: type[Said]) -> Said:
    try:
        return kind.model_validate_json(await request.body(), strict=True)
    except ValidationError as error:
        raise Refused(f"Not what the page sends: {error.errors()[0]['msg']}.") from None


def _failing(status: int, words: Callable[[Exception], str]) -> Callable[[Request, Exception], Response]:
    return lambda _, error: JSONResponse({"error": words(error)}, status)


def _words_of_disk(error: Exception) -> str:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "Make room on the disk, then try again." if full else "Mend that, then try again."
    return f"The answer could not be written: {getattr(error, 'strerror', None) or error}. {remedy}"


def make_app(site: Site) -> Starlette:
    """Build the application: every path lies below the secret, everything else is refused by the guard."""
    routes = [
        Route("/", site.page),
        Route("/item", site.item),
        Route("/answer", site.answer, methods=["POST"]),
        Route("/undo", site.undo, methods=["POST"]),
        Route("/image/{image_id}", site.image),
        Route("/map/{image_id}/{member}", site.map),
        *(Route(f"/{name}", site.static) for name in STATIC),
    ]
    failures: dict[Any, Any] = {
        Refused: _failing(400, str),
        Conflict: _failing(409, str),
        Unshowable: _failing(404, str),
        BadImage: _failing(404, str),
        FacesiftError: _failing(500, str),
        OSError: _failing(507, _words_of_disk),
    }
    mounted = [Mount(f"/{site.key.secret}", routes=routes)]
    return Starlette(routes=mounted, middleware=[Middleware(Guard, key=site.key)], exception_handlers=failures)
