import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from facesift.audit.explanation import AucEstimate, Explanation, explain, probe_interval, skill_in_doubt
from facesift.audit.probes import ProbeResult, ProbeResults, byte_probe
from facesift.audit.source_probes import source_baseline
from tests.made_manifest import as_png, files, other_quality


def probe(auc: float | None = 0.5, *, positives: int = 80, best_fact: str = "quantisation") -> ProbeResult:
    return ProbeResult(images=1000, positives=positives, auc=auc, facts={best_fact: auc}, best_fact=best_fact)


def probes(pooled: float | None = 0.5, **within: float) -> ProbeResults:
    return ProbeResults(probe(pooled), {source: probe(auc) for source, auc in within.items()})


NOTHING = probes(0.52, rff=0.51)


def test_a_result_that_the_source_explains_is_said_to_be():
    found = explain(AucEstimate(0.951), {"rff": AucEstimate(0.52)}, 0.94, NOTHING)
    assert found.report() == {
        "kind": "source",
        "kinds": ["source"],
        "sentence": (
            "The committee's pooled AUC of 0.951 is explained by the data set an image comes from: knowing only the "
            "source gives 0.940, and within rff, fakes against reals of one source, the committee reaches 0.520."
        ),
    }


@pytest.mark.parametrize(
    "within", [AucEstimate(0.75), AucEstimate(0.94, 0.59, 0.99)], ids=["far below pooled", "interval reaches chance"]
)
def test_a_weak_source_lets_the_source_explain(within: AucEstimate):
    assert explain(AucEstimate(0.951), {"rff": within}, 0.94, NOTHING).kind == "source"


@pytest.mark.parametrize(
    ("pooled", "within", "source"),
    [
        (AucEstimate(0.951), {"rff": AucEstimate(0.52)}, 0.92),
        (AucEstimate(0.951), {"rff": AucEstimate(0.93, 0.9, 0.95)}, 0.95),
        (AucEstimate(0.9), {"rff": AucEstimate(0.9)}, 0.5),
        (AucEstimate(0.9), {}, None),
    ],
    ids=["the source does worse", "skill within the source", "one source", "source unknown"],
)
def test_otherwise_the_source_is_not_blamed(pooled: AucEstimate, within: dict[str, AucEstimate], source: float | None):
    assert explain(pooled, within, source, NOTHING).kind == "none"


def test_skill_in_another_source_makes_it_a_part():
    found = explain(AucEstimate(0.951), {"rff": AucEstimate(0.52), "more": AucEstimate(0.93, 0.9, 0.95)}, 0.94, NOTHING)
    assert found.kind == "source_in_part"
    assert "but within more 0.930 (95 % interval 0.900 to 0.950)" in found.sentence


def test_fakes_and_reals_of_different_sources_cannot_be_told_from_skill():
    found = explain(AucEstimate(0.99), {}, 1.0, NOTHING)
    assert found.kind == "source"
    assert "no source holds fakes and reals" in found.sentence


def test_marks_of_the_file_within_a_source_are_named():
    found = explain(AucEstimate(0.9), {"rff": AucEstimate(0.9)}, 0.5, probes(0.92, rff=0.92))
    assert found.kind == "container"
    assert found.sentence == (
        "The label can be told from file format, size and JPEG tables alone: AUC 0.920 within rff, where the committee "
        "reaches 0.900 (most telling: the JPEG quantisation tables, by itself 0.920)."
    )


def test_glaring_marks_are_named_even_where_the_committee_is_better():
    assert explain(AucEstimate(0.99), {"rff": AucEstimate(0.99)}, 0.5, probes(0.85, rff=0.85)).kind == "container"


def test_marks_that_tell_less_than_the_committee_are_not_blamed():
    assert explain(AucEstimate(0.9), {"rff": AucEstimate(0.9)}, 0.5, probes(0.7, rff=0.7)).kind == "none"


def test_marks_that_only_recognise_the_source_are_not_news():
    assert explain(AucEstimate(0.951), {"rff": AucEstimate(0.52)}, 0.95, probes(0.955, rff=0.51)).kinds == ("source",)


def test_marks_across_sources_of_one_kind_each_are_told_beyond_the_source():
    assert explain(AucEstimate(0.9), {}, 0.6, probes(0.95)).kinds == ("container",)


def test_marks_in_a_few_images_are_no_evidence():
    few = ProbeResults(probe(0.9, positives=4), {"rff": probe(0.9, positives=4)})
    assert explain(AucEstimate(0.9), {"rff": AucEstimate(0.9)}, 0.5, few).kind == "none"


def test_simple_looks_are_named():
    looks = ProbeResults(probe(0.9, best_fact="high_frequency"), {"rff": probe(0.9, best_fact="high_frequency")})
    found = explain(AucEstimate(0.9), {"rff": AucEstimate(0.9)}, 0.5, NOTHING, looks)
    assert found.kind == "statistics"
    assert "brightness, colour and sharpness alone: AUC 0.900 within rff" in found.sentence


def test_several_explanations_are_all_given():
    found = explain(AucEstimate(0.951), {"rff": AucEstimate(0.7)}, 0.94, probes(0.96, rff=0.85))
    assert found.kinds == ("source", "container")


def test_that_nothing_explains_is_not_called_good():
    found = explain(AucEstimate(0.9), {"rff": AucEstimate(0.9)}, 0.5, NOTHING)
    assert found.sentence == (
        "No probe explains the committee's pooled AUC of 0.900; other shortcuts are not ruled out. "
        "Known alone, the source 0.500 and the file 0.520."
    )


def test_where_there_is_no_skill_there_is_nothing_to_explain():
    assert explain(AucEstimate(0.55), {"rff": AucEstimate(0.5)}, 0.6, NOTHING).kind == "chance"


def test_an_unknown_result_is_not_explained():
    assert explain(AucEstimate(None), {}, None, probes(None)).kind == "unknown"


def test_an_unknown_source_is_not_weak():
    assert not skill_in_doubt(0.95, AucEstimate(None))


@given(st.floats(0, 1), st.integers(5, 500))
def test_a_probe_s_interval_holds_its_value(auc: float, positives: int):
    found = probe_interval(probe(auc, positives=positives))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_probe_s_interval_covers_the_true_area():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [60, 240])
    hits = 0
    for _ in range(300):
        auc = roc_auc_score(labels, rng.normal(size=300) + labels)  # the true area is 0.760
        found = probe_interval(ProbeResult(images=300, positives=60, auc=auc))
        hits += found.low <= 0.760 <= found.high
    assert 0.91 < hits / 300 < 0.99


def of_committee(rows: pl.DataFrame, suspects: pl.Expr) -> Explanation:
    """Judge a made committee that suspects these images and is otherwise guessing."""
    train, test = rows.filter(split="train"), rows.filter(split="test")
    guess = pl.Series(np.random.default_rng(5).random(test.height))
    test = test.with_columns(score=suspects.cast(pl.Float64) + guess, fake=pl.col("label") == "fake")

    def auc(part: pl.DataFrame) -> AucEstimate:
        return AucEstimate(float(roc_auc_score(part["fake"], part["score"])))

    within = {"mixed": auc(test.filter(source="mixed"))}
    return explain(auc(test), within, source_baseline(train, test, "fake").auc, byte_probe(rows, "fake", 0))


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
