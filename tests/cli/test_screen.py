"""`facesift screen` as a user runs it: rows, messages and exit status."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from facesift import __version__
from facesift.bundle.card import read_card
from facesift.cli.screen import ScreenOptions, run_screen
from facesift.core.errors import FacesiftError
from facesift.screening.columns import LOG
from tests.images.test_decoding import noise, stored
from tests.made import ROOT
from tests.made_bundle import change_card


def command(*arguments, **options):
    line = [sys.executable, "-m", "facesift.cli.main", "screen", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **options
    )


def run(exported, output, *paths, **options):
    return run_screen(ScreenOptions([str(path) for path in paths], exported, output, batch_size=4, **options))


@pytest.fixture
def faces(tmp_path):
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for number in range(30):
            archive.writestr(f"{number:02d}.png", stored(noise(30 + number, 40)))
    return tmp_path / "faces.zip"


def test_rows_come_on_the_standard_output_and_the_sum_on_the_other(exported, faces):
    out, err = (process := command(faces, "--bundle", exported)).communicate()
    assert process.returncode == 0
    assert len(pl.read_csv(out.encode())) == 30
    assert err.startswith("30 images: ")
    assert err.endswith(f" (study made, rule unanimous, bundle {exported})\n")
    assert "\x1b" not in err + out


def test_a_bad_image_is_a_row_and_status_2(exported, faces, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    assert run(exported, tmp_path / "out.csv", faces, tmp_path / "bad.jpg") == 2
    assert pl.read_csv(tmp_path / "out.csv")["reason"].to_list() == [None] * 30 + ["empty file"]


def test_two_processes_that_share_the_files_decide_as_one(exported, faces, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    assert run(exported, tmp_path / "one.csv", faces, tmp_path / "bad.jpg", faces, threads=1, no_time=True) == 2
    assert run(exported, tmp_path / "two.csv", faces, tmp_path / "bad.jpg", faces, jobs=2, no_time=True) == 2
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_a_list_of_paths_is_read_from_the_standard_input(exported, faces, tmp_path):
    process = command("-", "--bundle", exported, "--format", "jsonl", stdin=subprocess.PIPE)
    out, _ = process.communicate(f"{faces}\n{tmp_path / 'gone.jpg'}\n")
    assert process.returncode == 2
    assert pl.read_ndjson(out.encode())["image"].to_list()[-1] == str(tmp_path / "gone.jpg")


LISTS = {
    "NUL bytes": ("{0}\0{1}\0", "utf-8", ["-0"]),
    "UTF-16": ("{0}\r\n{1}\r\n", "utf-16", []),
    "mark and CRLF": ("{0}\r\n\r\n{1}", "utf-8-sig", []),
}


@pytest.mark.parametrize("form", LISTS)
def test_a_list_of_paths_is_recognised_in_every_form(exported, faces, tmp_path, form):
    text, encoding, options = LISTS[form]
    (tmp_path / "line\nend.png" if "0" in options else tmp_path / "sélfie 1.png").write_bytes(stored(noise(1, 40)))
    names = sorted(str(path) for path in tmp_path.glob("*.png"))
    (tmp_path / "list").write_bytes(text.format(names[0], faces).encode(encoding))
    with (tmp_path / "list").open("rb") as given:
        out, err = (process := command("-", "--bundle", exported, *options, stdin=given)).communicate()
    assert process.returncode == 0, err
    images = pl.read_csv(out.encode())["image"].to_list()
    assert (images[0], len(images)) == (names[0].replace("\n", "\\x0a"), 31)


def test_a_list_with_nul_bytes_says_which_option_it_needs(exported, faces):
    _, err = (process := command("-", "--bundle", exported, stdin=subprocess.PIPE)).communicate(f"{faces}\0{faces}\0")
    assert (process.returncode, err) == (
        1, "error: the list of paths has NUL bytes, as `find -print0` writes them: add -0\n"
    )  # fmt: skip


@pytest.mark.usefixtures("faces")
def test_rows_that_go_into_the_folder_are_no_images(exported, tmp_path):
    """`facesift screen . > decisions.csv`: the shell has made the table before it is read."""
    for name, output in (("bare.csv", []), ("named.csv", ["--output", "/dev/stdout"])):
        line = [sys.executable, "-m", "facesift.cli.main", "screen", str(tmp_path), "--bundle", str(exported), *output]
        with (tmp_path / name).open("wb") as table:
            done = subprocess.run(line, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=table)
        assert (done.returncode, len(pl.read_csv(tmp_path / name))) == (0, 30)
        (tmp_path / name).unlink()


def test_a_reader_that_goes_ends_the_run_without_a_stack_trace(exported, faces):
    process = command(faces, "--bundle", exported, "--batch-size", "1")
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "stopped: nobody reads the rows any more\n"
    assert process.wait() == 141


def test_a_killed_run_is_continued_to_the_same_table(exported, faces, tmp_path):
    whole, torn = tmp_path / "whole.csv", tmp_path / "torn.csv"
    run(exported, whole, faces, no_time=True)
    source, sink = os.pipe()
    line = ("-", "--bundle", exported, "--output", torn, "--batch-size", "4", "--no-time")
    process = command(*line, stdin=source)
    os.write(sink, f"{faces}\n".encode())  # and no end: it waits for more
    while not torn.exists() or torn.read_bytes().count(b"\n") < 5:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    os.close(sink)
    os.close(source)
    torn.write_bytes(torn.read_bytes()[:-7])
    assert run(exported, torn, faces, resume=True, no_time=True) == 0
    found, expected = pl.read_csv(torn), pl.read_csv(whole)
    said = cs.starts_with("probability")
    assert found.drop(said).equals(expected.drop(said))
    np.testing.assert_allclose(found.select(said), expected.select(said), atol=1e-5)


def test_an_interrupted_run_says_how_to_go_on(exported, faces, tmp_path):
    source, sink = os.pipe()
    process = command("-", "--bundle", exported, "--output", tmp_path / "out.csv", "--batch-size", "1", stdin=source)
    os.write(sink, f"{faces}\n".encode())
    while not (tmp_path / "out.csv").exists() or (tmp_path / "out.csv").read_bytes().count(b"\n") < 5:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    os.close(sink)
    os.close(source)
    assert (process.returncode, "--resume goes on with it" in err, "Traceback" in err) == (130, True, False)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_format_holds_the_same_rows(exported, faces, tmp_path, kind):
    run(exported, tmp_path / "as.csv", faces)
    run(exported, tmp_path / f"out.{kind}", faces)
    reader = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[kind]
    assert reader(tmp_path / f"out.{kind}")["decision"].equals(pl.read_csv(tmp_path / "as.csv")["decision"])


def test_a_point_decides_by_its_thresholds(exported, faces, tmp_path):
    run(exported, tmp_path / "out.csv", faces, point="cost")
    table = pl.read_csv(tmp_path / "out.csv")
    log_odds = (table["probability"] / (1 - table["probability"])).log()
    expected = ["fake" if value >= 0.5 else "real" if value < -1.0 else "review" for value in log_odds]
    assert table["decision"].to_list() == expected


def test_a_table_begun_with_another_rule_is_not_continued(exported, faces, tmp_path):
    run(exported, tmp_path / "out.csv", faces)
    assert "review" in set(pl.read_csv(tmp_path / "out.csv")["decision"])
    with pytest.raises(FacesiftError, match=r"begun with .*: its rule is unanimous, now it would be any_fake"):
        run(exported, tmp_path / "out.csv", faces, resume=True, rule="any_fake")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_begun_with_another_bundle_is_not_continued(exported, bundle, faces, tmp_path, kind):
    """Even if both decide alike: rows of one table must say the same of how they came about."""
    run(exported, tmp_path / f"out.{kind}", faces)
    change_card(bundle, lambda card: card["versions"].update(other="1"))
    before = (tmp_path / f"out.{kind}").read_bytes()
    with pytest.raises(FacesiftError, match=r"its bundle is [0-9a-f]{12}, now it would be [0-9a-f]{12}; name another"):
        run(bundle, tmp_path / f"out.{kind}", faces, resume=True)
    assert (tmp_path / f"out.{kind}").read_bytes() == before


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("point", [None, "cost"])
def test_every_row_says_when_by_what_and_how_it_was_decided(exported, faces, tmp_path, kind, point):
    (tmp_path / "bad.jpg").write_bytes(b"")
    before = datetime.now(UTC).replace(microsecond=0)
    run(exported, tmp_path / f"out.{kind}", faces, tmp_path / "bad.jpg", point=point)
    reader = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}[kind]
    table = reader(tmp_path / f"out.{kind}")
    assert all(before <= datetime.fromisoformat(each) <= datetime.now(UTC) for each in table["time"])
    (log,) = table.select(LOG.names()).drop("time").unique().to_dicts()
    assert log["bundle"] == hashlib.sha256((exported / "bundle.json").read_bytes()).hexdigest()
    assert (log["rule"], log["facesift"]) == ("point:cost" if point else "unanimous", __version__)
    assert log["prevalence"] == pytest.approx(1 / 3, abs=1e-6)  # of the made validation images
    ends = (pytest.approx(1 / (1 + np.e)), pytest.approx(1 / (1 + np.exp(-0.5)))) if point else (None, None)
    assert (log["lo"], log["hi"]) == ends


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_without_the_time_equal_runs_write_equal_bytes(exported, faces, tmp_path, kind):
    for name in ("one", "two"):
        run(exported, tmp_path / f"{name}.{kind}", faces, no_time=True, threads=1)
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_a_table_of_an_older_version_is_refused_by_name(exported, faces, tmp_path):
    run(exported, tmp_path / "new.csv", faces)
    pl.read_csv(tmp_path / "new.csv").drop(LOG.names()).write_csv(tmp_path / "old.csv")
    with pytest.raises(FacesiftError, match=r"old\.csv: written by an older facesift, without the columns time, bundl"):
        run(exported, tmp_path / "old.csv", faces, resume=True)


def test_rows_of_one_voter_are_told_apart_by_its_probability(exported, faces, tmp_path):
    run(exported, tmp_path / "out.csv", faces)
    table = pl.read_csv(tmp_path / "out.csv")
    for voter in ("one", "two", "stacker"):
        said = table[f"probability_{voter}"]
        assert ((said >= 0.5) == (table[f"vote_{voter}"] == "fake")).all()
        assert said.n_unique() > 20


@pytest.mark.usefixtures("faces")
def test_the_table_itself_is_not_screened(exported, tmp_path):
    assert run(exported, tmp_path / "out.csv", tmp_path) == 0
    assert run(exported, tmp_path / "out.csv", tmp_path, resume=True) == 0
    assert len(pl.read_csv(tmp_path / "out.csv")) == 30


def test_bad_images_of_the_first_run_still_count_when_it_is_resumed(exported, faces, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    run(exported, tmp_path / "out.csv", tmp_path / "bad.jpg")
    assert run(exported, tmp_path / "out.csv", tmp_path / "bad.jpg", faces, resume=True) == 2


MISTAKES = {
    "missing path": (["nowhere"], {}, "nowhere: no such file or folder"),
    "empty folder": (["empty"], {}, "empty: no file there to screen"),
    "a NUL list without a list": (["empty"], {"null": True}, "give - as a path"),
    "resume of a device": (["empty"], {"output": Path("/dev/null"), "resume": True}, "/dev/null cannot be resumed"),
    "resume to nowhere": (["empty"], {"output": None, "resume": True}, "give --output FILE"),
    "no bundle": (["empty"], {"bundle": "empty"}, r"bundle\.json: not found"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_leaves_nothing(exported, tmp_path, monkeypatch, mistake):
    paths, options, message = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    asked = {"bundle": exported, "output": tmp_path / "out.csv"} | options
    if isinstance(asked["bundle"], str):
        asked["bundle"] = tmp_path / asked["bundle"]
    with pytest.raises(FacesiftError, match=message):
        run_screen(ScreenOptions(paths, **asked))
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_mistake_is_one_line_and_status_1(exported, tmp_path):
    out, err = (process := command(tmp_path / "nowhere", "--bundle", exported)).communicate()
    assert (process.returncode, out, err) == (1, "", f"error: {tmp_path / 'nowhere'}: no such file or folder\n")


def test_help_names_the_rules_and_the_points_of_the_bundle(exported):
    out, _ = command("--bundle", exported, "--help").communicate()
    said = " ".join(re.sub(r"[│╭╰─╮╯]", " ", out).split())
    card = read_card(exported)
    assert f"{card.rule} (the bundle's own)" in said
    assert f"offers {', '.join(card.points) or 'none'}." in said


def test_help_without_a_bundle_says_so(tmp_path):
    out, _ = command("--bundle", tmp_path, "--help").communicate()
    assert "any_fake, majority, soft, unanimous" in " ".join(re.sub("[│]", " ", out).split())
    assert "No bundle in" in out
