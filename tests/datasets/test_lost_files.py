import polars as pl
import pytest

from facesift.config.data import Ingest
from facesift.core.errors import FacesiftError
from facesift.datasets.lost_files import check_losses, count_losses, reason_kind, report_losses, tell_losses
from facesift.datasets.manifest import QUARANTINE

HALF = Ingest(formats=["PNG"], max_bad_fraction=0.5, max_unmatched=0, max_pixels=10_000, max_bytes=100_000)


def bad_files(number: int, label: str | None = "fake", reason: str = "empty file") -> pl.DataFrame:
    rows = [("made", label, ".", f"{label}{n}.jpg", reason) for n in range(number)]
    return pl.DataFrame(rows, QUARANTINE, orient="row")


def check(quarantine: pl.DataFrame, files: dict[str, int], limits: Ingest = HALF) -> None:
    check_losses(count_losses(quarantine, files), quarantine, limits)


def test_as_many_bad_files_as_allowed_are_no_error():
    check(bad_files(50), {"fake": 100, "real": 10})


def test_too_many_bad_files_stop_with_counts_and_the_first_five():
    with pytest.raises(FacesiftError, match=r"51 of 100 fake files are bad \(51 empty file\).*0\.5") as caught:
        check(bad_files(51), {"fake": 100})
    assert str(caught.value).count(".jpg: empty file") == 5


def test_many_good_files_of_one_class_do_not_hide_the_bad_ones_of_another():
    with pytest.raises(FacesiftError, match="4 of 8 fake files are bad"):
        check(bad_files(4), {"fake": 8, "real": 400}, HALF.model_copy(update={"max_bad_fraction": 0.01}))


def test_only_files_of_classes_that_lose_too_much_are_quoted():
    with pytest.raises(FacesiftError) as caught:
        check(pl.concat([bad_files(1, "real"), bad_files(6)]), {"fake": 8, "real": 400})
    assert ":real0.jpg" not in str(caught.value)


def test_files_without_a_label_are_a_class_of_their_own():
    with pytest.raises(FacesiftError, match="2 of 3 unlabelled files are bad"):
        check(bad_files(2, None), {"unlabelled": 3, "real": 400})


def test_the_report_has_shares_and_reasons_of_each_class():
    lost = pl.concat([bad_files(2), bad_files(1, reason="damaged image: broken data stream")])
    assert report_losses(count_losses(lost, {"fake": 8, "real": 4})) == {
        "fake": {
            "files": 8, "lost": 3, "share": 0.375, "reasons": {"damaged image": 1, "empty file": 2},
            "first": [".:fake0.jpg", ".:fake1.jpg", ".:fake0.jpg"],
        },
        "real": {"files": 4, "lost": 0, "share": 0.0, "reasons": {}, "first": []},
    }  # fmt: skip


def test_a_class_with_losses_is_told_in_a_line():
    assert tell_losses(count_losses(bad_files(2), {"fake": 8, "real": 4})) == [
        "fake: 2 of 8 files left out (25.00 %): 2 empty file; .:fake0.jpg, .:fake1.jpg"
    ]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("the same bytes are labelled real at a.zip:b.jpg", "the same bytes are labelled real"),
        ("5000000 bytes, more than 100", "too many bytes"),
        ("empty file", "empty file"),
    ],
)
def test_a_kind_of_reason_names_no_file_and_no_number(reason: str, kind: str):
    assert reason_kind(reason) == kind
