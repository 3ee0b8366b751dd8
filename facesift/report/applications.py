"""A picture of 1,000 applications: what the committee would do with each, at several shares of fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facesift.core.formatting import counted

APPLICATIONS, COLUMNS, STEP, SIZE = 1000, 50, 10, 7
MARKS = {  # each outcome has its own shape, so that colour is not the only sign
    "stopped": "M{x},{y}h7v7h-7z",
    "referred": "M{x},{m}l3.5,-3.5l3.5,3.5l-3.5,3.5z",
    "missed": "M{x},{y}l7,7m0,-7l-7,7",
    "stopped_real": "M{x},{y}h7l-3.5,7z",
    "referred_real": "M{x},{m}l3.5,-3.5l3.5,3.5l-3.5,3.5z",
    "passed": "M{c},{m}h.01",
}
LEGEND_MARKS = {key: mark.format(x=0, y=0, m=f"{SIZE / 2:g}", c=f"{SIZE / 2:g}") for key, mark in MARKS.items()}


# Shares of fakes with a name: the published RFF + CelebA has 203,680 reals and 960 fakes.
KNOWN_SHARES = {212: "as in the published data"}


@dataclass(frozen=True)
class Fates:
    """What happens to the fakes and to the reals: shares of the test images.

    Attributes:
        stopped: fakes decided fake, of all fakes.
        referred: fakes sent to a person.
        missed: fakes decided real.
        stopped_real: reals decided fake, of all reals.
        referred_real: reals sent to a person.
    """

    stopped: float
    referred: float
    missed: float
    stopped_real: float
    referred_real: float


@dataclass(frozen=True)
class Outcome:
    """How many applications of a picture have one outcome.

    Attributes:
        key: of `MARKS`.
        expected: expected number, which may be a fraction.
        words: the number with the outcome, for the legend.
        path: the marks as an SVG path.
    """

    key: str
    expected: float
    words: str
    path: str


@dataclass(frozen=True)
class Applications:
    """1,000 applications at one share of fakes.

    Attributes:
        label: the share of fakes in words.
        outcomes: in the order they are drawn.
        sentence: what the picture says, in words.
        chosen: whether the page shows it first.
    """

    label: str
    outcomes: Sequence[Outcome]
    sentence: str
    chosen: bool


def applications(fates: Fates, one_in: float, *, said: str, chosen: bool) -> Applications:
    """Picture 1,000 applications of which one in `one_in` is fake.

    Args:
        fates: what happens to fakes and reals.
        one_in: images of which one is fake.
        said: where this share of fakes comes from, such as `the test`; may be empty.
        chosen: whether the page shows it first.
    """
    fakes = APPLICATIONS / one_in
    reals = APPLICATIONS - fakes
    expected = {
        "stopped": fakes * fates.stopped,
        "referred": fakes * fates.referred,
        "missed": fakes * fates.missed,
        "stopped_real": reals * fates.stopped_real,
        "referred_real": reals * fates.referred_real,
    }
    expected["passed"] = APPLICATIONS - sum(expected.values())
    drawn, start, outcomes = whole_numbers(expected, APPLICATIONS), 0, []
    for key, number in drawn.items():
        path = "".join(_mark(key, start + place) for place in range(number))
        outcomes.append(Outcome(key, expected[key], f"{amount(expected[key])} {WORDS[key]}", path))
        start += number
    label = f"1 in {one_in:,.0f}" + (f" ({said})" if said else "")
    return Applications(label, outcomes, _sentence(expected, one_in), chosen)


def whole_numbers(expected: Mapping[str, float], total: int) -> dict[str, int]:
    """Round numbers so that they still add up to their total: the largest remainders are rounded up.

    >>> whole_numbers({"a": 0.6, "b": 1.7, "c": 7.7}, 10)
    {'a': 0, 'b': 2, 'c': 8}
    """
    found = {key: int(value + 1e-9) for key, value in expected.items()}
    left = sorted(expected, key=lambda key: found[key] - expected[key])
    return found | {key: found[key] + 1 for key in left[: total - sum(found.values())]}


def _mark(key: str, place: int) -> str:
    x, y = place % COLUMNS * STEP, place // COLUMNS * STEP
    return MARKS[key].format(x=x, y=y, m=f"{y + SIZE / 2:g}", c=f"{x + SIZE / 2:g}")


WORDS = {
    "stopped": "fake, stopped",
    "referred": "fake, to a person",
    "missed": "fake, missed",
    "stopped_real": "real, wrongly stopped",
    "referred_real": "real, to a person",
    "passed": "real, passed",
}


def amount(value: float) -> str:
    """Write an expected number: whole from 10 on.

    >>> amount(126.7), amount(0.83), amount(0.0004), amount(0.0)
    ('127', '0.8', 'under 0.1', '0')
    """
    if 0 < value < 0.05:
        return "under 0.1"
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _people(number: float) -> str:
    return counted(round(number), "real person", "real people")


def _sentence(expected: Mapping[str, float], one_in: float) -> str:
    fakes = APPLICATIONS / one_in
    caught = expected["stopped"] + expected["referred"]
    bothered = expected["stopped_real"] + expected["referred_real"]
    per_fake = f" That is {_people(bothered / caught)} for each fake caught." if caught and bothered else ""
    return (
        f"Where 1 in {one_in:,.0f} is fake, 1,000 applications hold {amount(fakes)} fakes, of which {amount(caught)} "
        f"are caught; "
        f"{amount(bothered)} real people are bothered.{per_fake}"
    )
