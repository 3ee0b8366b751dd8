"""The page: one file, safe against what stands in file names, readable on a desk and on a phone."""

import re
import shutil

import pytest

from facesift.report.charts import Axis, Curve, lines
from facesift.report.formatting import share
from facesift.report.page import Chart, Gallery, Notice, Page, PageSection, Picture, Table, render
from tests.browser import CHROMIUM, look
from tests.review.driver import Browser

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs="
WIDE = Table(["name", *("a heading" for _ in range(12))], [["row", *("12.3 % (4-20; 1/8)" for _ in range(12))]], "wide")
HOSTILE = "<script>document.title='x'</script>"


def chart():
    return lines([Curve([0, 1], [0, 1])], Axis("recall"), Axis("precision"), diagonal=True)


def page():
    pictures = [Picture(PIXEL, f"a_very_long_file_name_{number}_{'x' * 60}.jpg") for number in range(9)]
    sections = [
        PageSection("Figures", ["some text"], [WIDE], [Chart(chart(), "a curve", ["one"])]),
        PageSection("Examples", galleries=[Gallery(HOSTILE, pictures)]),
        PageSection("Hashes", tables=[Table(["what", "hash"], [["code", "0" * 64]])], details=True),
    ]
    return render(Page("a study", "The headline.", [Notice("warning", "Mind this.")], sections))


def test_the_same_page_has_the_same_bytes():
    assert page() == page()


def test_text_is_escaped():
    assert HOSTILE not in page()


def test_nothing_points_outside():
    outside = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:|#)([^"')\s>]+)""", page())
    assert outside == []


def test_charts_carry_no_date():
    assert not re.search(r"<dc:date>|20\d\d-\d\d-\d\d", chart())


def test_a_legend_hides_the_series_of_its_chart():
    assert 'class="series-0"' in chart()
    assert 'data-series="0"' in page()


def test_intervals_of_a_curve_are_drawn():
    plain, barred = (lines([Curve([0, 1], [0, 1], *ends)], Axis("x"), Axis("y")) for ends in ((), ([0, 0.5], [0.5, 1])))
    assert (plain.count('class="series-0"'), barred.count('class="series-0"')) == (1, 2)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390])
def test_page_fits_the_screen_and_loads_nothing(width, tmp_path):
    seen = look(page(), width, tmp_path)
    assert (seen["width"], seen["wide"], seen["loaded"], seen["broken"]) == (width, [], [], 0)
    assert "The headline." in seen["text"]


def test_the_list_of_contents_points_to_every_section():
    told = page()
    anchors = re.findall(r'<li><a href="#([a-z-]+)">', told)
    assert anchors == ["figures", "examples", "hashes"]
    assert all(f'id="{anchor}"' in told for anchor in anchors)


def test_sections_stand_under_their_reader():
    sections = [PageSection("Nets", reader="engineer"), PageSection("Money", reader="board")]
    told = render(Page("a study", "The headline.", (), sections))
    assert told.index("For the board") < told.index("Money") < told.index("For the engineer") < told.index("Nets")


def test_a_cell_names_its_column_for_narrow_screens():
    assert page().count('data-label="a heading"') == 12


def test_an_interval_is_drawn_below_its_figure():
    row = ["row", share(0.5, (0.25, 0.75), 1, 2), "no share"]
    told = render(Page("a study", "", (), [PageSection("Figures", tables=[Table(["", "recall", "x"], [row])])]))
    assert 'left:25.0%;right:25.0%"></i><b style="left:50.0%"' in told
    assert told.count('class="bar"') == 1


def test_terms_are_explained_where_they_stand():
    told = render(
        Page("a study", "", (), [PageSection("Figures", tables=[Table(["rule", "BPCER"], [["soft", "1 %"]])])])
    )
    assert "Share of the reals that are called fake" in told
    assert "Decides by the mean" in told
    assert "Area under the ROC curve" not in told


@pytest.mark.skipif(CHROMIUM is None or shutil.which("chromedriver") is None, reason="no chromium on this machine")
def test_axe_finds_nothing_against_wcag_22_aa(tmp_path):
    pytest.importorskip("selenium")
    (tmp_path / "page.html").write_text(page())
    browser = Browser(tmp_path / "profile")
    browser.driver.get((tmp_path / "page.html").as_uri())
    found = browser.axe()
    browser.driver.quit()
    assert found == []
