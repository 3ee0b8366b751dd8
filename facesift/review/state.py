"""One reviewer's desk: the queue, their own answers, and what others said, as the page shows them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from facesift.core.files import rounded
from facesift.datasets.review_files import UNDO, UNSURE, Answer, review_files
from facesift.review.answers import Log, writing
from facesift.review.queue import Queue

ALL, UNANSWERED, DISAGREEMENT = "all", "unanswered", "disagreement"
KEYS_TAKEN = frozenset("uszmt")  # unsure, skip, undo, map, try again
DIGITS = "123456789"


class Conflict(Exception):  # noqa: N818 - nothing failed: somebody was faster
    """The page was not up to date; the message says what happened meanwhile."""


@dataclass
class Desk:
    """What the page asks for and tells. Every call reads again what has changed in the answers' files."""

    queue: Queue
    mine: Log
    tell: Callable[[str], None]
    others: dict[str, Log] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def reviewer(self) -> str:
        return self.mine.path.stem

    def item(self, start: int, step: int, wanted: str) -> dict[str, Any]:
        """Return the first image at or after `start` (before it, for a `step` of -1) that the filter lets through.

        The search goes on at the queue's other end; `wrapped` says so. `next` is the image to load meanwhile.
        """
        with self._lock:
            self._refresh()
            position, wrapped = self._find(start, step, wanted)
            if position is None:
                return {"item": None, "wrapped": False, "next": None} | self._progress()
            after, _ = self._find(position + 1, 1, wanted)
            following = None if after in (None, position) else self.queue.image_ids[after]
            return {"item": self._shown(position), "wrapped": wrapped, "next": following} | self._progress()

    def answer(self, image_id: str, answer: str, seconds: float, seen: str | None) -> dict[str, Any]:
        """Append an answer; one that is there already needs no second row, so that asking twice does no harm.

        `seen` is the answer that the page believed to stand. Raises `Conflict` when it is another one by now, and
        `OSError` when the answer could not be written.
        """
        with self._lock, writing(self.mine) as append:
            current = self.mine.standing.of(image_id)
            if current is None or current.answer != answer:
                if seen != (current and current.answer):
                    raise Conflict(f"In another window you answered {_words(current)}. Answer again to change that.")
                append(self._row(image_id, answer, seconds))
        return self.state()

    def undo(self, number: int) -> dict[str, Any]:
        """Take back the last answer, which the page knows by the `number` of its row; raises as `answer` does."""
        with self._lock, writing(self.mine) as append:
            last = self._last()
            if last is None or last[0] != number:
                raise Conflict("You answered in another window meanwhile. Undo again to take that answer back.")
            append(self._row(last[1].image_id, UNDO, 0.0))
        return self.state() | {"position": self.queue.position(last[1].image_id), "taken_back": last[1].answer}

    def state(self) -> dict[str, Any]:
        """Return how far this reviewer is."""
        with self._lock:
            self._refresh()
            return self._progress()

    def _row(self, image_id: str, answer: str, seconds: float) -> Answer:
        position = self.queue.position(image_id)
        if position is None:
            raise KeyError(image_id)
        row = self.queue.row(position)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        given = (image_id, answer, self.reviewer, at, seconds, row["decision"], row["probability"])
        return Answer(*rounded(given))

    def _last(self) -> tuple[int, Answer] | None:
        """Return the last answer that stands on an image of this queue, after its number: what an undo takes back."""
        given = reversed(self.mine.standing.answers.items())
        return next(((number, answer) for number, answer in given if answer.image_id in self.queue), None)

    def _refresh(self) -> None:
        self.mine.refresh()
        for path in review_files(self.mine.path.parent):
            if path.stem not in (self.reviewer, *self.others):
                self.others[path.stem] = Log(path, self.tell)
        for log in self.others.values():
            log.refresh()

    def _find(self, start: int, step: int, wanted: str) -> tuple[int | None, bool]:
        size = len(self.queue)
        for far in range(size):
            position = (start + far * step) % size
            if self._passes(self.queue.image_ids[position], wanted):
                return position, not 0 <= start + far * step < size
        return None, False

    def _passes(self, image_id: str, wanted: str) -> bool:
        if wanted == ALL:
            return True
        mine = self.mine.standing.of(image_id)
        if wanted == UNANSWERED:
            return mine is None
        return self._disagree(image_id) if wanted == DISAGREEMENT else mine is not None and mine.answer == wanted

    def _disagree(self, image_id: str) -> bool:
        """Whether people named different classes; to say so does not tell who said which."""
        logs = (self.mine, *self.others.values())
        named = {given.answer for log in logs if (given := log.standing.of(image_id)) and given.answer != UNSURE}
        return len(named) > 1

    def _shown(self, position: int) -> dict[str, Any]:
        """One image as the page may show it: others' answers and a name that tells the label only after one's own."""
        row = self.queue.row(position)
        mine = self.mine.standing.of(row["image_id"])
        said = {name: given for name, log in self.others.items() if (given := log.standing.of(row["image_id"]))}
        if self.queue.hidden and mine is None:
            row["image"] = None
        others = [{"reviewer": name, "answer": given.answer} for name, given in sorted(said.items())] if mine else None
        return row | {
            "position": position,
            "mine": mine.answer if mine else None,
            "others": others,
            "disagree": self._disagree(row["image_id"]),
        }

    def _progress(self) -> dict[str, Any]:
        counts = Counter(given.answer for given in self.mine.standing.latest() if given.image_id in self.queue)
        last = self._last()
        return {
            "progress": {
                "images": len(self.queue),
                "answered": counts.total(),
                "by_answer": {name: counts[name] for name in (*self.queue.classes.names, UNSURE)},
                "disagreement": sum(self._disagree(image_id) for image_id in self._answered_by_anybody()),
            },
            "last": None if last is None else {"number": last[0], "answer": last[1].answer},
        }

    def _answered_by_anybody(self) -> set[str]:
        logs = (self.mine, *self.others.values())
        return {one for log in logs for one in log.standing.by_image if one in self.queue}


def _words(answer: Answer | None) -> str:
    return f"“{answer.answer}”" if answer else "nothing (you took it back)"


def keys_of(names: tuple[str, ...]) -> dict[str, str]:
    """Key of each class: its initial when there are two and no other meaning, else its number; nothing beyond nine.

    >>> keys_of(("real", "fake")), keys_of(("real", "swap", "gan"))
    ({'real': 'r', 'fake': 'f'}, {'real': '1', 'swap': '2', 'gan': '3'})
    """
    initials = [name[0].lower() for name in names]
    good = len(names) == 2 and len(set(initials)) == 2 and not KEYS_TAKEN & set(initials)
    free = initials if good and all(key.isalpha() for key in initials) else DIGITS
    return dict(zip(names, free, strict=False))
