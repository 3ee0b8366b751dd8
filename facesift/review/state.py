"""The review state: the queue with one reviewer's answers and those of the others, as the page shows it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from facesift.core.files import rounded
from facesift.datasets.review_files import GOLD, UNDO, UNSURE, Answer
from facesift.evaluation.gold_images import GoldAnswers
from facesift.review.answers import AnswerLog, locked_append
from facesift.review.assignment import UNANSWERED, Assignment
from facesift.review.queue import ReviewQueue
from facesift.review.why import HIDDEN as WHY_HIDDEN
from facesift.review.why import why_here

OPINION: dict[str, Any] = {
    "decision": "", "probability": None, "reason": "", "rule": "", "lo": None, "hi": None, "votes": {},
}  # fmt: skip
HIDDEN: dict[str, Any] = OPINION | {"image": None, "copies": 0}


class ConflictError(Exception):
    """The page was out of date; the message says what has happened meanwhile."""


@dataclass
class ReviewState:
    """The state that all windows of one reviewer share. Every method first reads what was added to the answer files.

    Attributes:
        assignment: The queue, all answers, and which images wait for this reviewer.
        next_steps: What to do when all images are answered: pairs of a command and what it does.
    """

    assignment: Assignment
    next_steps: tuple[tuple[str, str], ...] = ()
    _aside: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def queue(self) -> ReviewQueue:
        """The images to review."""
        return self.assignment.queue

    @property
    def own(self) -> AnswerLog:
        """The reviewer's own answers."""
        return self.assignment.logs.own

    @property
    def reviewer(self) -> str:
        return self.assignment.logs.reviewer

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters that the page offers."""
        return self.assignment.filters

    def item(self, start: int, step: int, wanted: str) -> dict[str, Any]:
        """Return the next image that the filter lets through, and the reviewer's progress.

        The search continues at the other end of the queue.

        Args:
            start: Position to start from, from 0.
            step: 1 to search forwards, -1 to search backwards.
            wanted: One of `filters`.

        Returns:
            `item`: the image, or None. `wrapped`: whether the search passed the end of the queue. `next`: the image_id
            to load in advance. `progress`, `last` and `done`: as in `state`.
        """
        with self._lock:
            self.assignment.logs.refresh()
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
            current = self.assignment.own(image_id)
            if current is None or current.answer != answer:
                final = self.assignment.logs.two_persons and current is not None
                if final or seen != (current and current.answer):
                    remedy = "It stays: undo it, or go on." if final else "Answer again to change that."
                    raise ConflictError(f"In another window you answered {_quoted(current)}. {remedy}")
                append(self._row(image_id, answer, seconds))
        return self.state() | {"told": self._told(image_id, answer)}

    def set_aside(self, image_id: str) -> dict[str, Any]:
        """Leave an image out whose file cannot be shown, until the page is started again; return the state."""
        with self._lock:
            self._aside.add(image_id)
        return self.state()

    def hides_opinion(self, image_id: str) -> bool:
        """Return whether the committee's opinion of an image must not be shown yet."""
        return self.queue.blind or (self.queue.hide_opinion and self.assignment.own(image_id) is None)

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
        """Return the progress of this reviewer, under `last` the answer that `undo` would take back, and `done`.

        `done` says that no image is left for this reviewer, with the reviewer's figures on gold images; None before.
        """
        with self._lock:
            self.assignment.logs.refresh()
            return self._progress()

    def _row(self, image_id: str, answer: str, seconds: float) -> Answer:
        position = self.queue.position(image_id)
        if position is None:
            raise KeyError(image_id)
        row = self.queue.row(position)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        decision = GOLD if image_id in self.queue.gold else row["decision"]
        return Answer(*rounded((image_id, answer, self.reviewer, at, seconds, decision)))

    def _last(self) -> tuple[int, Answer] | None:
        """Return the row number and the last valid answer on an image of this queue: the one that `undo` takes back."""
        given = reversed(self.own.active.answers.items())
        return next(((number, answer) for number, answer in given if self.assignment.concerns(answer)), None)

    def _find(self, start: int, step: int, wanted: str) -> tuple[int | None, bool]:
        size = len(self.queue)
        for distance in range(size):
            position = (start + distance * step) % size
            image_id = self.queue.image_ids[position]
            left_out = wanted == UNANSWERED and image_id in self._aside
            if not left_out and self.assignment.passes(image_id, wanted):
                return position, not 0 <= start + distance * step < size
        return None, False

    def _item(self, position: int) -> dict[str, Any]:
        """Return one image as the page may show it: hidden names and others' answers only after the own answer."""
        row = self.queue.row(position)
        own, hidden = self.assignment.own(row["image_id"]), self.hides_opinion(row["image_id"])
        why = WHY_HIDDEN if hidden else why_here(row, self.queue.classes.positive, self.queue.rule)
        if self.queue.blind:
            row |= HIDDEN
        elif hidden:
            row |= OPINION
        if not self.queue.blind and (self.queue.hide_names or hidden) and own is None:
            row["image"] = None
        alone = self.assignment.alone
        given = {} if alone or own is None else self.assignment.logs.of_others(row["image_id"])
        others = [{"reviewer": name, "answer": each.answer} for name, each in given.items()]
        return row | {
            "position": position,
            "why": "" if self.queue.blind else why,
            "hidden": hidden,
            "mine": own.answer if own else None,
            "others": None if alone or own is None else others,
            "disagree": not alone and self.assignment.logs.disagree(row["image_id"]),
        }

    def _progress(self) -> dict[str, Any]:
        own, last = self.assignment.own_answers(), self._last()
        aside = sum(self.assignment.is_open(image_id) for image_id in self._aside)
        left = self.assignment.count_open() - aside
        counts = Counter(given.answer for given in own)
        return {
            "progress": {
                "images": len(own) + left + aside,
                "aside": aside,
                "answered": len(own),
                "by_answer": {name: counts[name] for name in (*self.queue.classes.names, UNSURE)},
                "disagreement": self.assignment.count_disagreements(),
            },
            "last": None if last is None else {"number": last[0], "answer": last[1].answer},
            "done": None if left else self._done(own, aside),
            "next_steps": [] if left else self.next_steps,
        }

    def _told(self, image_id: str, answer: str) -> str:
        """Say what the committee said about an image that was answered without knowing it; empty if that was known."""
        position = self.queue.position(image_id)
        if position is None or self.queue.blind or not self.queue.hide_opinion:
            return ""
        row, positive = self.queue.row(position), self.queue.classes.positive
        known = row["probability"] is not None
        said = f" Its probability of {positive}: {100 * row['probability']:.1f} %." if known else ""
        return f"You said {answer}. {why_here(row, positive, self.queue.rule)}{said}"

    def _done(self, own: list[Answer], aside: int) -> str:
        if aside:
            words = f"Done, but for {aside} image{'' if aside == 1 else 's'} whose files could not be shown."
        elif self.assignment.logs.two_persons:
            words = "Done: no image waits for you."
        else:
            words = f"Done: you have answered every image of {'your part' if self.assignment.part else 'the queue'}."
        pairs = [(given.answer, self.queue.gold[given.image_id]) for given in own if given.is_gold]
        positive = self.queue.classes.positive
        return f"{words} {GoldAnswers.of(pairs, positive).sentence(positive)}" if pairs else words


def _quoted(answer: Answer | None) -> str:
    return f"“{answer.answer}”" if answer else "nothing (you took it back)"
