"""The first screen of the page: the verdict in plain words, three figures with intervals, faces, 1,000 applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facesift.core.formatting import percent, span
from facesift.core.intervals import clopper_pearson
from facesift.report.applications import KNOWN_SHARES, Applications, Fates, applications
from facesift.report.page import Gallery
from facesift.report.seed_spread import measured_range

WIDE = 0.2  # an interval wider than this tells too little


@dataclass(frozen=True)
class Tile:
    """One of the three figures that a decision rests on.

    Attributes:
        label: what the figure is.
        figure: the figure as text, large.
        value: its place on the bar, in [0, 1].
        interval: ends of its 95 % interval on the bar; None where it is unknown.
        counts: the counts and the interval in words.
        meaning: what is counted, for the reader who asks.
        seeds: how far the figure moved with the seeds of training; empty where that was not measured.
    """

    label: str
    figure: str
    value: float
    interval: Sequence[float] | None
    counts: str
    meaning: str
    seeds: str = ""


@dataclass(frozen=True)
class FirstScreen:
    """What is seen without scrolling.

    Attributes:
        verdict: what the rule in force did on the test split.
        certainty: how far that can be believed.
        tiles: three figures.
        strips: small pictures of faces caught, missed and wrongly stopped; the note of each is their number.
        pictures: 1,000 applications at several shares of fakes.
        seeds: what is known about the spread over seeds, in one sentence.
    """

    verdict: str
    certainty: str
    tiles: Sequence[Tile]
    strips: Sequence[Gallery]
    pictures: Sequence[Applications]
    seeds: str


@dataclass(frozen=True)
class Tally:
    """What the rule in force did with the fakes and the reals of the test split.

    Attributes:
        fakes: number of fakes.
        missed: fakes that were decided real.
        fakes_referred: fakes that were sent to a person.
        reals: number of reals.
        stopped: reals that were decided fake.
        reals_referred: reals that were sent to a person.
        missed_interval: 95 % interval of the share of fakes missed; None without fakes.
        effect: design effect of the groups that the reals come in.
    """

    fakes: int
    missed: int
    fakes_referred: int
    reals: int
    stopped: int
    reals_referred: int
    missed_interval: Sequence[float] | None
    effect: float

    @classmethod
    def of(cls, errors: Mapping[str, Any]) -> Tally:
        """Read the errors of a rule, an entry of `decisions.rules` of `metrics/standard.json`."""
        apcer, bpcer = errors["apcer"], errors["bpcer"]
        return cls(
            apcer["images"], apcer["errors"], errors["apnrr"]["errors"],
            bpcer["images"], bpcer["errors"], errors["bpnrr"]["errors"],
            apcer["interval"], bpcer["design_effect"],
        )  # fmt: skip

    @property
    def caught(self) -> int:
        """Fakes that were stopped or sent to a person."""
        return self.fakes - self.missed

    @property
    def bothered(self) -> int:
        """Reals that were stopped or sent to a person."""
        return self.stopped + self.reals_referred

    @property
    def caught_interval(self) -> list[float] | None:
        """95 % interval of the share of fakes caught; None without fakes."""
        return [1 - end for end in reversed(self.missed_interval)] if self.missed_interval else None

    def fates(self) -> Fates:
        """Return the shares of each outcome; where there is no fake or no real, all pass."""
        fakes, reals = max(self.fakes, 1), max(self.reals, 1)
        stopped, referred = (self.caught - self.fakes_referred) / fakes, self.fakes_referred / fakes
        return Fates(stopped, referred, 1 - stopped - referred, self.stopped / reals, self.reals_referred / reals)


def verdict(tally: Tally, positive: str) -> str:
    """Say what the rule in force did on the test split.

    Args:
        tally: counts of the decisions.
        positive: name of the class looked for.
    """
    stopped, referred = tally.caught - tally.fakes_referred, tally.fakes_referred
    ways = f": {_count(stopped)} stopped, {_count(referred)} sent to a person" if referred else ""
    waited = f"{_count(tally.reals_referred)} had to wait for a person and " if tally.reals_referred else ""
    return (
        f"{tally.caught:,} of {tally.fakes:,} {positive} faces in the test did not get through{ways}. "
        f"Of {tally.reals:,} real ones, {waited}{_count(tally.stopped)} "
        f"{'was' if tally.stopped <= 1 else 'were'} wrongly stopped."
    )


def certainty(tally: Tally, positive: str) -> str:
    """Say how far the share of fakes caught can be believed."""
    ends = tally.caught_interval
    if ends is None:
        return f"The test has no {positive} face, so nothing is known of how many are caught."
    low, high = (f"{100 * end:.0f} %" for end in ends)
    if ends[1] - ends[0] > WIDE:
        return f"{tally.fakes:,} are too few to know well: of such fakes it may catch any share from {low} to {high}."
    return f"With 95 % confidence it catches between {low} and {high} of such fakes."


def tiles(tally: Tally, review: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Tile]:
    """Make the three figures.

    Args:
        tally: counts of the decisions.
        review: report of the rule in force, as of `metrics/vote.json`.
        figures: spread of each headline figure over seeds; {} where it was not measured for this page.
    """
    images, reviewed = tally.fakes + tally.reals, tally.fakes_referred + tally.reals_referred
    caught, sent = tally.caught / max(tally.fakes, 1), reviewed / max(images, 1)
    bothered = tally.bothered / max(tally.reals, 1)
    ends = clopper_pearson(tally.bothered, tally.reals, design_effect=tally.effect)
    sent_ends = review.get("review_rate_interval")
    per_1000 = "" if ends is None else f"; {1000 * ends[0]:.0f} to {1000 * ends[1]:.0f} per 1,000"
    return [
        Tile(
            "of the fakes stopped or sent to a person", percent(caught, 0), caught, tally.caught_interval,
            _counts(tally.caught, tally.fakes, tally.caught_interval),
            "Fakes that were decided fake, or that a person gets to see. The others passed as real.",
            measured_range(figures.get("caught")),
        ),
        Tile(
            "of all images sent to a person", percent(sent, 0 if sent >= 0.1 else 1), sent, sent_ends,
            _counts(reviewed, images, sent_ends),
            "Images that the rule does not decide. This is the work that a reviewer has.",
            measured_range(figures.get("review")),
        ),
        Tile(
            "of 1,000 real people bothered", f"{1000 * bothered:,.0f}", bothered, ends,
            f"{tally.bothered:,} of {tally.reals:,} in the test{per_1000}",
            "Real faces that were wrongly stopped or had to wait for a person.",
        ),
    ]  # fmt: skip


def pictures_of_applications(tally: Tally, projections: Sequence[int], prevalence: float | None) -> list[Applications]:
    """Picture 1,000 applications at the shares of fakes that the study names, the chosen one first.

    Args:
        tally: counts of the decisions.
        projections: shares of fakes, as one in so many.
        prevalence: the share of fakes that the study expects; None where it says nothing: then the first projection
            is shown first.
    """
    if not tally.fakes or not tally.reals:
        return []
    places: dict[float, str] = {}
    if prevalence is not None:
        places[1 / prevalence] = "expected"
    places |= {float(one_in): places.get(float(one_in), KNOWN_SHARES.get(one_in, "")) for one_in in projections}
    places.setdefault((tally.fakes + tally.reals) / tally.fakes, "the test")
    first = next(iter(places))
    shares, fates = sorted(places.items()), tally.fates()
    return [applications(fates, one_in, said=said, chosen=one_in == first) for one_in, said in shares]


def _counts(part: int, whole: int, interval: Sequence[float] | None) -> str:
    ends = f"; {span(interval)} % with 95 % confidence" if interval else ""
    return f"{part:,} of {whole:,}{ends}"


def _count(number: int) -> str:
    return f"{number:,}" if number else "none"
