"""The review state: the queue with one reviewer's answers and those of the others, as the page shows it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from facesift.core.files import rounded
from facesift.datasets.review_files import UNDO, UNSURE, Answer, review_files
from facesift.review.answers import AnswerLog, locked_append
from facesift.review.queue import ReviewQueue

ALL, UNANSWERED, DISAGREEMENT = "all", "unanswered", "disagreement"
RESERVED_KEYS = frozenset("uszmt")  # unsure, skip, undo, map, try again
DIGITS = "123456789"


class ConflictError(Exception):
    """The page was out of date; the message says what has happened meanwhile."""


@dataclass
class ReviewState:
    """The state that all windows of one reviewer share. Every method first reads what was added to the answer files.

    Attributes:
        queue: The images to review.
        own: The reviewer's own answers.
        report_problem: Called with a message for each damaged line.
        others: The other reviewers' answers by name.
    """

    queue: ReviewQueue
    own: AnswerLog
    report_problem: Callable[[str], None]
    others: dict[str, AnswerLog] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def reviewer(self) -> str:
        return self.own.path.stem

    def item(self, start: int, step: int, wanted: str) -> dict[str, Any]:
        """Return the next image that the filter lets through, and the reviewer's progress.

        The search continues at the other end of the queue.

        Args:
            start: Position to start from, from 0.
            step: 1 to search forwards, -1 to search backwards.
            wanted: The filter: `all`, `unanswered`, `disagreement` or an answer.

        Returns:
            `item`: the image, or None. `wrapped`: whether the search passed the end of the queue. `next`: the image_id
            to load in advance. `progress` and `last`: as in `state`.
        """
        with self._lock:
            self._refresh()
            position, wrapped = self._find(start, step, wanted)
            if position is None:
                return {"item": None, "wrapped": False, "next": None} | self._progress()
            after, _ = self._find(position + 1, 1, wanted)
            following = None if after in (None, position) else self.queue.image_ids[after]
            return {"item": self._item(position), "wrapped": wrapped, "next": following} | self._progress()

    def answer(self, image_id: str, answer: str, seconds: float, seen: str | None) -> dict[str, Any]:
        """Append an answer and return the state. An answer that is already there adds no second row.

        Args:
            image_id: An image of the queue.
            answer: A class name or `unsure`.
            seconds: How long the image was looked at.
            seen: The reviewer's present answer as the page shows it, or None.

        Raises:
            ConflictError: The present answer is another one than `seen`.
            OSError: The answer could not be written.
        """
        with self._lock, locked_append(self.own) as append:
            current = self.own.active.of(image_id)
            if current is None or current.answer != answer:
                if seen != (current and current.answer):
                    raise ConflictError(
                        f"In another window you answered {_quoted(current)}. Answer again to change that."
                    )
                append(self._row(image_id, answer, seconds))
        return self.state()

    def undo(self, number: int) -> dict[str, Any]:
        """Take back the reviewer's last answer, and return the state with the image's position and that answer.

        Args:
            number: Row number of the answer, as `state` gives it under `last`.

        Raises:
            ConflictError: It is no longer the last answer.
            OSError: The row could not be written.
        """
        with self._lock, locked_append(self.own) as append:
            last = self._last()
            if last is None or last[0] != number:
                raise ConflictError("You answered in another window meanwhile. Undo again to take that answer back.")
            append(self._row(last[1].image_id, UNDO, 0.0))
        return self.state() | {"position": self.queue.position(last[1].image_id), "taken_back": last[1].answer}

    def state(self) -> dict[str, Any]:
        """Return the progress of this reviewer, and under `last` the answer that `undo` would take back."""
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
        """Return the row number and the last valid answer on an image of this queue: the one that `undo` takes back."""
        given = reversed(self.own.active.answers.items())
        return next(((number, answer) for number, answer in given if answer.image_id in self.queue), None)

    def _refresh(self) -> None:
        self.own.refresh()
        for path in review_files(self.own.path.parent):
            if path.stem not in (self.reviewer, *self.others):
                self.others[path.stem] = AnswerLog(path, self.report_problem)
        for log in self.others.values():
            log.refresh()

    def _find(self, start: int, step: int, wanted: str) -> tuple[int | None, bool]:
        size = len(self.queue)
        for distance in range(size):
            position = (start + distance * step) % size
            if self._passes(self.queue.image_ids[position], wanted):
                return position, not 0 <= start + distance * step < size
        return None, False

    def _passes(self, image_id: str, wanted: str) -> bool:
        if wanted == ALL:
            return True
        own = self.own.active.of(image_id)
        if wanted == UNANSWERED:
            return own is None
        return self._disagree(image_id) if wanted == DISAGREEMENT else own is not None and own.answer == wanted

    def _disagree(self, image_id: str) -> bool:
        """Return whether reviewers named different classes; it does not tell who named which."""
        logs = (self.own, *self.others.values())
        named = {given.answer for log in logs if (given := log.active.of(image_id)) and given.answer != UNSURE}
        return len(named) > 1

    def _item(self, position: int) -> dict[str, Any]:
        """Return one image as the page may show it: hidden names and others' answers only after the own answer."""
        row = self.queue.row(position)
        own = self.own.active.of(row["image_id"])
        given = {name: answer for name, log in self.others.items() if (answer := log.active.of(row["image_id"]))}
        if self.queue.hide_names and own is None:
            row["image"] = None
        others = [{"reviewer": name, "answer": each.answer} for name, each in sorted(given.items())] if own else None
        return row | {
            "position": position,
            "mine": own.answer if own else None,
            "others": others,
            "disagree": self._disagree(row["image_id"]),
        }

    def _progress(self) -> dict[str, Any]:
        counts = Counter(given.answer for given in self.own.active.latest() if given.image_id in self.queue)
        last = self._last()
        return {
            "progress": {
                "images": len(self.queue),
                "answered": counts.total(),
                "by_answer": {name: counts[name] for name in (*self.queue.classes.names, UNSURE)},
                "disagreement": sum(self._disagree(image_id) for image_id in self._answered_images()),
            },
            "last": None if last is None else {"number": last[0], "answer": last[1].answer},
        }

    def _answered_images(self) -> set[str]:
        logs = (self.own, *self.others.values())
        return {one for log in logs for one in log.active.by_image if one in self.queue}


def _quoted(answer: Answer | None) -> str:
    return f"“{answer.answer}”" if answer else "nothing (you took it back)"


def keyboard_keys(names: tuple[str, ...]) -> dict[str, str]:
    """Return the key for each class: its initial where two classes allow it, else its number; none beyond nine.

    >>> keyboard_keys(("real", "fake")), keyboard_keys(("real", "swap", "gan"))
    ({'real': 'r', 'fake': 'f'}, {'real': '1', 'swap': '2', 'gan': '3'})
    """
    initials = [name[0].lower() for name in names]
    usable = len(names) == 2 and len(set(initials)) == 2 and not RESERVED_KEYS & set(initials)
    keys = initials if usable and all(key.isalpha() for key in initials) else DIGITS
    return dict(zip(names, keys, strict=False))
