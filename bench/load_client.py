"""A client that keeps connections open and tells each answer apart: status, time, bundle. wrk tells totals alone."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

HEAD = "POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"


class Seen(NamedTuple):
    """One answer.

    Attributes:
        status: of HTTP; 0 where the connection broke.
        seconds: from the request to the answer.
        bundle: the first digits of the bundle's hash.
        retry: whether it has Retry-After.
    """

    status: int
    seconds: float
    bundle: str
    retry: bool


async def ask_for(port: int, bodies: Sequence[bytes], connections: int, seconds: float) -> list[Seen]:
    """Let each of `connections` ask again as soon as it has its answer, for so many seconds."""
    end, turn = time.monotonic() + seconds, itertools.cycle(bodies)
    found = await asyncio.gather(*(_ask_on(port, turn, end) for _ in range(connections)))
    return [each for part in found for each in part]


async def _ask_on(port: int, turn: itertools.cycle[bytes], end: float) -> list[Seen]:
    seen: list[Seen] = []
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while time.monotonic() < end:
                seen.append(await _ask(reader, writer, next(turn)))
                if seen[-1].status in (429, 503):
                    await asyncio.sleep(0.25)  # a quarter of what Retry-After says
        except (OSError, asyncio.IncompleteReadError):
            seen.append(Seen(0, 0.0, "", retry=False))
        finally:
            writer.close()
    return seen


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> Seen:
    started = time.monotonic()
    writer.write(HEAD.format(len(body)).encode() + body)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    await reader.readexactly(int(headers["content-length"]))
    bundle = headers.get("x-facesift-bundle", "")[:12]
    return Seen(int(lines[0].split()[1]), time.monotonic() - started, bundle, "retry-after" in headers)


async def hold_open(port: int, connections: int, seconds: float) -> list[bytes]:
    """Open connections that send a request's headers, and then a byte a second; return what they are answered."""

    async def hold() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 9999\r\n\r\n"
        )
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                writer.write(b"x")
                try:
                    return (await asyncio.wait_for(reader.read(64), 1)).split(b"\r\n")[0]
                except TimeoutError:
                    continue
        except OSError:
            pass
        finally:
            writer.close()
        return b"still open"

    return list(await asyncio.gather(*(hold() for _ in range(connections))))


def percentiles(seen: Sequence[Seen], status: int = 200) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds of the answers with a status."""
    times = [each.seconds * 1000 for each in seen if each.status == status]
    return {f"p{each}": round(float(np.percentile(times, each)), 2) for each in (50, 95, 99)} if times else {}
