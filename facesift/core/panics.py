"""Keeps off the terminal what the readers of Parquet files print when they give up: the error that follows says it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

_ONE = RLock()  # the standard error belongs to all threads
PANIC = "PanicException"  # of polars, which is not imported here


@contextmanager
def without_panic_text() -> Iterator[None]:
    """Hold back the standard error while a file of others is read.

    A damaged Parquet file can make polars' own threads print a stack trace before it raises a `PanicException`. What
    they print is dropped in this case. In any other case all that was printed meanwhile is printed afterwards.
    """
    with _ONE, tempfile.TemporaryFile() as heard:
        try:
            sys.stderr.flush()
            terminal = os.dup(2)
        except (OSError, AttributeError, ValueError):  # there is no standard error
            yield
            return
        panic = False
        os.dup2(heard.fileno(), 2)
        try:
            yield
        except BaseException as error:
            panic = type(error).__name__ == PANIC
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            if not panic and heard.seek(0, os.SEEK_END):
                heard.seek(0)
                with open(2, "wb", closefd=False) as out:
                    shutil.copyfileobj(heard, out)
