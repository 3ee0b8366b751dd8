"""Tables of decisions that were damaged: every reader uses them as they are, or names them."""

import contextlib

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from facesift.core.errors import FacesiftError
from facesift.core.files import write_parquet
from facesift.review.decisions import find_classes, read_decisions
from facesift.screening.drift import compare_file
from facesift.screening.logged_decision import read_logged
from tests.made_bundle import give_reference
from tests.made_decisions import images
from tests.screening.test_drift import REFERENCE

WRITERS = {
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
    ".parquet": lambda t, p: write_parquet(p, t),
}


@pytest.fixture(scope="module")
def room(exported, tmp_path_factory):
    """A bundle with a reference, and a table of each kind."""
    import shutil

    room = tmp_path_factory.mktemp("room")
    shutil.copytree(exported, room / "bundle")
    give_reference(room / "bundle", REFERENCE)
    table = images(30, 1).with_columns(
        image_id=pl.lit(f"{5:032x}"), image=pl.lit("a.png"), reason=pl.lit(None, pl.String)
    )
    for suffix, write in WRITERS.items():
        write(table, room / f"good{suffix}")
    return room


def changed(data, draw):
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(data)


@pytest.mark.parametrize("suffix", WRITERS)
@settings(max_examples=25)
@given(data=st.data())
def test_any_damage_is_read_or_named(room, suffix, data):
    path = room / f"bad{suffix}"
    path.write_bytes(changed((room / f"good{suffix}").read_bytes(), data.draw))
    with contextlib.suppress(FacesiftError):
        compare_file(room / "bundle", path)
    with contextlib.suppress(FacesiftError):
        find_classes(path, read_decisions(path).table, room / "bundle")
    with contextlib.suppress(FacesiftError):
        read_logged(path, "a.png", find_classes(path, pl.DataFrame({"decision": ["real"]}), room / "bundle"))
