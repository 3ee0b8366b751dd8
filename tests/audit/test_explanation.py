import numpy as np
import polars as pl
import pytest

from facesift.audit.explanation import (
    AucEstimate,
    Explanation,
    explain,
    guessing_limit,
    skill_in_doubt,
)
from facesift.audit.probes import ProbeResult, ProbeResults, byte_probe
from facesift.audit.source_probes import source_baseline
from facesift.evaluation.curves import ranking
from tests.made_manifest import as_png, files, other_quality


def probe(auc: float | None = 0.5, *, spread: float | None = 0.04, best_fact: str = "quantisation") -> ProbeResult:
    interval = None if auc is None or spread is None else (auc - spread, auc + spread)
    facts = {best_fact: auc}
    return ProbeResult(1000, 80, auc, auc_interval=interval, facts=facts, best_fact=best_fact)


def probes(pooled: float | None = 0.5, **within: float) -> ProbeResults:
    return ProbeResults(probe(pooled), {source: probe(auc) for source, auc in within.items()})


def auc(value: float, spread: float = 0.01) -> AucEstimate:
    """Make an area that many images were measured on; the interval reaches `spread` to either side."""
    return AucEstimate(value, value - spread, value + spread)


UNKNOWN = AucEstimate(None)
NOTHING = probes(0.52, rff=0.51)


def test_a_result_whose_interval_reaches_chance_is_not_explained_by_anything():
    found = explain(AucEstimate(0.699, 0.403, 0.951), {}, UNKNOWN, NOTHING)
    assert found.report() == {
        "kind": "chance",
        "kinds": ["chance"],
        "sentence": (
            "The committee's pooled AUC of 0.699 (95 % interval 0.403 to 0.951) is not shown to be above chance (0.5): "
            "there is no skill to explain."
        ),
    }


@pytest.mark.parametrize(
    "pooled",
    [AucEstimate(0.9), AucEstimate(0.9, 0.5, 1.0), AucEstimate(0.3, 0.2, 0.4), AucEstimate(0.72, 0.6, 0.8, 0.74)],
    ids=["no interval", "reaches 0.5", "below 0.5", "guessing reaches it with six fakes"],
)
def test_skill_that_is_not_shown_is_not_claimed(pooled: AucEstimate):
    assert explain(pooled, {"rff": auc(0.9)}, auc(0.95), NOTHING).kinds == ("chance",)


def test_a_guessing_committee_of_few_fakes_is_rarely_said_to_be_above_chance():
    rng, claims = np.random.default_rng(0), 0
    labels = (np.arange(103) < 3).astype(int)
    for _ in range(60):
        found = ranking(labels, rng.normal(size=103), np.arange(103))
        claims += AucEstimate(found["auc"], *found["auc_interval"], guessing_limit(3, 100)).above_chance
    assert claims <= 5  # 2.5 % are promised, for the upper side alone


def test_marks_of_the_file_are_told_even_where_the_committee_has_no_skill():
    assert explain(auc(0.5), {"rff": auc(0.5)}, UNKNOWN, probes(0.9, rff=0.9)).kinds == ("chance", "container")


def test_a_result_that_the_source_explains_is_said_to_be():
    found = explain(auc(0.951), {"rff": auc(0.52, 0.09)}, auc(0.94), NOTHING)
    assert found.report() == {
        "kind": "source",
        "kinds": ["source"],
        "sentence": (
            "The committee's pooled AUC of 0.951 (95 % interval 0.941 to 0.961) is explained by the data set an image "
            "comes from: knowing only the source gives 0.940, and within rff, fakes against reals of one source, the "
            "committee reaches 0.520 (95 % interval 0.430 to 0.610)."
        ),
    }


def test_a_weak_source_lets_the_source_explain():
    assert explain(auc(0.951), {"rff": auc(0.75)}, auc(0.94), NOTHING).kind == "source"


@pytest.mark.parametrize("within", [AucEstimate(0.94, 0.59, 0.99), AucEstimate(0.52, 0.3, 0.94), AucEstimate(0.52)])
def test_a_source_whose_interval_is_too_wide_to_tell_may_explain(within: AucEstimate):
    found = explain(auc(0.951), {"rff": within}, auc(0.94), NOTHING)
    assert found.kind == "source_possible"
    assert "may be explained by the data set" in found.sentence


@pytest.mark.parametrize(
    ("pooled", "within", "source"),
    [
        (auc(0.951), {"rff": auc(0.52)}, auc(0.92)),
        (auc(0.951), {"rff": auc(0.93, 0.02)}, auc(0.95)),
        (auc(0.9), {"rff": auc(0.9)}, auc(0.5, 0)),
        (auc(0.9), {}, UNKNOWN),
    ],
    ids=["the source does worse", "skill within the source", "one source", "source unknown"],
)
def test_otherwise_the_source_is_not_blamed(pooled: AucEstimate, within: dict[str, AucEstimate], source: AucEstimate):
    assert explain(pooled, within, source, NOTHING).kind in ("none", "none_shown")


def test_skill_in_another_source_makes_it_a_part():
    found = explain(auc(0.951), {"rff": auc(0.52), "more": auc(0.93, 0.02)}, auc(0.94), NOTHING)
    assert found.kind == "source_in_part"
    assert "is in part explained" in found.sentence
    assert "but within more 0.930 (95 % interval 0.910 to 0.950)" in found.sentence


def test_fakes_and_reals_of_different_sources_cannot_be_told_from_skill():
    found = explain(auc(0.99), {}, auc(1.0, 0), NOTHING)
    assert found.kind == "source_possible"
    assert "no source holds fakes and reals" in found.sentence


def test_marks_of_the_file_within_a_source_are_named():
    found = explain(auc(0.9), {"rff": auc(0.9)}, auc(0.5, 0), probes(0.92, rff=0.92))
    assert found.kind == "container"
    assert found.sentence == (
        "The label can be told from file format, size and JPEG tables alone: AUC 0.920 (95 % interval 0.880 to 0.960) "
        "within rff, where the committee reaches 0.900 (95 % interval 0.890 to 0.910) (most telling: the JPEG "
        "quantisation tables, by itself 0.920)."
    )


def test_glaring_marks_are_named_even_where_the_committee_is_better():
    assert explain(auc(0.99), {"rff": auc(0.99)}, auc(0.5, 0), probes(0.85, rff=0.85)).kind == "container"


def test_marks_that_tell_less_than_the_committee_are_not_blamed():
    assert explain(auc(0.9), {"rff": auc(0.9)}, auc(0.5, 0), probes(0.7, rff=0.7)).kind == "none"


def test_marks_whose_interval_reaches_the_committee_s_are_not_ruled_out():
    found = explain(auc(0.78, 0.05), {"rff": auc(0.78, 0.05)}, auc(0.5, 0), probes(0.72, rff=0.72))
    assert found.kind == "none_shown"
    assert "no probe is shown to explain it, but the interval of the file reaches it" in found.sentence


def test_marks_that_only_recognise_the_source_are_not_news():
    assert explain(auc(0.951), {"rff": auc(0.52)}, auc(0.95), probes(0.955, rff=0.51)).kinds == ("source",)


def test_marks_across_sources_of_one_kind_each_are_told_beyond_the_source():
    assert explain(auc(0.9), {}, auc(0.6), probes(0.95)).kinds == ("container",)


def test_marks_in_too_few_groups_for_an_interval_are_no_evidence():
    few = ProbeResults(probe(0.9, spread=None), {"rff": probe(0.9, spread=None)})
    assert explain(auc(0.9), {"rff": auc(0.9)}, auc(0.5, 0), few).kind == "none"


def test_simple_looks_are_named():
    looks = ProbeResults(probe(0.9, best_fact="high_frequency"), {"rff": probe(0.9, best_fact="high_frequency")})
    found = explain(auc(0.9), {"rff": auc(0.9)}, auc(0.5, 0), NOTHING, looks)
    assert found.kind == "statistics"
    assert (
        "brightness, colour and sharpness alone: AUC 0.900 (95 % interval 0.860 to 0.940) within rff" in found.sentence
    )


def test_several_explanations_are_all_given():
    found = explain(auc(0.951), {"rff": auc(0.7)}, auc(0.94), probes(0.96, rff=0.85))
    assert found.kinds == ("source", "container")


def test_that_nothing_explains_is_not_called_good():
    found = explain(auc(0.9), {"rff": auc(0.9)}, auc(0.5, 0), NOTHING)
    assert found.sentence == (
        "The committee's pooled AUC of 0.900 (95 % interval 0.890 to 0.910) is above chance (0.5), and no probe "
        "explains it; other shortcuts are not ruled out. Known alone, the source 0.500 (95 % interval 0.500 to 0.500) "
        "and the file 0.520 (95 % interval 0.480 to 0.560)."
    )


def test_an_unknown_result_is_not_explained():
    assert explain(UNKNOWN, {}, UNKNOWN, probes(None)).kind == "unknown"


def test_an_unknown_source_is_not_weak():
    assert not skill_in_doubt(0.95, AucEstimate(None))


def of_committee(rows: pl.DataFrame, suspects: pl.Expr) -> Explanation:
    """Judge a made committee that suspects these images and is otherwise guessing."""
    train, test = rows.filter(split="train"), rows.filter(split="test")
    guess = pl.Series(np.random.default_rng(5).random(test.height))
    test = test.with_columns(score=suspects.cast(pl.Float64) + guess, fake=pl.col("label") == "fake")

    def measured(part: pl.DataFrame, score: str = "score") -> AucEstimate:
        found = ranking(part["fake"].cast(pl.Int64).to_numpy(), part[score].to_numpy(), np.arange(part.height))
        return AucEstimate(found["auc"], *found["auc_interval"])

    within = {"mixed": measured(test.filter(source="mixed"))}
    known = source_baseline(train, test, "fake").scores.rename({"score": "known"})
    source = measured(test.join(known, on="image_id"), "known")
    return explain(measured(test), within, source, byte_probe(rows, "fake", 0))


MIXED = files(source="mixed", images=800, fakes=0.4)
BOTH = pl.concat([MIXED, files(source="reals", images=2400, fakes=0, seed=1)])
FAKE = pl.col("label") == "fake"


def test_a_committee_that_recognises_the_source_is_found_out():
    found = of_committee(BOTH, pl.col("source") == "mixed")
    assert found.kinds == ("source",)
    assert "within mixed" in found.sentence


@pytest.mark.parametrize(
    ("plant", "name"), [(other_quality, "the JPEG quantisation tables"), (as_png, "the file format")]
)
def test_a_committee_whose_fakes_are_stored_otherwise_is_found_out(plant, name: str):
    found = of_committee(plant(MIXED), FAKE)
    assert found.kinds == ("container",)
    assert f"most telling: {name}" in found.sentence


@pytest.mark.parametrize("rows", [MIXED, BOTH], ids=["one source", "two sources"])
def test_a_committee_that_recognises_fakes_is_not_accused(rows: pl.DataFrame):
    assert of_committee(rows, FAKE).kinds == ("none",)


def test_the_interval_of_marks_is_of_groups_of_copies():
    """40 test groups of 12 copies each are no better evidence than 40 images."""
    rng = np.random.default_rng(0)
    group = np.arange(1920) // 48  # the test split has every fourth image
    fake = rng.random(40) < 0.5
    marked = np.where(rng.random(40) < 0.9, fake, ~fake)
    rows = files(images=1920).with_columns(
        group=pl.Series(group),
        label=pl.Series(np.where(fake, "fake", "real")[group]),
        quantisation=pl.Series(np.where(marked, "d", "a")[group]),
    )
    probes = byte_probe(rows, "fake", 0)
    test = rows.filter(split="test").join(probes.pooled.scores, on="image_id")
    labels, scores = (test["label"] == "fake").cast(pl.Int64).to_numpy(), test["score"].to_numpy()
    low, high = ranking(labels, scores, test["group"].to_numpy())["auc_interval"]
    assert high - low > 0.1
    found = explain(auc(0.9), {"one": auc(0.9)}, UNKNOWN, probes)
    assert f"AUC {probes.pooled.auc:.3f} (95 % interval {low:.3f} to {high:.3f}) within one" in found.sentence
