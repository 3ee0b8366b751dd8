"""Why an image is in the queue, in words: what the voters said and what the rule asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesift.screening.columns import POINT

ASKED = {
    "unanimous": "all must agree",
    "majority": "most must agree",
    "any_fake": "one is enough",
    "soft": "the mean of their probabilities decides",
}
HIDDEN = "What the committee says is shown after your answer."


def why_here(row: Mapping[str, Any], positive: str, rule: str | None) -> str:
    """Say why an image is shown to a person.

    Args:
        row: the image's row, with `votes` by voter, decision, probability and reason; of a screened image also the rule
            that decided it, and of an operating point the thresholds `lo` and `hi`.
        positive: the class looked for.
        rule: the voting rule of the study; None where it is not known.

    >>> why_here({"votes": {"a": "fake", "b": "real"}, "decision": "review"}, "fake", "unanimous")
    '1 of 2 voters says fake; all must agree.'
    """
    votes, used = row["votes"], row.get("rule") or rule
    said = sum(vote == positive for vote in votes.values())
    counted = f"{said} of {len(votes)} voters {'says' if said == 1 else 'say'} {positive}" if votes else ""
    if row.get("reason"):
        return f"{row['reason'][:1].upper()}{row['reason'][1:]}.{f' {counted}.' if counted else ''}"
    if used and used.startswith(POINT) and row.get("probability") is not None:
        return _between(row, positive)
    if not counted:
        return ""
    asked = ASKED.get(used or "")
    return f"{counted}; {asked}." if asked else f"{counted}."


def _between(row: Mapping[str, Any], positive: str) -> str:
    low, high = (_percent(row.get(name)) for name in ("lo", "hi"))
    return (
        f"Its probability of {positive} is {_percent(row['probability'])}: decided without a person below {low} "
        f"and from {high} on."
    )


def _percent(share: Any) -> str:
    return "?" if share is None else f"{100 * float(share):.3g} %"
