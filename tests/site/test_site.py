"""The site is built without a warning, all its links lead somewhere, and it loads nothing from the network."""

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.made import ROOT

LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
HINTS = {"canonical", "next", "prev"}  # links that a browser does not load


class Page(HTMLParser):
    """The links of a page, what it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in LOADED and given.get(LOADED[tag]) and not HINTS & set((given.get("rel") or "").split()):
            self.loads.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("zensical", reason="pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "facesift"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "zensical.toml", folder / "zensical.toml")
    command = [Path(sys.executable).with_name("zensical"), "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    built = folder / "build/site"
    return {path: Page(path.read_text(encoding="utf-8")) for path in built.rglob("*.html") if path.name != "404.html"}


def test_every_link_leads_to_a_page_and_an_anchor_that_exist(site):
    broken = []
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            known = target.is_file() and (
                not parts.fragment or target not in site or unquote(parts.fragment) in site[target].anchors
            )
            broken += [] if known else [f"{path.name}: {link}"]
    assert broken == []


def test_no_page_loads_anything_from_the_network(site):
    loaded = {load for page in site.values() for load in page.loads}
    assert {load for load in loaded if urlsplit(load).netloc} == set()


def test_the_api_has_the_docstrings(site):
    (page,) = [page for path, page in site.items() if path.name == "api.html"]
    assert "facesift.screening.committee.Committee.decide" in page.anchors
