"""`facesift verify` names what is damaged, without DVC."""

import pytest
from typer.testing import CliRunner

from facesift.bundle.card import bundle_hash
from facesift.cli.main import app
from facesift.core.checksum_file import write_checksum


def call(*paths):
    done = CliRunner().invoke(app, ["verify", *map(str, paths)])
    return done.exit_code, done.output


def test_a_whole_bundle_is_named_with_its_hash(exported):
    code, said = call(exported)
    assert code == 0
    assert f"bundle {bundle_hash(exported)} of study made" in said
    assert said.endswith("1 good, 0 not\n")


@pytest.mark.parametrize("name", ["bundle.json", "reference.json", "committee.onnx", "members/one.safetensors"])
def test_a_damaged_file_of_a_bundle_is_named(bundle, name):
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    code, said = call(bundle)
    assert code == 1
    assert name in said
    assert "damaged" in said or "not valid" in said


def test_tables_shards_and_answers_are_read(study, tmp_path):
    (tmp_path / "anna.csv").write_text("nonsense\n")
    code, said = call(study.sources.split, study.sources.shards / "test", tmp_path / "anna.csv", tmp_path / "gone.txt")
    assert code == 1
    assert said.endswith("2 good, 2 not\n")
    assert "anna.csv: not a file of answers" in said
    assert "gone.txt: not there" in said


def test_a_table_of_decisions_is_held_against_the_checksum_beside_it(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("image,decision\na.jpg,real\n")
    write_checksum(path)
    assert call(path) == (0, f"{path}: table of decisions\n1 good, 0 not\n")
    path.write_text("image,decision\na.jpg,fake\n")
    code, said = call(path)
    assert code == 1
    assert f"error: {path}: damaged or changed" in said
