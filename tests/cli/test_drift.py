import json

import polars as pl
import pytest
from typer.testing import CliRunner

from facesift.bundle.drift_reference import make_reference
from facesift.cli.main import app
from tests.made_bundle import give_reference
from tests.made_decisions import images


@pytest.fixture
def call(tmp_path, bundle):
    give_reference(bundle, make_reference(images(2_000, 0, fakes=0.05), "fake"))

    def call(stream, *options):
        stream.write_csv(tmp_path / "decisions.csv")
        command = ["drift", str(tmp_path / "decisions.csv"), "--bundle", str(bundle), *options]
        return CliRunner().invoke(app, command)

    return call


@pytest.mark.parametrize(("shift", "status", "state"), [(0.0, 0, "stable"), (2.0, 3, "recalibrate")])
def test_exit_status_and_first_word_say_the_verdict(call, shift, status, state):
    done = call(images(500, 1, shift=shift))
    assert (done.exit_code, done.stdout.split(":")[0]) == (status, state)


def test_four_images_are_too_few_to_call_a_stream_stable(call):
    done = call(images(4, 1))
    assert done.exit_code == 0
    assert done.stdout.startswith("too few images to say: nothing moved beyond chance in 4 images")
    assert "To do: screen more images" in done.stdout


def test_json_is_the_report(call):
    report = json.loads(call(images(500, 1), "--json").stdout)
    assert report["verdict"]["state"] == "stable"
    assert sum(report["columns"]["width"]["counts"]) == 500


def test_a_mistake_is_one_message_and_status_1(call):
    done = call(images(500, 1).drop("sharpness"))
    assert done.exit_code == 1
    assert done.output.startswith("error: the decisions table has no column sharpness")
    assert done.output.count("\n") == 1


def test_advice_is_printed(call):
    assert "To do: find out what changed before the committee" in call(images(500, 1, brightness=250.0)).stdout


def test_61_per_cent_instead_of_87_to_95_are_not_stable(call):
    decided = images(500, 1).with_columns(
        decision=pl.when(pl.int_range(500) < 305).then(pl.lit("real")).otherwise(pl.lit("review"))
    )
    done = call(decided, "--json")
    assert json.loads(done.stdout)["decisions"]["real"]["state"] == "recalibrate"
    assert done.exit_code == 3
