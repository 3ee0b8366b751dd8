"""The classes of a study, and which of them is looked for: the positive one, fake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REAL, FAKE = 0, 1
BINARY = ("real", "fake")  # names of the two classes by their numbers


@dataclass(frozen=True)
class Classes:
    """The classes of a study in the order of their numbers, and which of them is found (recall, precision).

    >>> Classes(("real", "fake"), "fake").number
    1
    """

    names: tuple[str, ...]
    positive: str

    @property
    def number(self) -> int:
        """Number of the positive class."""
        return self.names.index(self.positive)

    def is_positive(self, numbers: NDArray[np.integer]) -> NDArray[np.int64]:
        """Turn class numbers (n,) into `FAKE` where they are the positive class and `REAL` elsewhere."""
        return (numbers == self.number).astype(np.int64)
