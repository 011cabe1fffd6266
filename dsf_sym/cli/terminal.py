"""What a terminal can show: width, colour, errors, and a line of progress."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from ..rendering.report import Paint

WIDEST, NARROWEST = 80, 40
COLOURS = {"proved": "green", "conditional": "yellow", "refuted": "red", "undecided": "magenta"}
PATIENCE = 2.0


def width() -> int:
    """Columns to write in: those of the terminal, 80 at most."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def colourful(stream: TextIO) -> bool:
    """Whether the stream is a terminal that shows colour and nobody asked for none."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "") in ("dumb", "unknown")
    return stream.isatty() and not plain


def painter(stream: TextIO | None = None) -> Paint:
    """What colours the text of a verdict by its status, or leaves it as it is."""
    on = colourful(stream or sys.stdout)

    def paint(text: str, role: str) -> str:
        return click.style(text, fg=COLOURS.get(role), bold=True) if on else text

    return paint


def error_text(message: str) -> str:
    """`error: message`, long lines wrapped; a line that a caret points into is cut around it."""
    from ..rendering.report import HARD, wrap

    lines: list[str] = []
    given = f"error:{HARD}{message}".split("\n")
    for i, line in enumerate(given):
        following = given[i + 1] if i + 1 < len(given) else ""
        if set(line.strip()) == {"^"} and i:
            continue
        if set(following.strip()) == {"^"}:
            lines += _around(line, following.index("^"))
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += wrap(line.strip(), width(), first=indent, rest=f"{indent}  ")
    return "\n".join(lines)


def _around(line: str, at: int) -> list[str]:
    room = width() - 2
    if len(line) <= room:
        return [line, f"{' ' * at}^"]
    start = min(max(0, at - room // 2), max(0, len(line) - room))
    return [f"  {line[start : start + room]}", f"{' ' * (at - start + 2)}^"]


class Progress:
    """A line on stderr, where that is a terminal, for what takes longer than two seconds.

    Where there are no threads to wait in, as in a browser, every change of the label is written.
    """

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = stream or sys.stderr
        self._done = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._threadless = self._shown = False

    @property
    def label(self) -> str:
        """What is being done."""
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        self._label = label
        if self._threadless:
            self._show(label)

    def say(self, text: str) -> None:
        """Print text on stdout, the line out of its way."""
        with self._writing:
            self._clear()
            click.echo(text)

    def __enter__(self) -> Progress:
        if self._stream.isatty() and os.environ.get("TERM") != "dumb":
            thread = threading.Thread(target=self._watch, daemon=True)
            try:
                thread.start()
                self._thread = thread
            except RuntimeError:
                self._threadless = True
                self._show(self._label)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        self._clear()

    def _watch(self) -> None:
        began = time.monotonic()
        wait = PATIENCE
        while not self._done.wait(wait):
            wait = 0.5
            with self._writing:
                self._show(f"{self.label}, {time.monotonic() - began:.0f} s")

    def _show(self, line: str) -> None:
        self._shown = True
        self._stream.write(f"\r{line[: width() - 1]:<{width() - 1}}")
        self._stream.flush()

    def _clear(self) -> None:
        if self._shown:
            self._stream.write(f"\r{' ' * (width() - 1)}\r")
            self._stream.flush()
        self._shown = False
