"""The audit on the page: what explains the figures, what each part adds, and figures slice by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facesift.core.formatting import NOTHING, area, percent, share
from facesift.report.formatting import precision_of, recall_of
from facesift.report.page import Notice, PageSection, Table

QUIET = ("none", "none_shown", "unknown")  # verdicts that name nothing
COMPARED = (
    "In brackets: the 95 % interval of each difference by itself. Better or worse is said only where this interval is "
    "on one side of zero and a permutation test says so too, corrected for all comparisons of the table (Holm)."
)


def notices(audit: Mapping[str, Any]) -> list[Notice]:
    """Say what the reader must not miss: what explains the result, leaks, and members that all say the same.

    Args:
        audit: contents of `metrics/audit.json`.

    Returns:
        At least one notice: the first says what explains the result, or that no probe does.
    """
    said = audit["verdict"]
    found = [Notice("plain" if said["kind"] in QUIET else "warning", said["sentence"])]
    if not audit["leakage"]["clean"]:
        across = audit["leakage"]["near"]["across_splits"]
        text = f"The split leaks: {across:,} pairs of near-duplicates lie in two splits, so the figures are too good."
        found.append(Notice("warning", text))
    if audit["complementarity"]["agreement"]["redundant"]:
        found.append(Notice("warning", audit["complementarity"]["agreement"]["sentence"]))
    return found


def audit_sections(audit: Mapping[str, Any]) -> list[PageSection]:
    """Show the probes, what each part of the committee adds, and the slices.

    Args:
        audit: contents of `metrics/audit.json`.

    Returns:
        Three sections.
    """
    return [_probes_section(audit), _contributions_section(audit), _slices_section(audit["slices"])]


def _probes_section(audit: Mapping[str, Any]) -> PageSection:
    alone, probe = audit["sources"]["alone"], audit["sources"]["probe"]
    auc, ap = (area(alone[key], alone[f"{key}_interval"]) for key in ("auc", "ap"))
    rows = [["the source alone", f"{alone['fakes'] + alone['reals']:,}", auc, ap, "the source"]]
    for name, title in (("container", "the file alone"), ("statistics", "brightness, colour, sharpness")):
        rows += list(_probe_rows(title, audit["probes"][name]))
    headings = ("what is known of an image", "images", "AUC", "AP", "most telling")
    text = [
        "How well fakes are told from reals by properties that have nothing to do with a forgery.",
        *_source_text(probe),
        _leakage_text(audit["leakage"]),
    ]
    return PageSection("What the figures are made of", text, [Table(headings, rows)])


def _probe_rows(title: str, probes: Mapping[str, Any]) -> Iterator[list[str]]:
    yield _probe_row(f"{title}, all sources", probes["pooled"])
    for source, probe in probes["within"].items():
        yield _probe_row(f"{title}, within {source}", probe)


def _probe_row(title: str, probe: Mapping[str, Any]) -> list[str]:
    telling = (probe["telling"] or probe["reason"] or NOTHING).replace("_", " ")
    auc, ap = (area(probe[key], probe[f"{key}_interval"]) for key in ("auc", "ap"))
    return [title, f"{probe['images']:,}", auc, ap, telling]


def _source_text(probe: Mapping[str, Any]) -> list[str]:
    if probe["balanced_accuracy"] is None:
        return [f"Telling sources apart: {probe['reason']}."]
    return [
        (
            f"Simple statistics of an image tell its source with a balanced accuracy of "
            f"{percent(probe['balanced_accuracy'])} (guessing: {percent(probe['chance'])})."
        )
    ]


def _leakage_text(leakage: Mapping[str, Any]) -> str:
    near, kept, looser = leakage["near"], leakage["kept_together"], leakage["looser"]
    groups = f"{kept['groups']:,} group{'' if kept['groups'] == 1 else 's'}"
    return (
        f"Near-duplicates across splits: {near['across_splits']:,} pairs (searched anew; "
        f"at most {near['bits']} of 256 bits apart, with thumbnails that agree), and {leakage['parted']:,} more whose "
        f"groups together would have been too wide. Kept together: {kept['images']:,} images in {groups}; "
        f"{near['across_classes']:,} pairs are of different classes. With {looser['bits']} bits "
        f"{looser['more_across_splits']:,} more pairs would lie in two splits."
    )


def _contributions_section(audit: Mapping[str, Any]) -> PageSection:
    tables, text = [], [audit["complementarity"]["agreement"]["sentence"]]
    if audit["comparisons"]:
        headings = ("of", "against", "AUC difference", "by AUC", "AP difference", "by AP")
        caption = "Better than its rival on the same test images?"
        text.append(COMPARED)
        tables.append(Table(headings, [_comparison(row) for row in audit["comparisons"]], caption))
    added = audit["complementarity"]["leave_one_out"]
    if added:
        rows = [_added(member, rules["unanimous"]["adds"]) for member, rules in added.items()]
        columns = ("member", "recall", "precision", "to review", "caught")
        tables.append(Table(columns, rows, "What each member adds to the unanimous vote (percentage points)"))
    return PageSection("What does each part add?", text, tables, reader="engineer")


def _comparison(row: Mapping[str, Any]) -> list[str]:
    cells = [row["of"], row["against"]]
    for key in ("auc", "ap"):
        judged = row[key]
        known = judged["difference"] is not None and judged["interval"] is not None
        ends = f" ({judged['interval'][0]:+.3f} to {judged['interval'][1]:+.3f})" if known else ""
        cells += [f"{judged['difference']:+.3f}{ends}" if known else NOTHING, row["lacking"] or judged["verdict"]]
    return cells


def _added(member: str, adds: Mapping[str, float | None]) -> list[str]:
    figures = (adds[key] for key in ("recall", "precision", "review_rate", "caught"))
    return [member, *(NOTHING if value is None else f"{100 * value:+.1f}" for value in figures)]


def _slices_section(rows: Sequence[Mapping[str, Any]]) -> PageSection:
    table = Table(
        ("slice", "images", "fakes", "recall", "precision", "caught"),
        [_slice_row(row) for row in rows],
    )
    text = [
        "The deciding rule, slice by slice; sizes and brightness are cut at the thirds of the training images.",
        "Quality is what makes a photo a bad one (docs/screening.md); an image may have several reasons.",
    ]
    return PageSection("Slices", text, [table], details=True)


def _slice_row(row: Mapping[str, Any]) -> list[str]:
    fakes = row["fakes"] + row["review_fake"]
    caught = share(row["caught"], row["caught_interval"], row["tp"] + row["review_fake"], fakes)
    name = f"{row['slice'].replace('_', ' ')}: {row['value']}"
    return [name, f"{row['images']:,}", f"{fakes:,}", recall_of(row), precision_of(row), caught]
