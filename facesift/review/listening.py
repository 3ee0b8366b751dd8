"""How the page is served: on this machine alone, until Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from facesift.core.errors import FacesiftError


def bind(port: int) -> socket.socket:
    """Listen on 127.0.0.1 only; port 0 takes any that is free. Raises `FacesiftError` when it is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        raise FacesiftError(
            f"port {port} of 127.0.0.1: {getattr(error, 'strerror', None) or error}; is another page open? "
            "--port 0 takes any that is free"
        ) from error
    return listening


def serve(app: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. `started` is called before the first request is taken; those wait in the queue."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, ws="none",
        lifespan="off", timeout_graceful_shutdown=2,
    )  # fmt: skip
    try:
        started()
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        return  # before it runs, or again after it has shut down
