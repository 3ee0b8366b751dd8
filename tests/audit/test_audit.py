"""The audit as a whole, on committees with a planted way of being right."""

import numpy as np
import polars as pl
import pytest

from facesift.audit.audit_report import AuditData, audit
from facesift.audit.image_statistics import STATISTICS
from facesift.committee.rules import RULES
from facesift.core.classes import PARTS, Classes
from facesift.core.scores import label_logits, score_table
from facesift.datasets.near_duplicates import LinkRule
from facesift.evaluation.decision_report import LabelledPredictions
from facesift.report.audit import notices
from tests.made_manifest import files

CLASSES = Classes(("real", "fake"), "fake")
RNG = np.random.default_rng(5)


def manifest():
    """Source a: fakes and reals. Source b: reals alone, ten times as many. Every hash is far from every other."""
    rows = pl.concat([files(source="a", images=240, fakes=0.5), files(source="b", images=2000, fakes=0.0, seed=1)])
    splits = RNG.choice(["train", "val", "test"], rows.height, p=[0.5, 0.25, 0.25])
    hashes = [RNG.bytes(32).hex() for _ in range(rows.height)]
    empty = dict.fromkeys(["difficulty", *PARTS])
    nulls = [pl.lit(None, pl.String if name == "difficulty" else pl.Boolean).alias(name) for name in empty]
    return rows.with_columns(
        *nulls,
        split=pl.Series(splits),
        phash=pl.Series(hashes),
        thumbnail=pl.lit(None, pl.Binary),
        group=pl.int_range(rows.height),
    )


def noise_statistics(images):
    values = RNG.normal(size=(images.height, len(STATISTICS)))
    return pl.DataFrame({"image_id": images["image_id"]} | dict(zip(STATISTICS, values.T, strict=True)))


def predictions(images, split, evidence):
    """`evidence`: voter -> expression that is above zero where the voter says fake."""
    truth = images.filter(pl.col("split") == split).sort("image_id")
    scores = {}
    for voter, expression in evidence.items():
        each = truth.with_columns(said=expression.cast(pl.Float64))["said"].to_numpy()
        each = each + 0.5 * np.random.default_rng(7).normal(size=len(each))
        scores[voter] = score_table(truth["image_id"].to_list(), split, np.stack([-each, each], 1), CLASSES.names)
    return LabelledPredictions.of(label_logits(truth, scores, CLASSES))


def case(evidence, baselines=(), images=None):
    images = manifest() if images is None else images
    voting = {voter: each for voter, each in evidence.items() if voter not in baselines}
    return AuditData(
        images=images,
        statistics=noise_statistics(images),
        val=predictions(images, "val", voting),
        test=predictions(images, "test", voting),
        scored=predictions(images, "test", evidence),
        links=LinkRule(48, 0.6),
        seed=0,
    )


BY_SOURCE = pl.when(pl.col("source") == "a").then(1.0).otherwise(-1.0)
BY_LABEL = pl.when(pl.col("label") == "fake").then(1.0).otherwise(-1.0)
NOTHING = pl.lit(-0.2)


@pytest.fixture(scope="module")
def sources_only():
    return audit(case({"one": BY_SOURCE, "plain": NOTHING, "stacker": BY_SOURCE}, baselines=["plain"]))


@pytest.fixture(scope="module")
def skilled():
    return audit(case({"one": BY_LABEL, "plain": NOTHING, "stacker": BY_LABEL}, baselines=["plain"]))


def test_a_committee_that_recognises_the_source_is_told_so(sources_only):
    assert sources_only["verdict"]["kind"] == "source"
    assert "explained by the data set an image comes from" in sources_only["verdict"]["sentence"]


def test_the_reader_is_warned_of_it_first(sources_only):
    first = notices(sources_only)[0]
    assert (first.kind, first.text) == ("warning", sources_only["verdict"]["sentence"])


def test_real_skill_is_not_explained_away(skilled):
    assert skilled["verdict"]["kind"] == "none"
    assert notices(skilled)[0].kind == "plain"


def test_areas_of_every_probe_have_their_intervals(sources_only):
    probes = sources_only["probes"]
    for figures in (
        sources_only["sources"]["alone"],
        probes["container"]["pooled"],
        probes["statistics"]["within"]["a"],
    ):
        for area in ("auc", "ap"):
            low, high = figures[f"{area}_interval"]
            assert low <= figures[area] <= high


def test_a_member_that_beats_the_baseline_is_called_better(skilled):
    row = next(row for row in skilled["comparisons"] if (row["of"], row["against"]) == ("one", "plain"))
    assert (row["auc"]["verdict"], row["ap"]["verdict"]) == ("better", "better")


def test_every_baseline_is_in_the_table(skilled):
    assert list(skilled["baselines"]) == [
        "always_real", "always_fake", "random", "best_member", "file_facts_alone", "plain (baseline)",
    ]  # fmt: skip


def test_a_baseline_has_no_part_in_what_members_add(skilled):
    assert set(skilled["complementarity"]["leave_one_out"]) == {"one"}


def test_slices_are_there_for_every_rule(skilled):
    by_rule = skilled["slices"]
    fakes = {rule: next(row["tp"] for row in rows if row["slice"] == "source") for rule, rows in by_rule.items()}
    assert list(fakes) == list(RULES)
    assert fakes["any_fake"] >= fakes["unanimous"]


def test_a_planted_leak_is_found_and_the_reader_is_warned():
    images = manifest()
    train, test = (images.filter(pl.col("split") == split)["image_id"][0] for split in ("train", "test"))
    copied = images.filter(pl.col("image_id") == train)["phash"][0]
    leaky = images.with_columns(
        phash=pl.when(pl.col("image_id") == test).then(pl.lit(copied)).otherwise(pl.col("phash"))
    )
    report = audit(case({"one": BY_LABEL, "stacker": BY_LABEL}, images=leaky))
    assert report["leakage"]["near"]["across_splits"] == 1
    assert any("The split leaks: 1 pairs" in notice.text for notice in notices(report))
