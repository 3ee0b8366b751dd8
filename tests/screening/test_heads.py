"""Heads decide files as the pipeline decided them, without torch, in cascade and in several processes."""

import subprocess
import sys

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from facesift.audit.cross_data_set import predict_with_stacker
from facesift.committee.calibration import Calibrator
from facesift.committee.rules import RULES
from facesift.committee.stacking import load_stacker
from facesift.core.scores import read_scores, read_truth
from facesift.screening.committee import Committee
from tests.made import ROOT
from tests.screening.test_committee import HEAVY

VOTES = ["vote_linear", "vote_hidden", "vote_tokens", "vote_net", "vote_stacker"]


@pytest.fixture(scope="module")
def predicted(head_study):
    """What the pipeline decides by majority about the test images, in the order of their ids."""
    params, sources = head_study.params, head_study.sources
    classes = params.class_names
    scores = read_scores(sources.scores, params.voting, classes)
    stacker = load_stacker(sources.models / "stacker.safetensors", params.voting, classes.names)
    held = {name: table.filter(split="test") for name, table in scores.items()}
    truth = read_truth(sources.split).filter(split="test")
    return predict_with_stacker(truth, held, stacker, classes).calibrated(Calibrator(0.7, -0.3))


def screen(bundle, head_study, runtime="onnx", **options):
    committee = Committee.load(bundle, runtime, threads=1, rule="majority")
    return pl.concat(committee.screen([head_study.sources.raw], 8, 2, **options))


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_files_are_decided_as_in_the_pipeline(headed, head_study, predicted, runtime):
    table = predicted.decisions_table(RULES["majority"])
    found = screen(headed, head_study, runtime)
    assert found["reason"].null_count() == found.height == 54
    found = found.filter(pl.col("image_id").is_in(table["image_id"].to_list())).sort("image_id")
    assert found.select("image_id", "decision", *VOTES).equals(table.select("image_id", "decision", *VOTES))
    np.testing.assert_allclose(found["probability"], predicted.predictions.probability, atol=1e-3)
    assert len({tuple(row) for row in found.select(VOTES).iter_rows()}) > 1  # the members tell images apart


def test_a_cascade_gives_the_same_decisions(headed, head_study):
    whole, early = screen(headed, head_study), screen(headed, head_study, cascade=True)
    assert early["decision"].equals(whole["decision"])
    assert early["vote_net"].null_count() > 0
    for name in VOTES:
        known = early[name].is_not_null()
        assert early.filter(known)[name].equals(whole.filter(known)[name])


def test_images_without_a_face_are_decided_too(headed, head_study):
    found = screen(headed, head_study)
    assert found.filter(pl.col("image").str.ends_with("/00.png"))["decision"].null_count() == 0


def test_no_training_package_is_loaded(headed, head_study):
    code = (
        "import sys; import facesift.cli.screen;"
        "from facesift.screening.committee import Committee;"
        f"next(Committee.load({str(headed)!r}).screen([{str(head_study.sources.raw)!r}]));"
        f"sys.exit(' '.join(name for name in {HEAVY} if name in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_processes_give_the_rows_of_one(headed, head_study):
    from facesift.core.parallel import Workers
    from facesift.images.paths import find_files
    from facesift.screening.distributed import BundleOptions, screen_distributed

    options = BundleOptions(headed, "onnx", "majority", None, 8, cascade=False, stop_early=False)
    workers = Workers(backend="processes", jobs=2, address=None)
    found = pl.concat(screen_distributed(find_files([head_study.sources.raw]), options, workers))
    last_digits = cs.starts_with("probability") | cs.by_name("time")
    assert found.drop(last_digits).equals(screen(headed, head_study).drop(last_digits))


def test_bench_says_that_it_times_pixels_alone(headed):
    from facesift.cli.bench_graphs import bundle_graph
    from facesift.core.errors import FacesiftError

    with pytest.raises(FacesiftError, match=r"has heads on tower, vit, and bench times members that see pixels"):
        bundle_graph(headed)
