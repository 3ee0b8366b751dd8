"""The model card and the data card of a bundle, for people: the figures of the study, in short pages."""

import json
import shutil
from dataclasses import replace

import polars as pl
import pytest

from facesift.bundle.card import bundle_hash
from facesift.bundle.data_card import count_images, data_card
from facesift.bundle.decision_words import RULE_WORDS
from facesift.bundle.model_card import model_card
from facesift.committee.rules import RULES
from facesift.core.errors import FacesiftError
from facesift.core.files import read_json, write_json
from facesift.evaluation.study_facts import (
    division,
    kept_together,
    left_out,
    members_see,
    stacker_fit,
    thresholds_fit,
)
from facesift.report import cards
from facesift.screening.committee import Committee
from tests.made_config import parse_params

PAGES = ("MODEL_CARD.md", "DATA_CARD.md")


def test_every_rule_has_its_words():
    assert set(RULE_WORDS) == set(RULES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_listed_with_its_hash_so_a_changed_one_is_refused(exported, bundle, page):
    assert page in json.loads((exported / "bundle.json").read_text())["files"]
    (bundle / page).write_bytes((bundle / page).read_bytes().replace(b"card", b"Card", 1))
    with pytest.raises(FacesiftError, match=rf"{page}: damaged or foreign"):
        Committee.load(bundle)


def test_the_model_card_has_the_figures_of_the_card_with_their_intervals(exported):
    """Counts of the made study: of 10 fakes 4 decided fake, 3 real, 3 for a person; 2 of 30 others decided fake."""
    text = (exported / "MODEL_CARD.md").read_text()
    assert "| rule unanimous | 70.0 % (34.8 to 93.3) | 57.1 % (18.4 to 90.1) | 66.7 % (22.3 to 95.7) | 27.5 %" in text
    assert "| `cost` | real below 0.2689, fake from 0.6225 on, otherwise a person decides (review) |" in text
    assert "It holds where 33.3 % (1 in 3) of the images are `fake`." in " ".join(text.split())
    assert "Rule in force, `unanimous`: the class that all voters vote for" in text
    assert "| 1,000 | 0.6 (" in text  # precision at one fake in 1,000: 0.4 / (0.4 + 999 * 2 / 30)
    assert "## Not for" in text


def figures_of(study):
    return [read_json(study.sources.figures / f"{name}.json") for name in ("ingest", "split")]


def words(lines):
    return " ".join(" ".join(lines).split())


def test_the_pages_of_the_bundle_and_the_report_say_the_same_of_a_study(exported, study):
    """A split of the data's own, a stacker fitted on training images, and groups that the user named."""
    tree = study.params.model_dump(mode="json")
    tree["stack"]["fit_on"] = "train_plan"
    tree["split"]["predefined"] = True
    tree["data"]["sources"]["made"]["group"] = {"by": "folder"}
    params = parse_params(tree)
    card, counts = Committee.load(exported).card, count_images(study.sources.split)
    ingest, split = figures_of(study)
    model = words(model_card(card, params, counts, read_json(study.sources.metrics / "operating.json")))
    data = words(data_card(card, params, counts, ingest, split))
    told = words(cards.model_card(params).text), words(cards.data_card(ingest, split, params).text)
    for pages, fact in (
        ((model, data, told[0]), stacker_fit(params)),
        ((model, data, told[0]), thresholds_fit(params)),
        ((data, told[1]), division(params)),
        *(((data, told[1]), each) for each in kept_together(params, split)),
        *(((data, told[1]), each) for each in left_out(params, ingest, split)),
        ((data, told[1]), members_see(params.data)),
    ):
        assert all(fact in page for page in pages), fact


def test_the_data_card_has_the_counts_of_every_source_and_class(exported, study):
    text = (exported / "DATA_CARD.md").read_text()
    split = pl.read_parquet(study.sources.split)
    for label in ("real", "fake"):
        val, test = (split.filter(label=label, split=name).height for name in ("val", "test"))
        assert f"| made | {label} | 0 | {val} | {test} | {val + test} |" in text
    assert "Files that could not be used: 2" in text
    assert "| fake | 41 | 1 | 2.44 % | 1 empty file |" in text
    split_hash = json.loads((exported / "bundle.json").read_text())["inputs"]["split"]
    assert f"SHA-256 of the table of the split: `{split_hash}`" in text


def test_pages_stay_short_whatever_the_number_of_sources_and_members(exported, study):
    committee = Committee.load(exported)
    many = [f"source{number}" for number in range(200)]
    counts = pl.DataFrame({"source": many, "label": "fake", "train": 5, "val": 1, "test": 1})
    card = committee.card.model_copy(update={"members": committee.card.members * 50})
    operating = read_json(study.sources.metrics / "operating.json")
    ingest, split = figures_of(study)
    for lines in (
        model_card(card, study.params, counts, operating),
        data_card(card, study.params, counts, ingest, split),
        data_card(card, study.params, counts, {name: each for name, each in ingest.items() if name != "losses"}, split),
    ):
        assert len(lines) < 100
        assert any(line.startswith("| and ") and "more" in line for line in lines)


def test_a_point_that_is_not_offered_is_told_with_its_reason(exported, study):
    operating = read_json(study.sources.metrics / "operating.json")
    operating["not_offered"] = {"target_recall": {"why": "it sends 99 % to a person."}}
    card = Committee.load(exported).card.model_copy(update={"points": {}})
    counts = pl.DataFrame({"source": ["made"], "label": "fake", "train": 5, "val": 1, "test": 1})
    lines = model_card(card, study.params, counts, operating)
    assert "`target_recall` is not offered: it sends 99 % to a person." in lines
    assert "none." in lines


def test_the_hash_of_a_bundle_is_that_of_its_card_which_lists_all_files(exported, bundle):
    assert bundle_hash(bundle) == bundle_hash(exported)
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert files == {*json.loads((bundle / "bundle.json").read_text())["files"], "bundle.json"}
    assert Committee.load(bundle).bundle == bundle_hash(bundle)


def export_calibrated(study, room, **calibration):
    """Export a bundle with another calibration; return its folder."""
    models = shutil.copytree(study.sources.models, room / "models")
    path = models / "calibration.json"
    write_json(path, read_json(path, sealed=True) | calibration, sealed=True)
    replace(study, sources=replace(study.sources, models=models)).export(room / "bundle")
    return room / "bundle"


def test_the_prevalence_is_that_of_the_calibration(study, tmp_path):
    assert Committee.load(export_calibrated(study, tmp_path, prevalence=0.001)).prevalence == 0.001


def test_a_temperature_knows_no_share_and_the_model_card_says_so(study, tmp_path):
    bundle = export_calibrated(study, tmp_path, method="temperature", bias=0.0, prevalence=None)
    text = " ".join((bundle / "MODEL_CARD.md").read_text().split())
    assert "It holds at no known share of `fake`; `calibration.method: platt` knows one." in text
    assert "--prevalence" not in text
    assert Committee.load(bundle).prevalence is None
    with pytest.raises(FacesiftError, match="calibrated by temperature, which knows no share"):
        Committee.load(bundle, prevalence=0.001)
