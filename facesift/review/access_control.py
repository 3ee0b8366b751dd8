"""Access control of the page: only a browser that has the printed address gets an answer.

Other web sites that the browser shows can send requests to 127.0.0.1. The headers Host (against DNS rebinding) and
Origin keep them out. Other users of the machine can reach the port. The secret in the path keeps them out.
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
class Credentials:
    """What a request must carry.

    Attributes:
        port: Port on 127.0.0.1 that is served.
        secret: First part of every path.
        token: CSRF token, in a header of every POST.
    """

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
class AccessControl:
    """ASGI middleware: answers 403 to requests without the right credentials, and sets the security headers.

    Attributes:
        app: The application behind it.
        credentials: What a request must carry.
    """

    app: ASGIApp
    credentials: Credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        reason = self._refusal(scope)
        handler = PlainTextResponse(reason, 403) if reason else self.app
        await handler(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str:
        """Return why a request is refused; "" if it is not."""
        headers = Headers(scope=scope)
        if headers.get("host") not in self.credentials.hosts:
            return "This is not the address of the page. Open the address that `facesift review` printed."
        writes = scope["method"] not in ("GET", "HEAD")
        if not self._is_own_page(headers, writes=writes):
            return "The request comes from another web site."
        secret = scope["path"].removeprefix("/").partition("/")[0]
        if not _equal(secret, self.credentials.secret):
            return "The secret in the address is missing or old. Open the address that `facesift review` printed last."
        if writes and not _equal(headers.get(CSRF, ""), self.credentials.token):
            return "The page is out of date. Load it again."
        return "The request is too large, or its length is unknown." if writes and not _is_small(headers) else ""

    def _is_own_page(self, headers: Headers, *, writes: bool) -> bool:
        """Return whether the headers name our page as the sender; a request that only reads needs no Origin."""
        own = {f"http://{host}" for host in self.credentials.hosts}
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "none")
        return (origin in own or (origin is None and not writes)) and site in ("none", "same-origin")


def _is_small(headers: Headers) -> bool:
    length = headers.get("content-length", "")
    return "transfer-encoding" not in headers and length.isdigit() and int(length) <= MAX_BODY


def _equal(given: str, secret: str) -> bool:
    """Compare in constant time, so that the time tells nothing about the secret."""
    return secrets.compare_digest(given.encode(), secret.encode())
