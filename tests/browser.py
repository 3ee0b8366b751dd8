"""A page in a real browser at a given width: what it loads, how wide it gets, and its picture."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=3000",
)  # fmt: skip
# The window itself is never narrower than 500 pixels, so the page is held in a frame of the width asked for.
FRAME = """<!DOCTYPE html><body style="margin:0"><pre id="said"></pre>
<iframe style="border:0;width:{width}px;height:2000px" srcdoc="{page}"></iframe>
<script>addEventListener("message", event => {{ document.getElementById("said").textContent = event.data }})</script>"""
PROBE = """<script>addEventListener("load", () => parent.postMessage(JSON.stringify({
  width: document.documentElement.scrollWidth,
  wide: [...document.querySelectorAll("body *")].filter(one => !one.closest(".scroll, svg")
    && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.tagName + "." + one.className),
  loaded: performance.getEntriesByType("resource").map(one => one.name).filter(name => !name.startsWith("data:")),
  broken: [...document.images].filter(one => !one.naturalWidth).length,
  text: document.body.innerText}), "*"))</script>"""


def look(page: str, width: int, room: Path) -> dict:
    """Open the page `width` pixels wide; return its scroll width, elements that stick out, what it loaded, its text."""
    file = room / f"frame{width}.html"
    file.write_text(FRAME.format(width=width, page=html.escape(page.replace("</body>", PROBE + "</body>"))))
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={room / 'profile'}", "--window-size=1400,2000", "--dump-dom"]
    done = subprocess.run([*command, file.as_uri()], text=True, capture_output=True, check=True, timeout=120)
    said = re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(html.unescape(said[1]))
