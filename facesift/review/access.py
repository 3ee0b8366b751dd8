"""Who may talk to the page: this machine's browser, on the page's own address, with the secret that was printed.

A page of a foreign site can reach a server on 127.0.0.1, too, and other users of the machine can. The first is kept
out by the names in Host (against DNS rebinding) and Origin, the second by the secret in the path.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 4096  # bytes; an answer has some 150
CSRF = "x-csrf-token"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address holds the secret
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",  # customers' faces stay out of the browser's cache
}


@dataclass(frozen=True)
class Pass:
    """What opens the door: the port that is served, the secret in the path, the token of each POST."""

    port: int
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.secret}/"

    @property
    def hosts(self) -> frozenset[str]:
        names = [f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")]
        return frozenset([*names, "127.0.0.1", "localhost"] if self.port == 80 else names)  # 80: HTTP's own port


@dataclass(frozen=True)
class Guard:
    """ASGI middleware: refuses strangers with 403 before anything else runs, and sets the headers of `HEADERS`."""

    app: ASGIApp
    key: Pass

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self._refusal(scope)
        answering = PlainTextResponse(refused, 403) if refused else self.app
        await answering(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str:
        """Say why a request is not let in; "" lets it in."""
        headers = Headers(scope=scope)
        if headers.get("host") not in self.key.hosts:
            return "This address is not the page's own. Open the one that `facesift review` printed."
        writes = scope["method"] not in ("GET", "HEAD")
        if not self._is_own_page(headers, writes=writes):
            return "The request comes from a foreign page."
        first = scope["path"].removeprefix("/").partition("/")[0]
        if not _same(first, self.key.secret):
            return "The secret is missing or an old one. Open the address that `facesift review` printed last."
        if writes and not _same(headers.get(CSRF, ""), self.key.token):
            return "The page is an old one: load it again."
        return "The request is too large or of unknown length." if writes and not _is_small(headers) else ""

    def _is_own_page(self, headers: Headers, *, writes: bool) -> bool:
        """Whether the browser says that the request is of our page; what is only read may come without an origin."""
        own = {f"http://{host}" for host in self.key.hosts}
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "none")
        return (origin in own or (origin is None and not writes)) and site in ("none", "same-origin")


def _is_small(headers: Headers) -> bool:
    length = headers.get("content-length", "")
    return "transfer-encoding" not in headers and length.isdigit() and int(length) <= MAX_BODY


def _same(given: str, secret: str) -> bool:
    """Compare in a time that does not tell how much is right."""
    return secrets.compare_digest(given.encode(), secret.encode())
