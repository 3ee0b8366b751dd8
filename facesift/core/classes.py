"""Names of classes, splits and replaced parts of a face, and which class is the positive one (fake)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REAL, FAKE = 0, 1  # numbers of the classes where there are two: the positive class is 1
BINARY = ("real", "fake")  # their names, by number
SPLITS = ("train", "val", "test")
PARTS = ("left_eye", "right_eye", "nose", "mouth")  # of a face, in the order of the digits in the file names of RFF


@dataclass(frozen=True)
class Classes:
    """The classes of a study.

    Attributes:
        names: names of the classes; the place of a name is the number of its class.
        positive: the class that recall and precision are about.

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
        """Reduce classes to two: positive or not.

        Args:
            numbers: class numbers, shape (n,).

        Returns:
            `FAKE` where the class is the positive one, `REAL` elsewhere, shape (n,).
        """
        return (numbers == self.number).astype(np.int64)
