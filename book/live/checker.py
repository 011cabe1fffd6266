"""`dsf` inside the page: the reader's file and command run here; what is printed goes to the page.

Runs in the browser's Python, in a worker of the page. The worker calls `commands` and `run`.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from dsf_sym.cli import run as run_command

# The commands that need neither further processes nor compilers.
COMMANDS = ("check", "compare", "conditions", "explain", "list", "minimal", "relations", "show")
BAD_INPUT = 2

Show = Callable[[str], object]


class Screen(io.TextIOBase):
    """A terminal whose other side is the page."""

    def __init__(self, show: Show) -> None:
        self._show = show

    def isatty(self) -> bool:
        """Colours and progress are wanted."""
        return True

    def write(self, text: str) -> int:
        """Show the text at once; TypeError for bytes, by which click knows a stream of text."""
        if not isinstance(text, str):
            raise TypeError("a screen shows text")
        self._show(text)
        return len(text)


def run(file: str, text: str, command: str, columns: int, out: Show, err: Show) -> int:
    """Run `dsf COMMAND` beside a file with that text; the exit code of the command.

    columns: the width to write in. out, err: told what is printed on stdout and stderr.
    """
    os.environ["COLUMNS"] = str(columns)
    with TemporaryDirectory() as made:
        # The reader's file has a name; the folder that it is put into for a run has none.
        folder = Path(made).resolve()

        def named(show: Show) -> Screen:
            return Screen(lambda text: show(text.replace(f"{folder}{os.sep}", "")))

        with redirect_stdout(named(out)), redirect_stderr(named(err)), chdir(folder):
            return _run(file, text, command)


def _run(file: str, text: str, command: str) -> int:
    """The same in the folder where the file is to be."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        return _refuse(f"{command}: {error}")
    if words[:1] == ["dsf"]:
        words = words[1:]
    if not words or words[0] not in COMMANDS:
        return _refuse(f"on this page run dsf with one of {', '.join(COMMANDS)}")
    if Path(file).name != file or Path(file).suffix != ".py":
        return _refuse(f"{file!r}: name the file NAME.py")
    Path(file).write_text(text, encoding="utf-8")
    return run_command(words)


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return BAD_INPUT


def layers() -> list[tuple[str, str, str, bool]]:
    """The catalogue: name, file, text of the file, and whether other layers are in the file too."""
    from dsf_sym import catalogue

    found = catalogue()
    sources = [layer.source for layer in found.values()]
    return [
        (
            name,
            Path(x.source).name,
            Path(x.source).read_text(encoding="utf-8"),
            sources.count(x.source) > 1,
        )
        for name, x in found.items()
    ]
