"""What the tests of the book share: the built pages, and a browser that looks at them.

`python -m tests.book_site` makes pictures of one page of each type, for people to look at.
"""

import functools
import http.server
import itertools
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
TOOLS = ROOT / "tests" / "site_tools"
HTML = BOOK / "_build" / "html"
CONTENT = BOOK / "_build" / "site" / "content"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# One page of each type.
TYPES = {
    "chapter with a proof": "deciding-equality",
    "chapter with figures": "dynamical-systems",
    "chapter with claims": "index",
    "chapter with sliders": "attention",
    "chapter with laws": "spectra-and-memory",
    "list of mistakes": "where-the-paper-slips",
    "overview": "catalogue/index",
    "layer": "catalogue/gated-deltanet",
    "layer without a state": "catalogue/softmax-attention",
    "list of claims": "reference/claims",
    "claims": "reference/claims/normalisation",
    "commands": "reference/commands",
    "bibliography": "reference/bibliography",
}


def built(folder):
    """Build the book once a run, whichever process of it comes first."""
    with FileLock(folder / "book.lock"):
        done = folder / "book.done"
        if not done.exists():
            run = subprocess.run(
                [sys.executable, "-m", "book.build"], cwd=ROOT, capture_output=True, text=True
            )
            done.write_text(json.dumps([run.returncode, run.stdout + run.stderr]))
        code, said = json.loads(done.read_text())
    if code:
        pytest.fail(f"the book does not build:\n{said[-4000:]}", pytrace=False)
    return HTML


def shared_folder(factory):
    """The temporary folder that the processes of a run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def pages():
    """The built pages by name."""
    return {p.relative_to(HTML).with_suffix("").as_posix(): p for p in HTML.rglob("*.html")}


@contextmanager
def served(folder):
    """The address of a local server of the folder, under a path of its own."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def translate_path(self, path):
            return super().translate_path(path.removeprefix("/some/place"))

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/some/place"
        server.shutdown()


def chromium_path():
    """Where Chromium is; without one the test fails and says what to install."""
    from book.build import BuildError, browser

    try:
        return browser()
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)


def site_tools(folder):
    """What judges the site, from npm, installed once a run: the Nu checker, Lighthouse, axe."""
    from book.build import install

    with FileLock(folder / "tools.lock"):
        install(TOOLS)
    return TOOLS / "node_modules"


def watch(page, inside):
    """What the page will say on the console as an error, and ask of addresses not inside one."""
    said, outside = [], []

    def asked(request):
        if not request.url.startswith((inside, "data:", "blob:")):
            outside.append(request.url)

    page.on("console", lambda message: said.append(message.text) if message.type == "error" else 0)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", asked)
    return said, outside


def violations(page, tools):
    """What axe finds in the page, as (rule, element)."""
    page.evaluate((tools / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document)")["violations"]
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found]


@contextmanager
def chromium():
    """Debian's Chromium, driven."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, headless=True, args=OPTIONS)
        try:
            yield started
        finally:
            started.close()


def take_pictures(folder):
    """A picture of one page of each type, at desktop and phone width, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    with served(HTML) as base, chromium() as browser:
        for width, colours in itertools.product((1280, 390), ("light", "dark")):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=colours
            )
            page = context.new_page()
            for name in (*TYPES.values(), "live-checker"):
                page.goto(f"{base}/{name}.html", wait_until="networkidle")
                shown = f"{name.replace('/', '-')}-{width}-{colours}.png"
                page.screenshot(path=folder / shown, full_page=True)
            context.close()
    print(f"The pictures are in {folder}.")


if __name__ == "__main__":
    take_pictures(BOOK / "_build" / "pictures")
