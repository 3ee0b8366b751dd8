import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from facesift.audit import probes
from facesift.audit.image_statistics import STATISTICS
from facesift.audit.probes import CONTAINER, ProbeResults, byte_probe, draw, statistics_probe
from facesift.images.decoding import open_image, quantisation_hash
from tests.made_manifest import IMAGES, as_png, files, one_size, other_quality


def probed(rows: pl.DataFrame) -> ProbeResults:
    return byte_probe(rows, "fake", seed=0)


@pytest.mark.parametrize(("plant", "fact"), [(other_quality, "quantisation"), (as_png, "format"), (one_size, "size")])
def test_a_planted_mark_of_the_file_is_found_and_named(plant, fact: str):
    found = probed(plant(files())).pooled
    assert found.auc > 0.95
    assert found.best_fact == fact


def test_jpegs_saved_at_another_quality_are_found():
    rows = []
    rng = np.random.default_rng(0)
    for number in range(120):
        fake = number % 3 == 0
        buffer = io.BytesIO()
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=90 if fake else 85)
        opened = open_image(buffer.getvalue(), 10_000)
        rows.append((str(number), "x", "fake" if fake else "real", ["train", "test"][number % 2], "JPEG", "RGB",
                     1000, 16, 16, quantisation_hash(opened)))  # fmt: skip
    table = pl.DataFrame(rows, list(files().columns), orient="row")
    assert probed(table).pooled.auc == 1


def test_files_that_say_nothing_are_near_chance():
    assert abs(probed(files(images=2000, fakes=0.5)).pooled.auc - 0.5) < 0.08


def test_average_precision_is_at_the_natural_prevalence():
    found = probed(files(images=2000, fakes=0.1)).pooled
    assert found.ap == pytest.approx(found.positives / found.images, abs=0.1)


def test_a_source_is_probed_by_itself():
    rows = pl.concat([other_quality(files(source="marked")), files(source="plain", seed=1)])
    within = probed(rows).within
    assert within["marked"].auc > 0.95
    assert within["plain"].auc < 0.7


def test_a_source_of_one_kind_is_not_probed_by_itself():
    rows = pl.concat([files(source="mixed"), files(source="real", fakes=0, seed=1)])
    assert list(probed(rows).within) == ["mixed"]


def test_within_a_single_source_is_the_same_as_pooled():
    found = probed(files())
    assert found.within == {"one": found.pooled}


def shuffled_test_labels(rows: pl.DataFrame) -> pl.DataFrame:
    test = rows.filter(split="test")
    return pl.concat([rows.filter(split="train"), test.with_columns(label=pl.col("label").reverse())])


@pytest.mark.parametrize("plant", [files, lambda: other_quality(files())])
def test_scores_do_not_depend_on_test_labels(plant):
    one, other = probed(plant()), probed(shuffled_test_labels(plant()))
    assert one.pooled.scores.equals(other.pooled.scores)


def test_scores_are_of_the_test_images_alone():
    rows = files()
    assert probed(rows).pooled.scores["image_id"].to_list() == rows.filter(split="test")["image_id"].sort().to_list()


def test_validation_images_change_nothing():
    rows = files()
    val = other_quality(files(source="more")).with_columns(split=pl.lit("val"))
    assert probed(pl.concat([rows, val])).report() == probed(rows).report()


def test_the_order_of_the_rows_changes_nothing():
    assert probed(files().reverse()).pooled.scores.equals(probed(files()).pooled.scores)


def test_a_format_that_training_lacks_is_no_error():
    rows = files().with_columns(format=pl.when(split="test").then(pl.lit("WEBP")).otherwise("format"))
    assert probed(rows).pooled.auc is not None


def test_every_fact_has_a_figure_by_itself():
    assert set(probed(files()).pooled.facts) == set(CONTAINER)


def test_too_few_training_fakes_are_a_reason_not_a_figure():
    found = probed(files(fakes=0)).pooled
    assert (found.auc, found.reason) == (None, "the training images hold fewer than 5 of a class")


def test_too_few_test_fakes_leave_scores_without_a_figure():
    rows = files().filter((pl.col("split") == "train") | (pl.col("label") == "real"))
    found = probed(rows).pooled
    assert (found.auc, found.reason) == (None, "the test images hold fewer than 5 of a class")
    assert found.scores.height == found.images


def looks(rows: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return rows.with_columns(**{name: pl.Series(rng.normal(size=rows.height)) for name in STATISTICS})


def test_a_planted_look_is_found_and_named():
    rows = looks(files()).with_columns(sharpness=pl.col("sharpness") + 4 * (pl.col("label") == "fake"))
    found = statistics_probe(rows, "fake", 0).pooled
    assert found.auc > 0.9
    assert found.best_fact == "sharpness"


def test_fakes_that_are_all_middling_are_found():
    rows = looks(files(images=2000)).with_columns(pl.col("sharpness") * pl.when(label="fake").then(0.2).otherwise(3))
    assert statistics_probe(rows, "fake", 0).pooled.auc > 0.8


def test_looks_that_say_nothing_are_near_chance():
    assert abs(statistics_probe(looks(files(images=2000, fakes=0.5)), "fake", 0).pooled.auc - 0.5) < 0.1


def test_a_draw_keeps_at_most_so_many_of_each():
    drawn = draw(files(), "label", 50, seed=0)
    assert set(drawn.group_by("label").len()["len"]) == {50}


def test_a_draw_keeps_all_where_there_are_fewer():
    assert draw(files(), "label", 10_000, seed=0).height == IMAGES


def test_a_draw_follows_the_seed():
    assert not draw(files(), "label", 50, seed=0).equals(draw(files(), "label", 50, seed=1))


def test_training_images_are_capped(monkeypatch):
    seen = []
    real = probes._fit
    monkeypatch.setattr(probes, "ROWS", 30)
    monkeypatch.setattr(probes, "_fit", lambda train, *rest: (seen.append(train.height), real(train, *rest))[1])
    probed(files())
    assert set(seen) == {60}
