"""Starts and stops the service: checks the settings, listens, loads bundles on a signal, ends gracefully."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from facesift.core.errors import FacesiftError
from facesift.service.app import Handlers, make_app
from facesift.service.bodies import Bodies
from facesift.service.decisions import DecisionService
from facesift.service.metrics import Metrics
from facesift.service.settings import DecisionSettings, Limits, LogSettings, ServerSettings
from facesift.service.slow_clients import ImpatientProtocol
from facesift.service.tokens import TokenFile

MOST_CONNECTIONS = 2000


@dataclass(frozen=True)
class ServiceSettings:
    """Everything that the service is started with.

    Attributes:
        decisions: what decides.
        server: where it listens.
        log: the decision log.
        limits: what is refused.
    """

    decisions: DecisionSettings
    server: ServerSettings
    log: LogSettings
    limits: Limits


def run_service(settings: ServiceSettings) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what is under way and return.

    Raises:
        FacesiftError: The settings, the bundle, the tokens or the log cannot be used, or the port is taken. It is
            raised before the first request is answered.
    """
    check_safe(settings.server)
    tokens = TokenFile(settings.server.tokens) if settings.server.tokens else None
    with _bind(settings.server) as listener:
        asyncio.run(_serve(settings, tokens, listener))


def check_safe(server: ServerSettings) -> None:
    """Refuse to send images and decisions over a network without encryption, and to answer anybody there.

    Raises:
        FacesiftError: naming the option that is missing.
    """
    if (server.certificate is None) != (server.key is None):
        raise FacesiftError("--certificate and --key belong together: give both or neither")
    try:
        address = ipaddress.ip_address(server.host)
    except ValueError:
        raise FacesiftError(f"--host {server.host}: give an address, such as 127.0.0.1 or 0.0.0.0") from None
    if address.is_loopback:
        return
    if server.certificate is None and not server.behind_proxy:
        raise FacesiftError(
            f"--host {server.host}: without --certificate and --key, images would cross the network in the clear; if a "
            "proxy that encrypts stands before the service, say --behind-proxy"
        )
    if server.tokens is None:
        raise FacesiftError(f"--host {server.host}: anybody could ask; give --tokens FILE")


def _bind(server: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    # Named as TCP, so that asyncio sends each part of an answer at once: else Nagle's algorithm waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((server.host, server.port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        words = getattr(error, "strerror", None) or error
        raise FacesiftError(f"port {server.port} of {server.host}: {words}; --port takes another one") from error
    return listener


def done_without(settings: ServiceSettings) -> list[str]:
    """Say what the service does without."""
    lines = []
    if settings.server.tokens is None:
        lines.append("No --tokens: everybody on this machine may ask.")
    if settings.log.folder is None:
        lines.append("No --log: decisions are answered, but not recorded.")
    return lines


async def _serve(settings: ServiceSettings, tokens: TokenFile | None, listener: socket.socket) -> None:
    metrics = Metrics()
    service = DecisionService(settings.decisions, settings.log, settings.limits, metrics)
    await service.load()
    server = _Server(_config(settings, service, tokens, metrics), service, settings.server)
    scheme = "https" if settings.server.certificate else "http"
    host, port = listener.getsockname()[:2]
    print(f"Bundle {service.engine.bundle} decides.", flush=True)  # noqa: T201  the command's output
    print(f"Serving {scheme}://{host}:{port}/v1/decisions, described at /docs (Ctrl-C ends it)", flush=True)  # noqa: T201
    for line in done_without(settings):
        print(line, flush=True)  # noqa: T201
    with suppress(KeyboardInterrupt):
        await server.serve(sockets=[listener])
    await service.close()


def _config(
    settings: ServiceSettings, service: DecisionService, tokens: TokenFile | None, metrics: Metrics
) -> uvicorn.Config:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(service.sync_log())]
        if settings.server.watch_seconds:
            tasks.append(asyncio.create_task(service.watch(settings.server.watch_seconds)))
        yield
        for task in tasks:
            task.cancel()

    app = make_app(Handlers(service, Bodies(settings.limits, metrics), tokens), lifespan)
    return uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=settings.server.behind_proxy,
        ssl_certfile=settings.server.certificate,
        ssl_keyfile=settings.server.key,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=int(settings.limits.upload_seconds + settings.limits.answer_seconds),
    )


class _Server(uvicorn.Server):
    """uvicorn with a bundle to load again on SIGHUP, and a while of answering after SIGTERM."""

    def __init__(self, config: uvicorn.Config, service: DecisionService, server: ServerSettings) -> None:
        super().__init__(config)
        self._service, self._settings = service, server
        self._tasks: set[asyncio.Task[bool]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, also to SIGHUP."""
        await super().startup(sockets)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        """Load bundle and certificate again."""
        task = asyncio.create_task(self._service.reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._settings.certificate and isinstance(self.config.ssl, ssl.SSLContext):
            try:
                self.config.ssl.load_cert_chain(self._settings.certificate, self._settings.key)
            except (OSError, ssl.SSLError) as error:
                sys.stderr.write(f"the certificate stays as it is: {error}\n")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn's signature
        """Stop listening once the balancer has seen that the service is not ready; at once on a second signal."""
        if self._service.draining or not self._settings.drain_seconds:
            self.force_exit = self.should_exit
            self.should_exit = True
        self._service.draining = True

    async def on_tick(self, counter: int) -> bool:
        """End when it is time to; uvicorn asks ten times a second."""
        if self._service.draining and not self.should_exit:
            self._drained = getattr(self, "_drained", 0) + 1
            self.should_exit = self._drained >= 10 * self._settings.drain_seconds
        return await super().on_tick(counter)
