"""What can go wrong under load, and whether the service bears it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.load_client import Seen, ask_for, hold_open, percentiles
from bench.load_server import point, serving, successor_of

Figures = dict[str, Any]


def swap(bundle: Path, room: Path, bodies: Sequence[bytes], seconds: float) -> Figures:
    """Another bundle every two seconds, under eight connections."""
    link, other = room / "current", successor_of(bundle, room / "successor")
    point(link, bundle)

    async def run(port: int) -> list[Seen]:
        asking = asyncio.create_task(ask_for(port, bodies, 8, seconds))
        for number in range(int(seconds / 2)):
            await asyncio.sleep(2)
            point(link, (other, bundle)[number % 2])
        return await asking

    with serving(link, "--log", str(room / "swap"), "--watch-seconds", "0.2") as service:
        seen = asyncio.run(run(service.port))
    logged = sum(len(path.read_text().splitlines()) for path in (room / "swap").iterdir())
    return _statuses(seen) | {
        "lost": sum(each.status != 200 for each in seen),
        "answered": len(seen),
        "logged": logged,
        "bundles": len({each.bundle for each in seen}),
        "swaps": int(seconds / 2),
    }


def slow_clients(port: int, bodies: Sequence[bytes], seconds: float) -> Figures:
    """Eight connections alone, then beside 100 that send a byte a second."""

    async def run() -> tuple[list[Seen], list[Seen], list[bytes]]:
        alone = await ask_for(port, bodies, 8, seconds)
        holding = asyncio.create_task(hold_open(port, 100, seconds + 2))
        return alone, await ask_for(port, bodies, 8, seconds), await holding

    alone, beside, held = asyncio.run(run())
    answers = Counter(each.decode() for each in held)
    return {"alone": percentiles(alone), "beside": percentiles(beside), "slow_answers": dict(answers)}


def broken_images(port: int, bodies: Sequence[bytes], seconds: float) -> Figures:
    """Each second image is torn, or none at all."""
    mixed = [part for body in bodies for part in (body, body[: len(body) // 2], body, b"<html>")]
    seen = asyncio.run(ask_for(port, mixed, 8, seconds))
    return _statuses(seen) | {"answered": len(seen), "good": percentiles(seen)}


def replicas(bundle: Path, room: Path, bodies: Sequence[bytes], seconds: float) -> Figures:
    """Sixteen connections to one replica, and eight to each of two, each with its own log."""

    async def share(ports: Sequence[int]) -> list[Seen]:
        asking = (ask_for(port, bodies, 16 // len(ports), seconds) for port in ports)
        return [each for part in await asyncio.gather(*asking) for each in part]

    with (
        serving(bundle, "--log", str(room / "first")) as first,
        serving(bundle, "--log", str(room / "second")) as second,
    ):
        rounds = [(asyncio.run(share([first.port])), asyncio.run(share([first.port, second.port]))) for _ in range(3)]
    ratios = sorted(_decided(two) / _decided(one) for one, two in rounds)
    return {
        "two_over_one": round(ratios[1], 2),
        "lost": sum(len(part) - _decided(part) for pair in rounds for part in pair),
    }


def overload(bundle: Path, bodies: Sequence[bytes], seconds: float) -> Figures:
    """Ten times as many connections as may wait."""
    with serving(bundle, "--max-waiting", "16", "--watch-seconds", "0") as service:
        full = asyncio.run(ask_for(service.port, bodies, 16, seconds))
        over = asyncio.run(ask_for(service.port, bodies, 160, seconds))
    refused = [each for each in over if each.status in (429, 503)]
    return {
        "at_capacity": percentiles(full) | {"a_second": round(_decided(full) / seconds)},
        "ten_times": percentiles(over) | {"a_second": round(_decided(over) / seconds)},
        "refused": len(refused),
        "refused_with_retry_after": sum(each.retry for each in refused),
        "refused_p95": percentiles(over, 503).get("p95"),
        **_statuses(over),
    }


def soak(bundle: Path, room: Path, bodies: Sequence[bytes], seconds: float) -> Figures:
    """Eight connections for a long time: memory after a tenth of it and at the end."""

    async def run(port: int) -> list[Seen]:
        asking = asyncio.create_task(ask_for(port, bodies, 8, seconds))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(seconds / 20)
            memory.append(round(service.memory_mb(), 1))
        return await asking

    memory: list[float] = []
    with serving(bundle, "--log", str(room / "soak"), "--fsync", "second") as service:
        seen = asyncio.run(run(service.port))
    return _statuses(seen) | {
        "seconds": seconds,
        "answered": len(seen),
        "memory_mb": memory,
        "growth_mb": round(memory[-1] - memory[2], 1),
    }


def _decided(seen: Sequence[Seen]) -> int:
    return sum(each.status == 200 for each in seen)


def _statuses(seen: Sequence[Seen]) -> Figures:
    return {
        "statuses": {str(status): number for status, number in sorted(Counter(each.status for each in seen).items())}
    }
