"""Figures of a report as cells of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesift.core.formatting import NOTHING, EstimateText, percent, share, span

DECIDES_ALL = "none: it decides all"


def recall_of(figures: Mapping[str, Any]) -> str:
    """Format the recall of a report of `facesift.core.counts.Confusion` with its interval and counts."""
    return share(figures["recall"], figures.get("recall_interval"), figures["tp"], figures["fakes"])


def precision_of(figures: Mapping[str, Any]) -> str:
    """Format the precision of a report of `facesift.core.counts.Confusion` with its interval and counts."""
    calls = figures["tp"] + figures["fp"]
    return share(figures["precision"], figures.get("precision_interval"), figures["tp"], calls)


def known(figures: Mapping[str, Any], key: str) -> str:
    """Format one share of a report with its interval.

    Args:
        figures: report that may hold `key` and then holds `<key>_interval`.
        key: name of the share.

    Returns:
        The text of one cell, or a dash where the report does not know the share.

    >>> known({"caught": 0.974, "caught_interval": (0.908, 0.997)}, "caught"), known({}, "caught")
    ('97.4 % (91-100)', '-')
    """
    if figures.get(key) is None:
        return NOTHING
    interval = figures[f"{key}_interval"]
    return EstimateText.of(f"{percent(figures[key])} ({span(interval)})", figures[key], interval)
