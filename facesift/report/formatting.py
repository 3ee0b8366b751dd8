"""Figures as text for the page: shares, areas, intervals and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facesift.core.intervals import EstimateText

NOTHING = "-"

Interval = Sequence[float] | None


def percent(value: float | None, digits: int = 1) -> str:
    """Format a share as per cent.

    Args:
        value: share in [0, 1]; None where it is unknown.
        digits: digits after the decimal point.

    Returns:
        The per cent with its sign, or a dash for None.

    >>> percent(0.91667), percent(None)
    ('91.7 %', '-')
    """
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def share(value: float | None, interval: Interval, part: float, whole: float) -> str:
    """Format a share with its interval and the counts it rests on.

    Args:
        value: share in [0, 1]; None where it is unknown.
        interval: ends of the 95 % interval, in [0, 1]; None where it is unknown.
        part: number of images in the numerator; an expected number may be fractional.
        whole: number of images in the denominator.

    Returns:
        The text of one cell, or a dash for None.

    >>> share(5 / 6, (0.359, 0.996), 5, 6)
    '83.3 % (36-100; 5/6)'
    """
    if value is None:
        return NOTHING
    counted = part if isinstance(part, int) else round(part, 1)  # an expected count is no whole number
    inside = [span(interval), f"{counted:,}/{whole:,}"]
    return EstimateText.of(f"{percent(value)} ({'; '.join(text for text in inside if text)})", value, interval)


def area(value: float | None, interval: Interval) -> str:
    """Format an area under a curve with its interval.

    Args:
        value: area in [0, 1]; None where it is unknown.
        interval: ends of the 95 % interval, in [0, 1]; None where it is unknown.

    Returns:
        The text of one cell, or a dash for None.

    >>> area(0.951, (0.921, 0.974))
    '0.951 (0.92-0.97)'
    """
    if value is None:
        return NOTHING
    text = f"{value:.3f}" + (f" ({interval[0]:.2f}-{interval[1]:.2f})" if interval else "")
    return EstimateText.of(text, value, interval)


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


def span(interval: Interval) -> str:
    """Format an interval of shares in [0, 1] as whole per cent; an unknown one is empty.

    >>> span((0.3588, 0.9958)), span(None)
    ('36-100', '')
    """
    return "" if interval is None else f"{100 * interval[0]:.0f}-{100 * interval[1]:.0f}"
