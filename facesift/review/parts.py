"""Parts of a queue, so that several reviewers share the work: `2/5` is the second of five parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facesift.core.errors import FacesiftError

WRITTEN = re.compile(r"(\d{1,4})/(\d{1,4})")


@dataclass(frozen=True)
class Part:
    """A part of a queue.

    Attributes:
        number: Which part, from 1.
        of: Number of parts.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read a part such as `2/5`; `FacesiftError` if there is no such part.

        >>> Part.parse("2/5")
        Part(number=2, of=5)
        """
        found = WRITTEN.fullmatch(text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise FacesiftError(f"--part {text}: write it as NUMBER/OF, such as 2/5 for the second of five parts")
        return cls(int(found[1]), int(found[2]))

    def holds(self, image_id: str, *, two_persons: bool) -> bool:
        """Return whether an image is in this part; see `parts_of`."""
        return self.number - 1 in parts_of(image_id, self.of, two_persons=two_persons)


def parts_of(image_id: str, of: int, *, two_persons: bool) -> tuple[int, ...]:
    """Return the parts that an image lies in, from 0: one, or two different ones if two persons have to agree.

    The image_id alone decides, so that all reviewers divide a queue in the same way without talking to each other. The
    second part varies among all others, so that each reviewer shares images with each other one.

    Args:
        image_id: Hexadecimal digits of a hash, so that the parts are about equal.
        of: Number of parts.
        two_persons: Whether two people have to agree.
    """
    number = int(image_id, 16)
    first = number % of
    if not two_persons or of == 1:
        return (first,)
    return first, (first + 1 + number // of % (of - 1)) % of
