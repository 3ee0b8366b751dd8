"""What explains the committee's result: whether it is above chance at all, and which probes do as well.

Nothing is said that an interval does not carry: "explained" only where the committee's whole interval within a source
is below what it reaches on all sources together, "may be explained" where the interval is too wide to tell. That no
probe explains a result proves nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

from facesift.audit.probes import CONTAINER, ProbeResult, ProbeResults

MARGIN = 0.02  # a probe this close below the committee explains it: training again moves an AUC by about as much
DROP = 0.15  # where the AUC within a source is this far below the pooled one, the rest came from telling sources
CHANCE = 0.5  # AUC of guessing
USEFUL = 0.6  # AUC below it is close to chance; the low end of a probe's interval must reach it
OBVIOUS = 0.8  # a probe this good is named even where the committee is better
Z = 1.96  # standard errors on either side in a 95 % interval

Kind = Literal[
    "source", "source_in_part", "source_possible", "container", "statistics", "chance", "none", "none_shown", "unknown"
]
Claim = tuple[Kind, str]  # a kind of explanation and its sentence


@dataclass(frozen=True)
class AucEstimate:
    """An area under the ROC curve with its 95 % interval.

    Attributes:
        value: the area in [0, 1]; None where it is unknown.
        low: low end of the interval; None where it is unknown.
        high: high end of the interval; None where it is unknown.
        guessing: what guessing reaches in one of forty tests with so few images, see `guessing_limit`.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    guessing: float = 0.5

    @property
    def floor(self) -> float:
        """What the area may be at the least: the interval's low end, or 0 where no interval is known."""
        return 0.0 if self.low is None else self.low

    @property
    def ceiling(self) -> float:
        """What the area may be at the most: the interval's high end, or 1 where no interval is known."""
        return 1.0 if self.high is None else self.high

    @property
    def above_chance(self) -> bool:
        """Whether the whole interval is above 0.5, and the value above what guessing reaches."""
        return self.value is not None and self.floor > CHANCE and self.value > self.guessing

    @property
    def text(self) -> str:
        """The value with its interval, as a sentence says it."""
        known = self.low is not None and self.high is not None
        return f"{self.value:.3f}" + (f" (95 % interval {self.low:.3f} to {self.high:.3f})" if known else "")


def guessing_limit(fakes: int, others: int) -> float:
    """AUC that guessing exceeds with a probability of 2.5 %, by the normal approximation (Mann and Whitney 1947).

    A bootstrap interval is too narrow with few fakes: with three, it is above 0.5 for 11 % of guessing committees.

    Args:
        fakes: independent images of the positive class.
        others: independent other images.

    >>> round(guessing_limit(6, 200), 2), round(guessing_limit(60, 2000), 2)
    (0.73, 0.57)
    """
    return CHANCE + Z * sqrt((fakes + others + 1) / (12 * fakes * others)) if fakes and others else 1.0


@dataclass(frozen=True)
class Explanation:
    """What explains the committee's result.

    Attributes:
        kinds: kinds of explanation, the weightiest first.
        sentences: one sentence for each kind.
    """

    kinds: tuple[Kind, ...]
    sentences: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """The weightiest kind; `none`, `none_shown` and `unknown` stand alone, and `chance` comes first."""
        return self.kinds[0]

    @property
    def sentence(self) -> str:
        """All findings in a line."""
        return " ".join(self.sentences)

    def report(self) -> dict[str, Any]:
        """For a metrics file."""
        return {"kind": self.kind, "kinds": list(self.kinds), "sentence": self.sentence}


def explain(
    pooled: AucEstimate,
    within: Mapping[str, AucEstimate],
    source: AucEstimate,
    container: ProbeResults,
    statistics: ProbeResults | None = None,
) -> Explanation:
    """Say whether the committee's AUC on the test split is above chance, and which probes explain it.

    Args:
        pooled: the committee on all sources together.
        within: the committee inside each source whose test images are of both kinds.
        source: knowing only the source, on all together (`source_probes.source_baseline`); its value may be None.
        container: results of file format, size and JPEG tables (`probes.byte_probe`).
        statistics: results of brightness, colour and sharpness (`probes.statistics_probe`).

    Returns:
        The explanation, which may be that no probe explains the result, or that there is nothing to explain.
    """
    if pooled.value is None:
        return Explanation(
            ("unknown",), ("The test images are all of one class: no AUC is known, and nothing to explain.",)
        )
    found = [_source_claim(pooled, within, source) if pooled.above_chance else _chance_claim(pooled)]
    found.append(_probe_claim(pooled, within, source.value, container, "container"))
    if statistics:
        found.append(_probe_claim(pooled, within, source.value, statistics, "statistics"))
    claims = [claim for claim in found if claim] or [_no_claim(pooled, source, container)]
    return Explanation(tuple(kind for kind, _ in claims), tuple(sentence for _, sentence in claims))


def skill_in_doubt(pooled: float, inside: AucEstimate) -> bool:
    """Say whether the committee may have no skill within a source, or has much less than on all sources together.

    Args:
        pooled: AUC of the committee on all sources together.
        inside: AUC of the committee within the source.

    Returns:
        True when the low end of `inside` is below `USEFUL`, or its value is more than `DROP` below `pooled`.

    >>> cases = AucEstimate(0.7, 0.55, 0.8), AucEstimate(0.75, 0.7, 0.8), AucEstimate(0.9, 0.85, 0.94)
    >>> [skill_in_doubt(0.951, inside) for inside in cases]
    [True, True, False]
    """
    return inside.value is not None and (inside.floor < USEFUL or inside.value < pooled - DROP)


def _chance_claim(pooled: AucEstimate) -> Claim:
    return "chance", (
        f"The committee's pooled AUC of {pooled.text} is not shown to be above chance (0.5): there is no skill to "
        "explain."
    )


def _source_claim(pooled: AucEstimate, within: Mapping[str, AucEstimate], source: AucEstimate) -> Claim | None:
    """Claim that the source explains the result: it does as well alone, and within sources skill is in doubt."""
    value = pooled.value or 0.0
    if source.value is None or source.value < max(USEFUL, value - MARGIN):
        return None
    known = {name: auc for name, auc in within.items() if auc.value is not None}
    low = [name for name in known if skill_in_doubt(value, known[name])]
    strong = [name for name in known if name not in low]
    if known and not low:
        return None
    shown = bool(known) and all(known[name].ceiling < value - MARGIN for name in low)
    kind: Kind = "source_possible" if not shown else "source_in_part" if strong else "source"
    is_explained = {"source_possible": "may be", "source_in_part": "is in part", "source": "is"}[kind]
    start = (
        f"The committee's pooled AUC of {pooled.text} {is_explained} explained by the data set an image comes from: "
        f"knowing only the source gives {source.value:.3f}, and "
    )
    if not known:
        return kind, start + "no source holds fakes and reals by which real skill could be told."
    reached = f"within {_join(low)}, fakes against reals of one source, the committee reaches {_values(known, low)}"
    but = f", but within {_join(strong)} {_values(known, strong)}" if strong else ""
    return kind, f"{start}{reached}{but}."


def _values(known: Mapping[str, AucEstimate], sources: list[str]) -> str:
    return _join([known[source].text for source in sources])


def _probe_claim(
    pooled: AucEstimate,
    within: Mapping[str, AucEstimate],
    source_auc: float | None,
    probes: ProbeResults,
    kind: Literal["container", "statistics"],
) -> Claim | None:
    """Claim that a probe predicts the label where it does as well as the committee, or very well."""
    facts = "file format, size and JPEG tables" if kind == "container" else "brightness, colour and sharpness"
    places = [
        _place(f" within {source}", within.get(source, AucEstimate(None)), probe)
        for source, probe in probes.within.items()
    ]
    # On all sources together a probe also recognises the source: only what it tells beyond that is news.
    beyond = (probes.pooled.auc or 0) > (source_auc or 0) + MARGIN
    if beyond and not any(places):
        places = [_place("", pooled, probes.pooled)]
    said = [place for place in places if place]
    return (kind, f"The label can be told from {facts} alone: {_join(said)}.") if said else None


def _place(where: str, committee: AucEstimate, probe: ProbeResult) -> str | None:
    auc = _estimate(probe)
    if auc.value is None or auc.floor < USEFUL:
        return None
    if auc.value < OBVIOUS and (committee.value is None or auc.value < committee.value - MARGIN):
        return None
    against = "" if committee.value is None else f", where the committee reaches {committee.text}"
    return f"AUC {auc.text}{where}{against} (most telling: {_fact(probe)})"


def _estimate(probe: ProbeResult) -> AucEstimate:
    return AucEstimate(probe.auc, *(probe.auc_interval or ()))


def _fact(probe: ProbeResult) -> str:
    name = probe.best_fact or "all together"
    alone = probe.facts.get(name)
    return CONTAINER.get(name, name.replace("_", " ")) + ("" if alone is None else f", by itself {alone:.3f}")


def _no_claim(pooled: AucEstimate, source: AucEstimate, container: ProbeResults) -> Claim:
    """Claim that no probe explains the result; or that none is shown to, where the interval of one reaches it."""
    tried = {"the source": source, "the file": _estimate(container.pooled)}
    tried = {name: auc for name, auc in tried.items() if auc.value is not None}
    reached = f" Known alone, {_join([f'{name} {auc.text}' for name, auc in tried.items()])}." if tried else ""
    start = f"The committee's pooled AUC of {pooled.text} is above chance (0.5), and no probe "
    close = [name for name, auc in tried.items() if auc.high is not None and auc.high >= pooled.floor]
    if close:
        rest = (
            f"is shown to explain it, but the interval of {_join(close)} reaches it: it takes more test images to tell."
        )
        return "none_shown", start + rest + reached
    return "none", f"{start}explains it; other shortcuts are not ruled out.{reached}"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
