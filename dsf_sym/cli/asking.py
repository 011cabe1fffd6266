"""What `dsf check` and `dsf relations` share: how pairs are asked about, and notes on the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .common import json_option, read_sizes, sizes_option, timeout_option
from .terminal import Progress, width

if TYPE_CHECKING:
    from ..relating import Ask

F = TypeVar("F", bound=Callable[..., Any])


def ask_options(command: F) -> F:
    """`--equal-only`, sizes and limits, `--processes`, `--no-cache`, `--recheck`, `--json`."""
    options = [
        click.option("--equal-only", is_flag=True, help="Ask for equality, not for containment."),
        sizes_option,
        timeout_option,
        click.option(
            "--processes",
            type=click.IntRange(min=1),
            metavar="NUMBER",
            help="Decide in this many processes; one for each processor by default.",
        ),
        click.option("--no-cache", is_flag=True, help="Decide all anew, and keep no answer."),
        click.option(
            "--recheck",
            is_flag=True,
            help="Verify the certificates of kept answers; decide anew where there is none.",
        ),
        json_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_ask(
    *, sizes_text: str, equal_only: bool, timeout: float | None, no_cache: bool, recheck: bool
) -> Ask:
    """How pairs are asked about, from the options; a usage error where they contradict."""
    if no_cache and recheck:
        raise click.UsageError("--recheck is about kept answers, and --no-cache takes none")
    # The library is hashed before more of it is loaded: what decides is then what was hashed.
    from ..caching import Cache

    cache = None if no_cache else Cache(recheck=recheck)
    from ..relating import Ask

    return Ask(read_sizes(sizes_text), not equal_only, timeout, cache)


def show_notes(notes: Sequence[str]) -> None:
    """What is to be said about the cache, on stderr: the first note, and how many more."""
    from ..rendering.report import wrap

    if notes:
        more = f" (and {len(notes) - 1} more of the kind)" if len(notes) > 1 else ""
        click.echo("\n".join(wrap(f"note: {notes[0]}{more}", width(), rest="  ")), err=True)


def counting(progress: Progress, what: str) -> Callable[[int, int], None]:
    """What shows how many pairs of how many are done."""

    def tell(done: int, total: int) -> None:
        progress.label = f"{what}: {done} of {total} pairs"

    return tell
