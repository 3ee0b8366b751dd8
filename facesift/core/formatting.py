"""Numbers as text, in one style everywhere: counts with their noun, shares, intervals, areas."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "-"  # stands for a figure that is not known

Interval = Sequence[float] | None


class EstimateText(str):
    """The text of a share that still knows the share and its interval, so that a page can draw it as a bar.

    Attributes:
        value: the share in [0, 1].
        interval: ends of its interval; None where it is unknown.
    """

    __slots__ = ("interval", "value")
    value: float
    interval: Sequence[float] | None

    @classmethod
    def of(cls, text: str, value: float, interval: Sequence[float] | None) -> EstimateText:
        """Attach a share and its interval to a text."""
        made = cls(text)
        made.value, made.interval = value, interval
        return made


def counted(number: int, noun: str, many: str | None = None) -> str:
    """Format a count with its noun: singular for 1, thousands separated by commas.

    Args:
        number: The count.
        noun: What is counted, in the singular.
        many: The plural; without it, `noun` with an s.

    >>> counted(1, "image"), counted(0, "image"), counted(12000, "entry", "entries")
    ('1 image', '0 images', '12,000 entries')
    """
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def percent(value: float | None, digits: int = 1) -> str:
    """Format a share as per cent.

    Args:
        value: Share in [0, 1]; None where it is unknown.
        digits: Digits after the decimal point.

    Returns:
        The per cent with its sign, or a dash for None.

    >>> percent(0.91667), percent(None)
    ('91.7 %', '-')
    """
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def span(interval: Interval, digits: int = 0) -> str:
    """Format an interval of shares in [0, 1] as per cent without the sign; an unknown one is empty.

    >>> span((0.3588, 0.9958)), span((0.3588, 0.9958), 1), span(None)
    ('36-100', '35.9-99.6', '')
    """
    return "" if interval is None else "-".join(f"{100 * end:.{digits}f}" for end in interval)


def between(interval: Sequence[float], digits: int = 1) -> str:
    """Format an interval of shares in [0, 1] as per cent for a sentence, without the sign.

    >>> between((0.87, 0.95))
    '87.0 to 95.0'
    """
    return " to ".join(f"{100 * end:.{digits}f}" for end in interval)


def share(value: float | None, interval: Interval, part: float, whole: float) -> str:
    """Format a share with its interval and the counts it rests on.

    Args:
        value: Share in [0, 1]; None where it is unknown.
        interval: Ends of the 95 % interval, in [0, 1]; None where it is unknown.
        part: Number of images in the numerator; an expected number may be fractional.
        whole: Number of images in the denominator.

    Returns:
        The text of one cell, or a dash for None.

    >>> share(5 / 6, (0.359, 0.996), 5, 6)
    '83.3 % (36-100; 5/6)'
    """
    if value is None:
        return NOTHING
    number = part if isinstance(part, int) else round(part, 1)  # an expected count is no whole number
    inside = [span(interval), f"{number:,}/{whole:,}"]
    return EstimateText.of(f"{percent(value)} ({'; '.join(text for text in inside if text)})", value, interval)


def area(value: float | None, interval: Interval, digits: int = 2) -> str:
    """Format an area under a curve with its interval.

    Args:
        value: Area in [0, 1]; None where it is unknown.
        interval: Ends of the 95 % interval, in [0, 1]; None where it is unknown.
        digits: Digits after the decimal point of the interval's ends.

    Returns:
        The text of one cell, or a dash for None.

    >>> area(0.951, (0.921, 0.974))
    '0.951 (0.92-0.97)'
    """
    if value is None:
        return NOTHING
    text = f"{value:.3f}" + (f" ({interval[0]:.{digits}f}-{interval[1]:.{digits}f})" if interval else "")
    return EstimateText.of(text, value, interval)
