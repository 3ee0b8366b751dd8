"""The web application: decisions, health, metrics and the description of the interface."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from facesift.service.bodies import Bodies
from facesift.service.decisions import Decided, DecisionService
from facesift.service.openapi import describe, docs_page
from facesift.service.refusals import Refusal, image_status
from facesift.service.tokens import Scope, TokenFile

REQUEST_ID, BUNDLE = "X-Request-ID", "X-Facesift-Bundle"
SMALL_BODY = 1_000_000  # bytes
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
CSP = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Handlers:
    """The functions that answer requests.

    Attributes:
        service: decides.
        bodies: reads requests.
        tokens: who may ask; None: anybody.
    """

    service: DecisionService
    bodies: Bodies
    tokens: TokenFile | None

    async def decisions(self, request: Request) -> Response:
        """Decide the images of a request."""
        started, request_id = time.perf_counter(), _request_id(request)
        try:
            response = await self._decide(request, request_id)
        except Refusal as refusal:
            self.service.metrics.count_refusal(refusal.status, refusal.reason)
            response = refusal_response(
                refusal, request_id, close=refusal.unread and _is_worth_closing(request, refusal)
            )
        self.service.metrics.latency.labels(str(response.status_code)).observe(time.perf_counter() - started)
        return response

    async def _decide(self, request: Request, request_id: str) -> Response:
        client = self._client(request, "decide")
        with self.service.client_slot(client), self.bodies.room() as taken:
            self.service.check_room()
            images = await self.bodies.read(request, request_id, taken)
            decided = await self.service.decide(images, request_id, client)
        return self._answer(decided, request_id)

    def _answer(self, decided: Decided, request_id: str) -> Response:
        """Answer with the rows; with an error status where not one image could be scored."""
        content: dict[str, Any] = {
            "request_id": request_id,
            "bundle": decided.bundle,
            "decisions": [job.row for job in decided.jobs],
        }
        headers = HEADERS | {REQUEST_ID: request_id, BUNDLE: decided.bundle}
        problems = [problem for job in decided.jobs if (problem := _problem(job.row, job.image.data, decided))]
        for status, reason, _ in problems:
            self.service.metrics.count_refusal(status, reason)
        if len(problems) < len(decided.jobs):
            return JSONResponse(content, headers=headers)
        status, reason, words = problems[0]
        return JSONResponse(content | {"error": {"reason": reason, "detail": words}}, status, headers)

    def _client(self, request: Request, scope: Scope) -> str:
        """Return the name of the token; `Refusal` for one that is missing, not valid or of another scope."""
        if self.tokens is None:
            return ""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        known = self.tokens.find(given.strip()) if scheme.lower() == "bearer" else None
        if known is None:
            words = "Send a valid token: Authorization: Bearer TOKEN."
            raise Refusal(401, "token", words, unread=True)
        if known.scope != scope:
            raise Refusal(403, "scope", f"This token is for {known.scope}.", unread=True)
        return known.name

    async def metrics(self, request: Request) -> Response:
        """Return the figures for Prometheus."""
        try:
            self._client(request, "metrics")
        except Refusal as refusal:
            return refusal_response(refusal, _request_id(request))
        return Response(await run_in_threadpool(self.service.metrics.text), media_type=CONTENT_TYPE_LATEST)

    async def health(self, _: Request) -> Response:
        """Say that the process answers."""
        return PlainTextResponse("ok\n", headers=HEADERS)

    async def readiness(self, _: Request) -> Response:
        """Say whether requests should be sent here."""
        if self.service.ready:
            return JSONResponse({"ready": True, "bundle": self.service.engine.bundle}, headers=HEADERS)
        words = "stopping" if self.service.draining else "the bundle is not loaded yet"
        return JSONResponse({"ready": False, "why": words}, 503, HEADERS | {"Retry-After": "1"})

    async def openapi(self, _: Request) -> Response:
        """Return the description of the interface for programs."""
        return JSONResponse(self._description(), headers=HEADERS)

    async def docs(self, _: Request) -> Response:
        """Return the description of the interface for people."""
        return HTMLResponse(docs_page(self._description()), headers=HEADERS | CSP)

    def _description(self) -> dict[str, Any]:
        committee = self.service.engine.committee
        return describe(committee.card, committee.ensemble.voters, self.service.limits, tokens=self.tokens is not None)


def _problem(row: dict[str, Any] | None, data: bytes, decided: Decided) -> tuple[int, str, str] | None:
    """Status, reason in one word and words for an image without a decision; None for one that has its decision."""
    if row is None or row["decision"] is not None:
        return None
    return (*image_status(row["reason"] or "", data, decided.formats), row["reason"])


def _request_id(request: Request) -> str:
    """Take the client's request id where it is a safe one, else make one."""
    given = request.headers.get(REQUEST_ID, "")
    return given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex


def _is_worth_closing(request: Request, refusal: Refusal) -> bool:
    """Whether the rest of a body is too large, or comes too slowly, to be read and thrown away.

    A new connection costs the service more than a few kilobytes, and refusals must be cheap.
    """
    length = request.headers.get("content-length", "")
    return refusal.status in (400, 408, 413) or not length.isdigit() or int(length) > SMALL_BODY


def refusal_response(refusal: Refusal, request_id: str, *, close: bool = False) -> JSONResponse:
    """Make the answer to a request that is refused; `close` ends the connection."""
    headers = HEADERS | {REQUEST_ID: request_id}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if close:
        headers["Connection"] = "close"
    error = {"reason": refusal.reason, "detail": refusal.words}
    return JSONResponse({"request_id": request_id, "error": error}, refusal.status, headers)


def make_app(handlers: Handlers, lifespan: Lifespan) -> Starlette:
    """Build the application.

    Args:
        handlers: answer the requests.
        lifespan: what runs from before the first request to after the last one.
    """
    routes = [
        Route("/v1/decisions", handlers.decisions, methods=["POST"]),
        Route("/healthz", handlers.health),
        Route("/readyz", handlers.readiness),
        Route("/metrics", handlers.metrics),
        Route("/openapi.json", handlers.openapi),
        Route("/docs", handlers.docs),
    ]

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101  it is registered for no other
        return refusal_response(error, _request_id(request))

    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refusal: refuse})
