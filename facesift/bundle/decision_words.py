"""The decision rules and thresholds in words, for the model card and for people who ask about one decision."""

from __future__ import annotations

import math

MOST_DIGITS = 12

RULE_WORDS = {
    "any_fake": "{positive} if any voter votes {positive}, otherwise the class with most votes",
    "majority": "the class with most votes; a tie goes to {positive}",
    "soft": "the class with the largest mean of all voters' probabilities; a tie goes to {positive}",
    "unanimous": "the class that all voters vote for; if they do not agree, a person decides (review)",
}


def rule_in_words(rule: str, positive: str) -> str:
    """Say what a voting rule decides.

    >>> rule_in_words("majority", "fake")
    'the class with most votes; a tie goes to fake'
    """
    return RULE_WORDS[rule].format(positive=positive)


def point_in_words(lo: float, hi: float, positive: str, other: str) -> str:
    """Say what an operating point decides.

    Args:
        lo: probability below which the image is decided as `other`; 0 where none is.
        hi: probability from which on it is decided `positive`; 1 where none is.
        positive: the positive class.
        other: the other class, or words for all others.

    >>> point_in_words(0.02, 1.0, "fake", "real")
    'real below 0.02, never fake, otherwise a person decides (review)'
    """
    below = f"{other} below {probability_text(lo)}" if lo > 0 else f"never {other}"
    above = f"{positive} from {probability_text(hi)} on" if hi < 1 else f"never {positive}"
    return f"{below}, {above}" + (", otherwise a person decides (review)" if lo < hi else "")


def probability_text(value: float) -> str:
    """Show a probability with four digits of its distance from 0 or from 1, whichever is nearer.

    >>> probability_text(0.000048231), probability_text(0.58), probability_text(0.99998765)
    ('4.823e-05', '0.58', '0.99998765')
    """
    if value <= 0.5 or value >= 1:
        return f"{value:.4g}"
    digits = min(3 - math.floor(math.log10(1 - value)), MOST_DIGITS)
    return f"{value:.{digits}f}".rstrip("0")


def share_text(share: float) -> str:
    """Show a share of images in per cent and as one in so many.

    >>> share_text(0.001), share_text(0.25)
    ('0.1 % (1 in 1,000)', '25 % (1 in 4)')
    """
    return f"{100 * share:.3g} % (1 in {round(1 / share):,})"
