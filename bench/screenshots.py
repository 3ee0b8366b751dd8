"""Take the pictures of the docs anew: `python -m bench.screenshots`, in the embedded study after `dvc repro`.

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
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from PIL import Image

from facesift.config.params import load_params
from facesift.core.errors import FacesiftError
from facesift.review.access_control import Credentials
from facesift.review.app import PageHandlers, make_app
from facesift.review.attribution import AttributionMaps, why_unavailable
from facesift.review.image_handlers import ImageHandlers
from facesift.review.server import ReviewRequest, bind, find_similar, load_state
from facesift.review.study import Study
from workflow.dvc_command import run_script

PICTURES, REPORT = Path("docs/pictures"), Path("report/index.html")
SIZE, PHONE = (1280, 800), (390, 844)
LARGEST = 150_000  # bytes of a picture
PATIENCE = 60  # seconds for a page to show its image


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
def served_review(answers: Path, similar: bool = True) -> Iterator[str]:  # noqa: FBT001, FBT002
    """Serve the review page of the study with answers of its own, and give its address."""
    request = ReviewRequest(Path("data/decisions.parquet"), answers, Path("models/committee"), "anna")
    study = Study.at(Path())
    shown = replace(study, params=study.params.model_copy(update={"review": study.params.review.model_copy(
        update={"similar": similar})}))  # fmt: skip
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


def main() -> None:
    """Take both pictures."""
    if load_params().study != "portraits":
        raise FacesiftError("the docs show drawn faces only: `make study NAME=portraits`, then `dvc repro`")
    with opened_browser() as driver, TemporaryDirectory() as room:
        resize(driver, SIZE)
        driver.get(REPORT.resolve().as_uri())
        save(driver, PICTURES / "report.png")
        with served_review(Path(room)) as address:
            driver.get(address)
            until(driver, "visible && !busy && element('facts').children.length")
            press(driver, "h")
            until(driver, "!element('overlay').hidden")
            save(driver, PICTURES / "review.png")


if __name__ == "__main__":
    run_script(main)
