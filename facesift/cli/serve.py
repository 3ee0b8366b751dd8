"""`facesift serve`: answers images over HTTP with decisions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from facesift.cli.commands import BUNDLE, BUNDLE_FOLDER, takes
from facesift.core.errors import FacesiftError


@dataclass(frozen=True)
class ServeOptions:
    """What the user typed; the help texts say what each field means."""

    bundle: Annotated[Path, typer.Option(help=BUNDLE)] = BUNDLE_FOLDER
    host: Annotated[str, typer.Option(help="Address of the network interface to listen on.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(help="0 takes any free port.")] = 8720
    tokens: Annotated[
        Path | None, typer.Option(help="File of `facesift tokens create`.", show_default="anybody may ask")
    ] = None
    certificate: Annotated[Path | None, typer.Option(help="TLS certificate with its chain.")] = None
    key: Annotated[Path | None, typer.Option(help="Key of the certificate.")] = None
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy that encrypts stands before it.")] = (
        False
    )
    log: Annotated[Path | None, typer.Option(help="Folder of the decision log.", show_default="no log")] = None
    fsync: Annotated[
        Literal["always", "second", "never"], typer.Option(help="When to wait until the log is on the disk.")
    ] = "always"
    rotate_mb: Annotated[int, typer.Option(min=1, help="Size from which another log file is begun.")] = 100
    keep: Annotated[
        Path | None, typer.Option(help="Folder to write every image to.", show_default="images are not written")
    ] = None
    rule: Annotated[str | None, typer.Option(help="Voting rule to use instead of the bundle's own.")] = None
    point: Annotated[str | None, typer.Option(help="Operating point to use instead of a voting rule.")] = None
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of fakes to give probabilities for; decisions stay.", show_default="the bundle's"),
    ] = None
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that score.", show_default="one for each core")
    ] = None
    decoders: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode.", show_default="one for each core")
    ] = None
    batch_size: Annotated[int, typer.Option(min=1, help="Most images that are scored at a time.")] = 32
    max_mb: Annotated[int, typer.Option(min=1, help="Largest request.")] = 20
    max_images: Annotated[int, typer.Option(min=1, help="Most images in a request.")] = 64
    max_waiting: Annotated[int, typer.Option(min=1, help="Most images under way; beyond: 503.")] = 256
    max_client: Annotated[int, typer.Option(min=1, help="Most requests of one token under way; beyond: 429.")] = 128
    upload_seconds: Annotated[float, typer.Option(min=0.1, help="Longest time to send a request; beyond: 408.")] = 15.0
    answer_seconds: Annotated[float, typer.Option(min=0.1, help="Longest time to an answer; beyond: 503.")] = 10.0
    watch_seconds: Annotated[
        float, typer.Option(min=0, help="How often to look for another bundle; 0: on SIGHUP alone.")
    ] = 5.0
    drain_seconds: Annotated[float, typer.Option(min=0, help="How long to go on answering after SIGTERM.")] = 0.0
    drift_images: Annotated[int, typer.Option(min=1, help="Last images whose drift is shown.")] = 2000


@takes(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Answer images over HTTP with decisions, as `facesift screen` makes them."""
    try:
        from facesift.service.server import ServiceSettings, run_service
    except ModuleNotFoundError as error:
        raise FacesiftError(f"{error.name} is not installed: in the clone, type `pip install -e '.[serve]'`") from error
    from facesift.service.settings import MEGABYTE, DecisionSettings, Limits, LogSettings, ServerSettings

    decisions = DecisionSettings(
        options.bundle,
        options.rule,
        options.point,
        options.prevalence,
        options.threads,
        options.decoders,
        options.batch_size,
        options.drift_images,
        options.keep,
    )
    server = ServerSettings(
        options.host,
        options.port,
        options.tokens,
        options.certificate,
        options.key,
        options.behind_proxy,
        options.watch_seconds,
        options.drain_seconds,
    )
    limits = Limits(
        request_bytes=options.max_mb * MEGABYTE,
        request_images=options.max_images,
        waiting_images=options.max_waiting,
        client_requests=options.max_client,
        upload_seconds=options.upload_seconds,
        answer_seconds=options.answer_seconds,
    )
    log = LogSettings(options.log, options.fsync, options.rotate_mb * MEGABYTE)
    run_service(ServiceSettings(decisions, server, log, limits))
