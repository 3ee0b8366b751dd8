"""Times one ONNX graph on this machine: images per second, milliseconds per batch, peak memory."""

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
class TimingSettings:
    """How a graph is timed.

    Attributes:
        batch: Images in a batch.
        threads: Threads of the runtime.
        seconds: How long it is timed at least.
    """

    batch: int
    threads: int
    seconds: float


@dataclass(frozen=True)
class Speed:
    """The speed of scoring alone, without reading and decoding files.

    Attributes:
        batches: Batches that were timed.
        images_per_second: Over all batches together.
        p50_ms: Median time of a batch in milliseconds.
        p95_ms: 95th percentile; None below 20 batches, which are too few to know it.
        p99_ms: 99th percentile; None below 100 batches.
        memory_mib: Peak memory in MiB of a process that only scores; None where the system does not tell it.
    """

    batches: int
    images_per_second: float
    p50_ms: float
    p95_ms: float | None
    p99_ms: float | None
    memory_mib: float | None


def measure_speed(graph: Path, image_size: int, settings: TimingSettings) -> Speed:
    """Time an ONNX file on random pixels in a new process, so that the memory is that of this graph alone.

    Args:
        graph: Path of the ONNX file.
        image_size: Height and width of its images in pixels.
        settings: How it is timed.

    Raises:
        FacesiftError: As `bundle.runtimes.open_session` raises it.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(time_graph, graph, image_size, settings).result()


def time_graph(graph: Path, image_size: int, settings: TimingSettings) -> Speed:
    """Time an ONNX file in this process; see `measure_speed`."""
    session = open_session(graph, graph, settings.threads)
    shape = (settings.batch, image_size, image_size, 3)
    feed = {PIXELS: np.random.default_rng(0).integers(0, 256, shape, np.uint8)}
    for _ in range(WARM_UP):
        session.run(None, feed)
    return summary(_times(lambda: session.run(None, feed), settings.seconds), settings.batch, peak_memory())


def summary(times: list[float], batch: int, memory_mib: float | None) -> Speed:
    """Summarise the seconds that the batches took; `memory_mib` is passed on."""
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
    """Return the peak memory in MiB of this process, or of the one with that `status`; None without such a file.

    `getrusage` will not do: a new process inherits the peak of the process that started it.
    """
    try:
        lines = status.read_text().splitlines()
    except OSError:  # no /proc, or the process has ended
        return None
    peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peaks[0]) / 1024 if peaks else None


def _times(run: Callable[[], object], seconds: float) -> list[float]:
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < FEWEST or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return times
