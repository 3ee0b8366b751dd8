"""Take the pictures of the docs anew: `python -m bench.screenshots`, in the embedded study after `dvc repro`.

The first screen of the report, wide, on a phone and in print; the reviewer's page in all its states.

Needs chromium, chromedriver and selenium. Faces of the embedded study are drawn, so its pictures may be published;
other studies are refused.
"""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from selenium.webdriver.common.keys import Keys

from facesift.cli.screen import ScreenOptions, run_screen
from facesift.config.params import load_params
from facesift.core.errors import FacesiftError
from facesift.images.archives import read_bytes
from facesift.review.access_control import Credentials
from facesift.review.app import PageHandlers, make_app
from facesift.review.attribution import AttributionMaps, why_unavailable
from facesift.review.image_handlers import ImageHandlers
from facesift.review.server import ReviewRequest, bind, find_similar, load_state
from facesift.review.study import Study
from workflow.dvc_command import run_script

PICTURES, REPORT, BUNDLE = Path("docs/pictures"), Path("report/index.html"), Path("models/committee")
SIZE, PHONE, PAPER = (1280, 800), (390, 844), (794, 1123)  # paper: A4 at 96 dots an inch
ROOM = Path(".work/pictures")  # below the current folder, so that the page shows short names
IMAGES = 4  # in the queue of the pictures of all states
LARGEST = 150_000  # bytes of a picture
SEEN = "visible && !busy"  # in JavaScript: an image is on the screen
PATIENCE = 300  # seconds for a page to show its image


@contextmanager
def made_folder(folder: Path) -> Iterator[Path]:
    """Make an empty folder, and remove it in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Open chromium without a window."""
    from selenium.webdriver import Chrome, ChromeOptions  # noqa: PLC0415
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    options = ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"):
        options.add_argument(flag)
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def served_review(decisions: Path, answers: Path) -> Iterator[str]:
    """Serve the review page of some decisions, with the most similar images of the study, and give its address."""
    request = ReviewRequest(decisions, answers, BUNDLE, "anna")
    study = Study.at(Path())
    similar = study.params.review.model_copy(update={"similar": True})
    shown = replace(study, params=study.params.model_copy(update={"review": similar}))
    state, reason = load_state(request), why_unavailable(request.bundle)
    maps = None if reason else AttributionMaps.load(request.bundle)
    listener = bind(0)
    credentials = Credentials(listener.getsockname()[1])
    images = ImageHandlers(state, maps, reason, similar=find_similar(state, shown))
    config = uvicorn.Config(make_app(PageHandlers(credentials, images)), log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield credentials.url
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def resize(driver: Any, size: tuple[int, int]) -> None:
    """Set the size of the page."""
    override = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", override)


def until(driver: Any, condition: str) -> None:
    """Wait until a condition in JavaScript holds."""
    end = time.monotonic() + PATIENCE
    while not driver.execute_script(f"return Boolean({condition})"):
        if time.monotonic() > end:
            raise FacesiftError(f"the page never came to: {condition}")
        time.sleep(0.05)


def press(driver: Any, key: str) -> None:
    """Press a key."""
    driver.switch_to.active_element.send_keys(key)


def save(driver: Any, path: Path) -> None:
    """Write what is on the screen as PNG, with as many colours as fit into `LARGEST` bytes."""
    shot = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 128, 64, 32):
        shot.quantize(colours, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path}: {path.stat().st_size:,} bytes")


def take_report(driver: Any) -> None:
    """Take the first screen of the report: wide, on a phone, in print."""
    driver.get(REPORT.resolve().as_uri())
    for size, name in ((SIZE, "report"), (PHONE, "report-phone"), (PAPER, "report-print")):
        resize(driver, size)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print" if size == PAPER else "screen"})
        driver.execute_script(f"document.body.style.padding = '{'14mm' if size == PAPER else ''}'")  # as on paper
        save(driver, PICTURES / f"{name}.png")
    resize(driver, SIZE)


def take_queue(driver: Any, address: str) -> None:
    """Take the reviewer's page as it opens, with the heat map."""
    driver.get(address)
    until(driver, f"{SEEN} && element('facts').children.length")
    press(driver, "h")
    until(driver, "!element('overlay').hidden")
    save(driver, PICTURES / "review.png")


def take_states(driver: Any, address: str, files: list[Path]) -> None:
    """Take the reviewer's page on a phone, of an answered image, a missing one, an empty filter, and at the end."""
    resize(driver, PHONE)
    load(driver, address)
    until(driver, SEEN)
    save(driver, PICTURES / "review-phone.png")
    resize(driver, SIZE)
    press(driver, "f")
    until(driver, f"{SEEN} && current.position === 1")
    press(driver, Keys.ARROW_LEFT)
    until(driver, f"{SEEN} && current.position === 0 && element('facts').children.length")
    save(driver, PICTURES / "review-answered.png")
    choose(driver, "real")
    until(driver, "!element('end').hidden")
    save(driver, PICTURES / "review-empty.png")
    for file in files:
        file.rename(file.with_suffix(".away"))
    load(driver, address)
    until(driver, "!element('absent').hidden && !busy")
    save(driver, PICTURES / "review-missing.png")
    for file in files:
        file.with_suffix(".away").rename(file)
    load(driver, address)
    for key in "rfr":
        until(driver, SEEN)
        press(driver, key)
        until(driver, f"!busy && (!current || {SEEN})")
    until(driver, "!element('end').hidden")
    save(driver, PICTURES / "review-finished.png")


def load(driver: Any, address: str) -> None:
    """Open a page anew, also where it is open already."""
    driver.get("about:blank")
    driver.get(address)


def choose(driver: Any, name: str) -> None:
    """Choose a filter of the queue."""
    driver.find_element("css selector", f"#filter option[value={name}]").click()


def unpack_doubtful(folder: Path) -> list[Path]:
    """Write some images that the committee sends to a person into a new folder."""
    folder.mkdir()
    study = Study.at(Path())
    doubtful = study.table("decisions.parquet", "summary").filter(decision="review", split="test").select("image_id")
    places = study.table("manifest.parquet", "ingest").join(doubtful, on="image_id").sort("image_id").head(IMAGES)
    files = []
    for number, row in enumerate(places.collect().to_dicts()):
        files.append(folder / f"application-{number + 1}.jpg")
        files[-1].write_bytes(read_bytes(study.raw, row["container"], row["path"]))
    return files


def main() -> None:
    """Take all pictures."""
    if load_params().study != "portraits":
        raise FacesiftError("the docs show drawn faces only: `make study NAME=portraits`, then `dvc repro`")
    with opened_browser() as driver, made_folder(ROOM) as room:
        resize(driver, SIZE)
        take_report(driver)
        with served_review(Path("data/decisions.parquet"), room / "all") as address:
            take_queue(driver, address)
        files = unpack_doubtful(room / "inbox")
        run_screen(ScreenOptions([str(room / "inbox")], BUNDLE, room / "decisions.csv"))
        with served_review(room / "decisions.csv", room / "some") as address:
            take_states(driver, address, files)


if __name__ == "__main__":
    run_script(main)
