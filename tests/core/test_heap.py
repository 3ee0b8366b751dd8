"""Freed memory stays in the process."""

import subprocess
import sys

import pytest

from facesift.core.heap import keep_freed_memory

SCRIPT = """
import resource, sys
import numpy as np
from facesift.core.heap import keep_freed_memory
kept = "keep" in sys.argv and keep_freed_memory()
def cleared():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
blocks = [np.ones(3_000_000) for _ in range(2)]  # 24 MB each
del blocks
before = cleared()
for _ in range(20):
    np.ones(3_000_000), np.ones(1_000_000)
print(kept, cleared() - before)
"""


def pages(*arguments):
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True)
    kept, cleared = done.stdout.split()
    return kept == "True", int(cleared)


@pytest.mark.skipif(not keep_freed_memory(), reason="another C library than glibc")
def test_memory_that_was_freed_is_used_again_without_asking_the_system():
    kept, few = pages("keep")
    assert kept
    assert few < pages()[1] / 10
