"""Build the book: `python -m book.build`, or `--pdf` for the chapters as PDF files.

Needs the packages of the extra `book`. What the theme needs from npm is installed when its lockfile
has changed. A warning of the engine, a cell that fails and a claim that changed end the build.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .facts.folders import BOOK, EXECUTED, ROOT, sources
from .live import pack

THEME = BOOK / "theme"
HTML = BOOK / "_build" / "html"
PDF = BOOK / "_build" / "pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ALARMS = ("⚠", "⛔", "Command failed")


class BuildError(Exception):
    """The book cannot be built; the message says what to do."""


def environment() -> dict[str, str]:
    """The programs beside this interpreter first, Node among them, and Jupyter's settings."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "JUPYTER_CONFIG_DIR": str(BOOK / "jupyter")}


def install(folder: Path) -> None:
    """Install the npm packages that a folder's lockfile names, unless they are installed."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".made-from"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"==> Installing what {folder.relative_to(ROOT)} needs from npm ...", flush=True)
    _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    stamp.write_text(wanted)


def build() -> None:
    """Write the facts, execute the pages, and render them."""
    install(THEME)
    install(pack.HERE)
    print("==> Packing the library for the live checker ...", flush=True)
    pack.pack(_run)
    print("==> Settling the claims and writing the facts ...", flush=True)
    _run([sys.executable, "-m", "book.facts"], ROOT)
    # Pages are executed in a run of their own: one that renders too leaves a Jupyter server behind.
    print("==> Executing and rendering the pages ...", flush=True)
    pages = hashlib.sha256(b"\0".join(page.read_bytes() for page in sources())).hexdigest()
    stamp = EXECUTED / ".made-from"
    if not stamp.is_file() or stamp.read_text() != pages:
        _engine("--site")
        stamp.write_text(pages)
    _engine("--html")
    pack.publish(HTML / "assets" / "live")
    missing = [p.stem for p in sources() if not (HTML / f"{p.stem}.html").is_file()]
    if missing:
        raise BuildError(f"the engine did not write {', '.join(missing)}; see above")


def _engine(kind: str) -> None:
    """Run the engine; BuildError shows what it said where it failed or warned."""
    done = subprocess.run(
        ["jupyter-book", "build", kind, "--execute", "--strict"],
        cwd=BOOK,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode or any(alarm in done.stdout for alarm in ALARMS):
        said = [line for line in done.stdout.splitlines() if "📖" not in line]
        raise BuildError("\n".join([*said, f"jupyter-book build {kind} failed or warned"]))


def _run(words: list[str], folder: Path) -> None:
    try:
        subprocess.run(words, cwd=folder, env=environment(), check=True)
    except FileNotFoundError:
        raise BuildError(f"{words[0]} is not installed; make book brings it") from None
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{' '.join(words)} ended with {error.returncode}; see above") from None


def browser() -> str:
    """The path of a Chromium; BuildError says how to get one."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise BuildError("no Chromium was found; on Debian: apt-get install chromium")
    return found


def print_chapters() -> None:
    """Print every page that people write to PDF."""
    shutil.rmtree(PDF, ignore_errors=True)
    PDF.mkdir(parents=True)
    for page in sources():
        source, target = HTML / f"{page.stem}.html", PDF / f"{page.stem}.pdf"
        with tempfile.TemporaryDirectory() as profile:
            words = [browser(), "--headless", "--no-sandbox", "--disable-gpu"]
            words += [f"--user-data-dir={profile}", "--no-pdf-header-footer"]
            words += [f"--print-to-pdf={target}", source.as_uri()]
            subprocess.run(words, check=True, capture_output=True)


def main() -> int:
    """The exit code."""
    try:
        build()
        if "--pdf" in sys.argv[1:]:
            print_chapters()
            print(f"==> The chapters are in {PDF.relative_to(ROOT)}.")
    except BuildError as error:
        print(f"==> {error}", file=sys.stderr)
        return 1
    print(f"==> The book is in {HTML.relative_to(ROOT)}. To look at it:")
    print(f"    {Path(sys.executable).name} -m http.server -d {HTML.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
