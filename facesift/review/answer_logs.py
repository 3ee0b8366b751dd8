"""The answers of all reviewers while the page is in use: what each said of an image, and whether it is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from facesift.datasets.review_files import UNSURE, Answer, review_files
from facesift.datasets.reviews import agreed_answer
from facesift.review.answers import AnswerLog


@dataclass
class AnswerLogs:
    """The answer files of one reviewer and of the others; `refresh` brings them up to date.

    Attributes:
        own: The reviewer's own answers.
        report_problem: Called with a message for each damaged line.
        two_persons: Whether two people have to agree (`review.two_persons`).
        others: The other reviewers' answers by name.
    """

    own: AnswerLog
    report_problem: Callable[[str], None]
    two_persons: bool = False
    others: dict[str, AnswerLog] = field(default_factory=dict)

    @property
    def reviewer(self) -> str:
        return self.own.path.stem

    def refresh(self) -> None:
        """Read what was added to the files, also to files that are new."""
        self.own.refresh()
        for path in review_files(self.own.path.parent):
            if path.stem not in (self.reviewer, *self.others):
                self.others[path.stem] = AnswerLog(path, self.report_problem)
        for log in self.others.values():
            log.refresh()

    def of_others(self, image_id: str) -> dict[str, Answer]:
        """Return the other reviewers' answers on an image, by name."""
        return {name: given for name, log in sorted(self.others.items()) if (given := log.active.of(image_id))}

    def settled(self, image_id: str) -> bool:
        """Return whether an image needs no further person, because two agree; never if one person is enough."""
        return self.two_persons and agreed_answer(self._answers(image_id), two_persons=True) is not None

    def disagree(self, image_id: str) -> bool:
        """Return whether reviewers named different classes, and no class counts; it does not tell who named which."""
        answers = self._answers(image_id)
        different = len({*answers} - {UNSURE}) > 1
        return different and agreed_answer(answers, two_persons=self.two_persons) is None

    def _answers(self, image_id: str) -> list[str]:
        logs = (self.own, *self.others.values())
        return [given.answer for log in logs if (given := log.active.of(image_id))]

    def answered(self) -> set[str]:
        """Return the image_ids that anybody has answered; of gold images only those that this reviewer answered."""
        ids = {image_id for log in self.others.values() for image_id, gold in log.active.by_image if not gold}
        return ids | {given.image_id for given in self.own.active.latest()}
