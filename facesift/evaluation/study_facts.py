"""What parameters and figures of a study say of its images and its fits, in sentences for all pages about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facesift.config.data import Crop, Data
from facesift.config.params import Params
from facesift.core.classes import SPLITS
from facesift.core.formatting import counted

UNFOUND = {
    "centre": "is cut at the centre",
    "review": "is cut at the centre, and a person decides it",
    "quarantine": "is left out",
}


def stacker_fit(params: Params) -> str:
    """Say what the stacker is and which images it is fitted on."""
    start = "The stacker is a linear layer over the members' outputs, fitted on"
    if params.stack.fit_on == "train_plan":
        return f"{start} re-sampled training images."
    own = " of the sources that hold fakes and others" if params.stack.sources == "own" else ""
    return f"{start} the validation images{own}; its validation figures are out of fold."


def thresholds_fit(params: Params) -> str:
    """Say which images calibration and thresholds are fitted on."""
    own = " of the sources that hold fakes and others" if params.operating.sources == "own" else ""
    return (
        f"Calibration and thresholds are fitted on the validation images{own}. Nothing is fitted or chosen on the test "
        "images."
    )


def division(params: Params) -> str:
    """Say how the images were divided into training, validation and test, and how many of a class were used at most."""
    fractions = params.split.fractions
    if params.split.predefined:
        share = fractions.val / (fractions.train + fractions.val)
        text = (
            "The folders train, val and test of the data gave the parts. A source without a folder val gave "
            f"{100 * share:.3g} % of its training images to val, drawn with seed {params.seed}."
        )
    else:
        shares = ", ".join(f"{name} {100 * getattr(fractions, name):g} %" for name in SPLITS)
        text = f"Shares of the split, of each class of each source: {shares}; drawn with seed {params.seed}."
    limits = ", ".join(f"{most:,} {label}" for label, most in params.split.limit.items())
    return f"{text} At most so many images of a class were used: {limits}." if limits else text


def kept_together(params: Params, split: Mapping[str, Any]) -> list[str]:
    """Say which images stayed in one part.

    Args:
        params: of the study.
        split: contents of `data/figures/split.json`.

    Returns:
        A text about near-duplicates; another one about the groups that the user named, if there are any.
    """
    rule, near, known = params.split, split["near_duplicates"], split["known_groups"]
    bits, agreement = rule.near_duplicate_bits, rule.near_duplicate_agreement
    thumbnails = f" and thumbnails agree to at least {agreement:g}" if agreement else ""
    text = (
        f"Near-duplicates stayed in one part: {counted(near['images'], 'image')} in "
        f"{counted(near['groups'], 'group')}, the largest of {near['largest']:,}. "
        f"Two images are linked if their perceptual hashes differ in at most {bits} of 256 bits"
        f"{thumbnails}; no group holds two images whose hashes are more than {2 * bits} bits apart."
    )
    grouped = [f"{name} by {each.group.by}" for name, each in params.data.sources.items() if each.group]
    if not grouped:
        return [text]
    named = (
        f"Images that belong together by data.sources ({', '.join(grouped)}) stayed in one part, however they look: "
        f"{counted(known['images'], 'image')} in {counted(known['groups'], 'group')}."
    )
    return [text, named]


def left_out(params: Params, ingest: Mapping[str, Any], split: Mapping[str, Any]) -> list[str]:
    """Count the files and images that no part holds.

    Args:
        params: of the study.
        ingest: contents of `data/figures/ingest.json`.
        split: contents of `data/figures/split.json`.

    Returns:
        A sentence for each reason.
    """
    leaks = f"Images of one group with an image in a later part of the data's own split: {split['removed_leaks']:,}."
    return [
        f"Files that could not be used: {ingest['quarantined']:,} (data/quarantine.csv has the reasons).",
        f"Further copies of the same bytes: {ingest['exact_duplicates']:,}.",
        f"Files that no source describes: {ingest['ignored']:,}.",
        *([leaks] if params.split.predefined else []),
    ]


def bad_photos(params: Params, ingest: Mapping[str, Any]) -> list[str]:
    """Say how many images are bad photos, and what happens to them.

    Args:
        params: of the study.
        ingest: contents of `data/figures/ingest.json`.

    Returns:
        A text; none where there are no bad photos.
    """
    counts = [
        f"{source} {label}: {', '.join(f'{number:,} {reason}' for reason, number in reasons.items())}"
        for source, labels in ingest.get("quality", {}).items()
        for label, reasons in labels.items()
    ]
    if not counts:
        return []
    said = {"review": "A person decides", "quarantine": "Left out are"}
    acting = {words: _acting(params, action) for action, words in said.items()}
    acts = [f" {words} images with {', '.join(names)}." for words, names in acting.items() if names]
    return [f"Bad photos. {'; '.join(counts)}.{''.join(acts)}"]


def _acting(params: Params, action: str) -> list[str]:
    return [name for name, each in params.quality if each.action == action]


def members_see(data: Data) -> str:
    """Say which part of an image members see, and in which size."""
    return f"Members see {_framing(data)}; where they see pixels, {data.image_size} x {data.image_size} of them."


def _framing(data: Data) -> str:
    if data.crop.method == "none":
        return "the whole image, made square" if data.resize == "squish" else "the middle square of the image"
    return "the same square of every image" if data.crop.method == "centre" else _around_the_face(data.crop)


def _around_the_face(crop: Crop) -> str:
    return f"a square around the face that is found (an image without one {UNFOUND[crop.unfound]})"
