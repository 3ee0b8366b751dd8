"""The model card of a bundle, `MODEL_CARD.md`: what the committee is for, how it decides, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from scipy.special import expit

from facesift.bundle.card import Card
from facesift.bundle.decision_words import point_in_words, rule_in_words, share_text
from facesift.bundle.markdown import share, span, table, wrapped
from facesift.config.params import Params
from facesift.evaluation.study_facts import stacker_fit, thresholds_fit

FEW = 100  # positive test images; with fewer, the 95 % interval of a share is up to 20 points wide


def model_card(card: Card, params: Params, counts: pl.DataFrame, operating: Mapping[str, Any]) -> list[str]:
    """Write the page.

    Args:
        card: of the bundle, with its test figures.
        params: the study's parameters.
        counts: of images, see `data_card.count_images`.
        operating: figures of the operating points, `metrics/operating.json`.

    Returns:
        Its lines.
    """
    return [
        f"# Model card: committee of the study `{card.study}`",
        "",
        "Written by the stage export from the figures in `bundle.json`. DATA_CARD.md describes the images.",
        "",
        *_purpose(card.positive),
        "## Training data",
        "",
        *_training(card, counts),
        "",
        "## How it decides",
        "",
        *_members(card, params),
        "",
        *_rule(card),
        "",
        "## Thresholds",
        "",
        *_thresholds(card, params, operating),
        "",
        "## Test figures",
        "",
        *_figures(card, counts, operating),
        "",
        "## Limits",
        "",
        *_limits(card, counts),
    ]


def _purpose(positive: str) -> list[str]:
    return [
        "## Purpose",
        "",
        f"To find the few portraits of the class `{positive}` among many others, and to send a person only the",
        "images that need a person.",
        "",
        "## Not for",
        "",
        "- Rejecting a person by this decision alone. A decision is a reason to look, not a proof.",
        "- Recognising who somebody is, or judging anything about the person shown.",
        "- Images unlike those it was measured on: other cameras, sizes, sources or kinds of manipulation.",
        "- Videos, documents, voices, or attacks on the camera such as masks and replayed screens.",
        "",
    ]


def _training(card: Card, counts: pl.DataFrame) -> list[str]:
    by_class = counts.group_by("label").agg(pl.col("train").sum()).sort("label").iter_rows()
    seen = ", ".join(f"{number:,} {label}" for label, number in by_class)
    sources = sorted(counts["source"].unique())
    named = ", ".join(sources[:8]) + (f" and {len(sources) - 8} more" if len(sources) > 8 else "")
    return [f"The members learned from {seen} images of: {named}.", f"The classes are {', '.join(card.classes)}."]


def _members(card: Card, params: Params) -> list[str]:
    rows = [
        (each.name, each.architecture.get("name", "?"), "pixels" if each.backbone is None else each.backbone)
        for each in card.members
    ]
    return [
        *table(["member", "architecture", "sees"], rows),
        "",
        *wrapped(
            f"{stacker_fit(params)} It is one more voter. Its output, calibrated by `{card.calibration.method}`, is "
            f"the probability of `{card.positive}`. It {_holds(card)}."
        ),
    ]


def _holds(card: Card) -> str:
    share = card.calibration.prevalence
    if share is None:
        return f"holds at no known share of `{card.positive}`; `calibration.method: platt` knows one"
    return f"holds where {share_text(share)} of the images are `{card.positive}`"


def _other_shares(card: Card) -> str:
    if card.calibration.prevalence is None:
        return f"The probability is of no known share of `{card.positive}` and cannot be moved to one."
    return f"The probability is of one share of `{card.positive}` and must be moved for another (`--prevalence`)."


def _rule(card: Card) -> list[str]:
    lines = [f"Rule in force, `{card.rule}`: {rule_in_words(card.rule, card.positive)}."]
    if card.image.crop.refers:
        lines.append("A person decides an image in which no face is found.")
    if card.stability is not None:
        names = ", ".join(card.stability.mild_damage)
        lines.append(f"A person decides an image that is decided otherwise after mild damage: {names}.")
    return lines


def _thresholds(card: Card, params: Params, operating: Mapping[str, Any]) -> list[str]:
    cost, asked, other = params.cost, params.operating, _others(card)
    rows = [
        (f"`{name}`", point_in_words(float(expit(each.lo)), float(expit(each.hi)), card.positive, other))
        for name, each in card.points.items()
    ]
    guarantee = operating.get("guarantee", {}).get("sentence")
    return [
        "Operating points, by the calibrated probability; `facesift screen --point NAME` uses one:",
        "",
        *(table(["point", "decides"], rows) if rows else ["none."]),
        "",
        *wrapped(
            f"{thresholds_fit(params)} `cost` has the least expected cost, where a miss costs {cost.miss:g}, a review "
            f"{cost.review:g} and a false alarm {cost.false_alarm:g}. `max_review` sends at most "
            f"{100 * asked.max_review:g} % to a person. `target_recall` catches at least {100 * asked.target_recall:g} "
            f"% of the validation images of `{card.positive}`."
        ),
        *([guarantee] if guarantee else []),
        *(
            f"`{name}` is not offered: {each['why'].rstrip('.')}."
            for name, each in operating.get("not_offered", {}).items()
        ),
    ]


def _others(card: Card) -> str:
    others = [name for name in card.classes if name != card.positive]
    return others[0] if len(others) == 1 else "another class"


def _figures(card: Card, counts: pl.DataFrame, operating: Mapping[str, Any]) -> list[str]:
    """The rule in force and all points: shares with 95 % intervals, and what they would be with fewer positives."""
    rules, points = card.metrics.get("rules", {}), card.metrics.get("points", {})
    ways = {f"rule {card.rule}": rules.get(card.rule, {})} | {f"point {n}": each for n, each in points.items()}
    positives, images = _test_counts(card, counts)
    return [
        f"There are {images:,} test images, none of them seen in training; {positives:,} are `{card.positive}`:",
        f"{share_text(positives / images)}. 95 % intervals are in brackets.",
        "",
        *table(
            ["decided by", "caught or sent to a person", f"decided {card.positive}", "precision", "sent to a person"],
            [
                (
                    name,
                    share(each, "caught" if "caught" in each else "recall"),
                    share(each, "recall"),
                    share(each, "precision"),
                    share(each, "review_rate") if "review_rate" in each else "none",
                )
                for name, each in ways.items()
            ],
        ),
        "",
        f"*Caught*: of all images of `{card.positive}`. *Decided {card.positive}*: of those that no person decides.",
        "*Precision* holds at the share of the test images only. The rule at other shares:",
        "",
        *_projected(operating.get("prevalence", {}).get(card.rule, {})),
    ]


def _projected(by_share: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not by_share:
        return ["not computed."]
    return table(
        ["one in", "precision, %", "to a person, of 100,000", "missed", "false alarms"],
        [
            (
                f"{int(one_in):,}",
                span(each["precision"], 100, 1),
                *(span(each[f"{name}_per_100k"]) for name in ("reviews", "missed", "false_alarms")),
            )
            for one_in, each in sorted(by_share.items(), key=lambda item: int(item[0]))
        ],
    )


def _test_counts(card: Card, counts: pl.DataFrame) -> tuple[int, int]:
    return int(counts.filter(label=card.positive)["test"].sum()), int(counts["test"].sum())


def _limits(card: Card, counts: pl.DataFrame) -> list[str]:
    positives, _ = _test_counts(card, counts)
    few = [f"- Only {positives} test images are `{card.positive}`: their shares are uncertain, see the intervals."]
    return [
        *(few if positives < FEW else []),
        "- The figures are about images like the test images. Measure the stream with `facesift drift`.",
        "- Kinds of manipulation that are not in the training data may pass.",
        "- Errors by sex, age, skin colour or origin were not measured.",
        f"- {_other_shares(card)}",
        f"- Graph and training program were compared on {card.parity.get('images', 0):,} test images.",
        "",
        "The hash of this bundle is the SHA-256 of its `bundle.json`, which lists the hash of every file.",
    ]
