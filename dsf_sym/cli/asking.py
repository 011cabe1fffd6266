"""What `dsf check` and `dsf relations` share: how pairs are asked about, and notes on the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, cast

import click

from .common import F, json_option, read_sizes, sizes_option, timeout_option
from .terminal import Progress, width


def ask_options(command: F) -> F:
    """`--equal-only`, sizes and limits, `--processes`, `--no-cache`, `--recheck`, `--json`.

    The command takes `ask`, how pairs are asked about, beside `processes` and `as_json`.
    """
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

    @wraps(command)
    def call(
        *,
        sizes_text: str,
        equal_only: bool,
        timeout: float | None,
        no_cache: bool,
        recheck: bool,
        **rest: Any,
    ) -> Any:
        if no_cache and recheck:
            raise click.UsageError("--recheck is about kept answers, and --no-cache takes none")
        # The library is hashed before more of it is loaded: what decides is then what was hashed.
        from ..caching import Cache

        cache = None if no_cache else Cache(recheck=recheck)
        from ..relating import Ask

        ask = Ask(read_sizes(sizes_text), not equal_only, timeout, cache)
        return command(ask=ask, **rest)

    for option in reversed(options):
        call = option(call)
    return cast("F", call)


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
