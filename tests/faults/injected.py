"""Faults that a forked process meets: it is killed at a named boundary, or the system refuses something."""

from __future__ import annotations

import errno
import io
import os
import pathlib
import resource
import signal
import threading
from collections.abc import Callable
from typing import Any


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def _refuse(number: int) -> Callable[[], None]:
    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def _at(owner: Any, name: str, call: int, act: Callable[[], None], *, after: bool = False) -> None:
    """Act before, or after, the `call`-th call of a function."""
    real, counted = getattr(owner, name), [0]

    def patched(*args: Any, **kwargs: Any) -> Any:
        counted[0] += 1
        due = counted[0] == call
        if due and not after:
            act()
        result = real(*args, **kwargs)
        if due and after:
            act()
        return result

    setattr(owner, name, patched)


def _boundary(place: str, call: int, act: Callable[[], None], *, begun: bool = True) -> None:
    from facesift.core import files, parts

    match place:
        case "between write and rename":
            _at(pathlib.Path, "replace", call, act)
        case "after the rename":
            _at(pathlib.Path, "replace", call, act, after=True)
        case "while the file is synced":
            _at(os, "fsync", call, act)
        case "when the file is begun":
            _at(files.tempfile, "mkstemp", call, act, after=begun)
        case "when the folder is begun":
            _at(files.tempfile, "mkdtemp", call, act, after=begun)
        case "before the folder is exchanged":
            _at(files, "replace_folder", call, act)
        case "after the folder is exchanged":
            _at(files, "replace_folder", call, act, after=True)
        case "before the old folder is removed":
            _at(parts, "remove", call, act)
        case "inside a checkpoint":
            _half_checkpoint(call, act)
        case _:
            raise ValueError(place)


def _half_checkpoint(call: int, act: Callable[[], None]) -> None:
    import torch

    real, counted = torch.save, [0]

    def save(value: Any, file: Any, *args: Any, **kwargs: Any) -> None:
        counted[0] += 1
        if counted[0] != call:
            real(value, file, *args, **kwargs)
            return
        whole = io.BytesIO()
        real(value, whole)
        pathlib.Path(file).write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
        act()

    torch.save = save


def kill(place: str, call: int) -> None:
    """Kill this process at the `call`-th passing of a boundary."""
    _boundary(place, call, _die)


def kill_after(seconds: float) -> None:
    """Kill this process after a time."""
    timer = threading.Timer(seconds, _die)
    timer.daemon = True
    timer.start()


def refuse(place: str, call: int, name: str) -> None:
    """Let the system refuse, with the error of that name, at a boundary."""
    _boundary(place, call, _refuse(getattr(errno, name)), begun=False)


def limit(name: str, value: int) -> None:
    """Set a limit as `ulimit` does."""
    which = getattr(resource, f"RLIMIT_{name}")
    resource.setrlimit(which, (value, resource.getrlimit(which)[1]))


def more_memory(megabytes: int) -> None:
    """Allow so much more address space than the process has already."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit("AS", pages * resource.getpagesize() + (megabytes << 20))
