"""The settings of the service: what it decides with, where it listens, what it refuses, and what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FsyncPolicy = Literal["always", "second", "never"]
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What is refused, and when.

    Attributes:
        request_bytes: largest body of a request.
        buffered_bytes: bodies that are held in memory at the same time, all requests together.
        request_images: most images in one request.
        waiting_images: most images that are decoded, wait or are decided at the same time, all requests together.
        client_requests: most requests of one token at the same time.
        upload_seconds: longest time that a client may take to send a request.
        answer_seconds: longest time from the received request to the answer.
    """

    request_bytes: int = 20 * MEGABYTE
    buffered_bytes: int = 512 * MEGABYTE
    request_images: int = 64
    waiting_images: int = 256
    client_requests: int = 128
    upload_seconds: float = 15.0
    answer_seconds: float = 10.0


@dataclass(frozen=True)
class LogSettings:
    """The decision log.

    Attributes:
        folder: where its files are; None: there is no log.
        fsync: `always` waits for the disk before a decision is answered, once for all images of a batch; `second` once
            a second; `never` leaves it to the system.
        rotate_bytes: a new file is begun when the present one is as large.
    """

    folder: Path | None
    fsync: FsyncPolicy = "always"
    rotate_bytes: int = 100 * MEGABYTE


@dataclass(frozen=True)
class DecisionSettings:
    """What decides, and how images are gathered.

    Attributes:
        bundle: folder of the exported committee.
        rule: a voting rule in place of the bundle's own.
        point: an operating point in place of a voting rule.
        prevalence: share of the positive class that probabilities are to hold for; None: the bundle's.
        threads: of the runtime; None: one a core.
        decoders: threads that decode images; None: one a core.
        batch: most images that are scored at a time.
        drift_images: how many of the last images are compared with the bundle's drift reference.
        keep: folder that images are written to; None: no image is ever written.
    """

    bundle: Path
    rule: str | None = None
    point: str | None = None
    prevalence: float | None = None
    threads: int | None = None
    decoders: int | None = None
    batch: int = 32
    drift_images: int = 2000
    keep: Path | None = None


@dataclass(frozen=True)
class ServerSettings:
    """Where the service listens.

    Attributes:
        host: address of the network interface.
        port: 0 takes any free one.
        tokens: file of the clients' tokens; None: anybody may ask.
        certificate: file with the TLS certificate and its chain; None: plain HTTP.
        key: file with the key of the certificate.
        behind_proxy: whether a proxy that encrypts stands before it.
        watch_seconds: how often the bundle's folder is looked at for a new bundle; 0: never, SIGHUP alone loads it.
        drain_seconds: how long it goes on answering after SIGTERM, with `/readyz` at 503, before it stops listening.
    """

    host: str = "127.0.0.1"
    port: int = 8720
    tokens: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    watch_seconds: float = 5.0
    drain_seconds: float = 0.0
