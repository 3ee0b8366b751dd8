"""Which images of the queue wait for this reviewer: parts, two persons, gold images, filters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from facesift.datasets.review_files import Answer
from facesift.review.answer_logs import AnswerLogs
from facesift.review.parts import Part
from facesift.review.queue import ReviewQueue

ALL, UNANSWERED, DISAGREEMENT = "all", "unanswered", "disagreement"


@dataclass(frozen=True)
class Assignment:
    """The images of a queue that a reviewer has to look at.

    If two persons have to agree, an image waits until they do. It waits for the reviewers of its two parts; once these
    disagree it waits for everybody else. Nobody sees an image again that they answered.

    Attributes:
        queue: The images to review.
        logs: The answers of this reviewer and of the others.
        part: The part of the queue that this reviewer sees; None: all of it.
    """

    queue: ReviewQueue
    logs: AnswerLogs
    part: Part | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters that the page offers: none that shows an image twice to one of two persons."""
        if self.logs.two_persons:
            return (UNANSWERED,)
        return (UNANSWERED, ALL, *(() if self.alone else (DISAGREEMENT,)), *self.queue.answers)

    @property
    def alone(self) -> bool:
        """Whether other reviewers' answers are never shown; whoever answered a gold image would give it away."""
        return self.queue.blind or self.logs.two_persons

    @cached_property
    def images(self) -> frozenset[str]:
        """The images of the part and all gold images."""
        part, ids = self.part, self.queue.image_ids
        if part is None:
            return frozenset(ids)
        held = (each for each in ids if part.holds(each, two_persons=self.logs.two_persons))
        return frozenset(held) | frozenset(self.queue.gold)

    def own(self, image_id: str) -> Answer | None:
        """Return the reviewer's present answer on an image of the queue."""
        return self.logs.own.active.of(image_id, gold=image_id in self.queue.gold)

    def own_answers(self) -> list[Answer]:
        """Return the reviewer's present answers on images of the queue."""
        return [given for given in self.logs.own.active.latest() if self.concerns(given)]

    def concerns(self, answer: Answer) -> bool:
        """Return whether an answer is on an image of this queue: as a gold image if it is one here."""
        return answer.image_id in self.queue and answer.is_gold == (answer.image_id in self.queue.gold)

    def is_open(self, image_id: str) -> bool:
        """Return whether an image waits for this reviewer."""
        if self.own(image_id):
            return False
        if image_id in self.queue.gold:
            return True
        if self.logs.settled(image_id):
            return False
        return image_id in self.images or (self.logs.two_persons and self.logs.disagree(image_id))

    def passes(self, image_id: str, wanted: str) -> bool:
        """Return whether a filter lets an image through; `wanted` is one of `filters`."""
        if wanted == UNANSWERED:
            return self.is_open(image_id)
        if image_id not in self.images or wanted == ALL:
            return image_id in self.images
        own = self.own(image_id)
        return self.logs.disagree(image_id) if wanted == DISAGREEMENT else own is not None and own.answer == wanted

    def answered(self) -> set[str]:
        """Return the images of the queue that somebody has answered."""
        return {image_id for image_id in self.logs.answered() if image_id in self.queue}

    def count_open(self) -> int:
        """Count the images that wait for this reviewer."""
        answered = self.answered()
        return len(self.images - answered) + sum(self.is_open(image_id) for image_id in answered)

    def count_disagreements(self) -> int:
        """Count the images on which reviewers disagree; 0 if the page must not tell."""
        return 0 if self.alone else sum(self.logs.disagree(image_id) for image_id in self.answered())
