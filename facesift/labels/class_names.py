"""Which class a folder's name or a label stands for: its own name, or another one that the parameters give it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from facesift.core.errors import FacesiftError
from facesift.labels.path_names import key

GLOB = "*?["


@dataclass(frozen=True)
class ClassNames:
    """The classes of a study, and what a source calls them.

    Attributes:
        classes: names of the classes.
        aliases: for a class, its other names in the source, maybe with `*`, `?` and `[...]` (`data.sources.X.aliases`).
    """

    classes: tuple[str, ...]
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _known: dict[str, str | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def find(self, name: str) -> str | None:
        """Return the class that a name stands for, in any case; None for none.

        A name without `*`, `?` and `[` goes before one with them.

        Raises:
            FacesiftError: when the name stands for several classes.

        >>> ClassNames(("real", "fake"), {"fake": ["1_*"]}).find("1_Fake")
        'fake'
        """
        if name not in self._known:
            self._known[name] = self._find(key(name))
        return self._known[name]

    def of_label(self, label: str, source: str, place: str) -> str:
        """Return the class of a label.

        Args:
            label: as a table has it; 1.0 stands for 1, as a column with gaps has it.
            source: the source's name, for the message.
            place: where the label stands, for the message.

        Raises:
            FacesiftError: when it stands for none, or for several.
        """
        found = self.find(re.sub(r"^(\d+)[.,]0+$", r"\1", label.strip()))
        if found is None:
            raise FacesiftError(
                f"{place} has the label {label!r}, which is not one of {list(self.classes)}; "
                f"data.sources.{source}.aliases says what others mean"
            )
        return found

    def _find(self, name: str) -> str | None:
        for exact in (True, False):
            found = [
                label
                for label in self.classes
                if any(_same(name, key(alias), exact=exact) for alias in (label, *self.aliases.get(label, ())))
            ]
            if len(found) > 1:
                raise FacesiftError(
                    f"the name {name!r} stands for {' and '.join(found)}: change data.sources.NAME.aliases so that it "
                    "stands for one class"
                )
            if found:
                return found[0]
        return None


def _same(name: str, alias: str, *, exact: bool) -> bool:
    return name == alias if exact else any(mark in alias for mark in GLOB) and fnmatchcase(name, alias)
