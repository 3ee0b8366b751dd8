"""Parallel work over processes or a cluster, by joblib with Ray or Dask behind it: the only place that does this.

Results come in the order of the items and do not depend on who made them. A cluster's workers must see the same files
under the same paths and run the same code. Both are checked by each worker, because one that reads other files, or
decodes them by another library, would change results silently.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from facesift.core.errors import FacesiftError
from facesift.core.fingerprint import PACKAGE, code_fingerprint, library_versions
from facesift.core.heap import keep_freed_memory
from facesift.core.parents import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

WINDOW = 16  # items in progress a process; as many results may wait in memory
SECONDS = 10.0  # to wait for a cluster's answer
LIBRARIES = ("h5py", "imagehash", "numpy", "onnxruntime", "pillow", "polars", "scipy", "timm", "torch", "torchvision")


@dataclass(frozen=True)
class Workers:
    """The processes that share the work.

    Attributes:
        backend: `processes` of this machine, or those of a cluster: `ray` or `dask`.
        jobs: most processes; -1: one for each core.
        address: HOST:PORT of a running cluster; None: one is started on this machine.
    """

    backend: str
    jobs: int
    address: str | None = None


ONE_PROCESS = Workers("processes", 1)  # no parallel work


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], spec: Workers, shared: Sequence[Path] = ()
) -> Iterator[Result]:
    """Yield `function(item)` for all items, in their order.

    At most `WINDOW` items a process are in progress, so memory does not grow with the number of items.

    Args:
        function: of a module's top level, or a `partial` of such; it and the items are pickled.
        items: consumed as results are taken. A single item needs no second process and is done in this one.
        spec: the processes; they do not change a result.
        shared: folders that a cluster's workers must see under the same (absolute) paths.

    Yields:
        The results.

    Raises:
        FacesiftError: when the backend is not installed, no cluster answers at `spec.address`, or one of its workers
            does not see a folder or runs other code. Errors of `function` are raised as they are.

    >>> list(parallel_map(abs, [-1, 2, -3], ONE_PROCESS))
    [1, 2, 3]
    """
    rest = iter(items)
    head = list(islice(rest, 2))
    if len(head) < 2 or (spec.backend == "processes" and spec.jobs == 1):
        yield from map(function, chain(head, rest))
        return
    here = _Local(function, os.getpid())
    remote = here if spec.backend == "processes" else _Remote(function, tuple(shared), environment_fingerprint())
    yield from _windows(remote, chain(head, rest), spec)


def _windows(function: Callable[[Item], Result], items: Iterator[Item], spec: Workers) -> Iterator[Result]:
    """Give joblib a window of items at a time: otherwise it would go on however few results are taken."""
    from joblib import Parallel as Pool  # noqa: PLC0415  half a second that most commands need not pay
    from joblib import delayed, effective_n_jobs, parallel_config  # noqa: PLC0415

    with parallel_config(_connect(spec), n_jobs=_jobs_to_ask(spec)):
        jobs = effective_n_jobs(_jobs_to_ask(spec))
        # Ray's backend gives no results before the last one is there.
        pool = Pool(n_jobs=_jobs_to_ask(spec), return_as="list" if spec.backend == "ray" else "generator")
    with pool:
        while window := list(islice(items, WINDOW * jobs)):
            yield from pool(delayed(function)(item) for item in window)


def _jobs_to_ask(spec: Workers) -> int:
    """Return how many processes to ask joblib for: of a running cluster all, because our own has at most `jobs`."""
    return spec.jobs if spec.backend == "processes" or spec.address else -1


def _connect(spec: Workers) -> str:
    """Connect to the cluster of `spec`, or start one for as long as this process lives; return its name for joblib."""
    if spec.backend == "processes":
        return "loky"
    if spec.address and spec.address != "auto":
        _check_answers(spec)
    try:
        return {"ray": _connect_ray, "dask": _connect_dask}[spec.backend](spec.address, spec.jobs)
    except ImportError as error:
        raise FacesiftError(
            f"parallel.backend: {spec.backend} is not installed ({error}); `pip install -e '.[{spec.backend}]'`"
        ) from error
    except (OSError, TimeoutError, ValueError) as error:
        raise FacesiftError(f"parallel.address: {_no_answer(spec)} ({str(error).strip()})") from error


def _no_answer(spec: Workers) -> str:
    """Say that no cluster answers."""
    return f"no {spec.backend} cluster answers at {spec.address!r}; null starts one on this machine"


def _check_answers(spec: Workers) -> None:
    """Raise `FacesiftError` unless a server listens at the address: Ray itself would try for minutes and then exit."""
    host, _, port = (spec.address or "").rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        raise FacesiftError(f"parallel.address: {spec.address!r} is not HOST:PORT, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except (OSError, OverflowError) as error:
        raise FacesiftError(f"parallel.address: {_no_answer(spec)} ({error})") from error


def _connect_ray(address: str | None, jobs: int) -> str:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # the user has not agreed to send any
    import ray  # noqa: PLC0415
    from ray.util.joblib import register_ray  # noqa: PLC0415

    if not ray.is_initialized():
        own: dict[str, Any] = {} if address else {"num_cpus": None if jobs == -1 else jobs, "include_dashboard": False}
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    register_ray()
    return "ray"


def _connect_dask(address: str | None, jobs: int) -> str:
    from distributed import get_client  # noqa: PLC0415

    try:
        get_client()
    except ValueError:  # none yet
        _dask_client(address, jobs)
    return "dask"


@lru_cache(maxsize=1)
def _dask_client(address: str | None, jobs: int) -> Any:
    """Make the process's client; distributed closes it, and a cluster started here, at the end of the process."""
    from distributed import Client, LocalCluster  # noqa: PLC0415

    if address:
        return Client(address, timeout=SECONDS)
    workers = (os.cpu_count() or 1) if jobs == -1 else jobs
    return Client(LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None))


@dataclass(frozen=True)
class _Local(Generic[Item, Result]):
    """A function for a process of this machine, which ends when the one that gave it work is killed."""

    function: Callable[[Item], Result]
    parent: int

    def __call__(self, item: Item) -> Result:
        if os.getpid() != self.parent:
            end_with_parent(self.parent)
            keep_freed_memory()
        return self.function(item)


@dataclass(frozen=True)
class _Remote(Generic[Item, Result]):
    """A function for a worker of a cluster, which first checks the worker's code and folders."""

    function: Callable[[Item], Result]
    shared: tuple[Path, ...]
    fingerprint: str

    def __call__(self, item: Item) -> Result:
        here = f"worker {socket.gethostname()}"
        if environment_fingerprint() != self.fingerprint:
            raise FacesiftError(
                f"{here} runs other code ({PACKAGE}) or other libraries than this machine: install the "
                "same version of facesift with the same constraints.txt there, and start the workers again"
            )
        for folder in self.shared:
            if not folder.is_dir():
                raise FacesiftError(
                    f"{here} does not see {folder}: a cluster needs the project's folder under the same path on every "
                    "machine (a shared file system)"
                )
        return self.function(item)


@lru_cache(maxsize=1)
def environment_fingerprint() -> str:
    """Name this package's code, Python's version and the versions of the libraries that handle and score images.

    Returns:
        One line of text. Two processes with the same line give the same results for the same input.
    """
    return f"{code_fingerprint()} Python {platform.python_version()} {library_versions(LIBRARIES)}"
