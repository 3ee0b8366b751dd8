"""How fast a committee's graph is on this machine: images a second, time a batch, peak memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from facesift.bundle.runtimes import PIXELS, open_session

WARM_UP = 2  # batches before the clock starts: the first ones allocate
FEWEST = 5  # batches that are timed however slow they are
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Load:
    """How a graph is asked: images a batch, threads of the runtime, and seconds to time it for."""

    batch: int
    threads: int
    seconds: float


@dataclass(frozen=True)
class Speed:
    """Scoring alone, without reading and decoding files.

    `p50_ms`, `p95_ms`, `p99_ms`: milliseconds a batch; None where fewer than 20 or 100 batches show nothing of so rare
    ones. `memory_mib`: the most that a process which only scores has had in memory; None where that is not told.
    """

    batches: int
    images_per_second: float
    p50_ms: float
    p95_ms: float | None
    p99_ms: float | None
    memory_mib: float | None


def measure_speed(graph: Path, image_size: int, load: Load) -> Speed:
    """Time the ONNX file `graph` on random pixels in a process of its own, so that memory is that of this graph alone.

    Raises `FacesiftError` as `runtimes.open_session` does.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(time_graph, graph, image_size, load).result()


def time_graph(graph: Path, image_size: int, load: Load) -> Speed:
    """Time `graph` in this process; see `measure_speed`."""
    session = open_session(graph, graph, load.threads)
    shape = (load.batch, image_size, image_size, 3)
    feed = {PIXELS: np.random.default_rng(0).integers(0, 256, shape, np.uint8)}
    for _ in range(WARM_UP):
        session.run(None, feed)
    return summary(_times(lambda: session.run(None, feed), load.seconds), load.batch, peak_memory())


def summary(times: list[float], batch: int, memory_mib: float | None) -> Speed:
    """Summarise the seconds that each batch took."""
    median, late, latest = (float(each) for each in np.percentile(np.array(times) * 1000, [50, 95, 99]))
    return Speed(
        batches=len(times),
        images_per_second=batch * len(times) / sum(times),
        p50_ms=median,
        p95_ms=late if len(times) >= 20 else None,
        p99_ms=latest if len(times) >= 100 else None,
        memory_mib=memory_mib,
    )


def peak_memory(status: Path = STATUS) -> float | None:
    """Most memory that this process has had, in MiB; None where the system has no /proc.

    Not `getrusage`: there a new process begins with the peak of the one that started it.
    """
    if not status.is_file():
        return None
    peaks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) / 1024 if peaks else None


def _times(run: Callable[[], object], seconds: float) -> list[float]:
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < FEWEST or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return times
