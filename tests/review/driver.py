"""A real browser, worked with real keys."""

import shutil
import time
from pathlib import Path

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
AXE = Path(__file__).parent / "axe/axe.min.js"  # axe-core 4.14.1, MPL-2.0
PATIENCE = 60  # seconds; the first map imports torch


class Browser:
    def __init__(self, room):
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service

        options = ChromeOptions()
        options.binary_location = CHROMIUM
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in (*FLAGS, f"--user-data-dir={room}"):
            options.add_argument(flag)
        self.driver = Chrome(options=options, service=Service(DRIVER))

    def open(self, page, width=1280):
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get("about:blank")
        self.driver.get(page.credentials.url)
        self.until_seen()

    def press(self, keys):
        self.driver.switch_to.active_element.send_keys(keys)

    def text(self, name):
        return self.driver.find_element("id", name).text

    def run(self, script):
        return self.driver.execute_script(f"return {script}")

    def axe(self):
        """What axe-core finds against WCAG 2.2 AA: a rule and a place each."""
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        run = "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        script = f"const done = arguments[0]; {run}.then(({{violations}}) => done(violations))"
        found = self.driver.execute_async_script(script)
        return [(each["id"], node["html"]) for each in found for node in each["nodes"]]

    def until(self, done, what):
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, f"{what}; the page says {self.text('message')!r}"
            time.sleep(0.02)

    def until_seen(self, image_id=None):
        wanted = f"current?.image_id === {image_id!r}" if image_id else "current !== null"
        self.until(lambda: self.run(f"!busy && visible && {wanted}"), f"image {image_id} is not shown")
