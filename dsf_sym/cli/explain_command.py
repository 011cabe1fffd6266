"""`dsf explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..deciding.limits import OutOfTime, timed_out, within
from .common import (
    Ended,
    emit_json,
    find_layer,
    json_option,
    read_sizes,
    sizes_option,
    timeout_option,
    two_layers,
)
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..deciding.explain import Explanation

UNDECIDED = 3


@click.command(
    "explain",
    short_help="Say which term makes two layers differ, and what removes it.",
    epilog="Example: dsf explain gated_deltanet deltanet",
)
@two_layers
@sizes_option
@timeout_option
@json_option
def command(
    a: str,
    b: str,
    given: tuple[str, ...],
    sizes_text: str,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Say which term makes two layers differ, at which lag, and what ties would remove it.

    Exit code: 0 explained or equal, 2 bad input, 3 undecided.
    """
    sizes = read_sizes(sizes_text)
    left, right = find_layer(a), find_layer(b)
    from ..deciding.explain import Explanation, explain

    with Progress(f"comparing {left.name} with {right.name}"):
        try:
            found = within(timeout, lambda: explain(left, right, given=given, sizes=sizes))
        except OutOfTime:
            verdict = timed_out(left, right, seconds=timeout or 0.0, given=given, sizes=sizes)
            found = Explanation(verdict, None, None, ())
    if as_json:
        from ..schema import explanation_data

        emit_json("explain", explanation_data(found))
    else:
        click.echo("\n".join(_lines(found)))
    if found.verdict.status == "undecided":
        raise Ended(UNDECIDED)


def _lines(found: Explanation) -> list[str]:
    from ..rendering.relations import difference_lines, difference_title
    from ..rendering.report import verdict_text, wrap

    lines = [verdict_text(found.verdict, width(), painter())]
    if found.length is None:
        return lines
    title = wrap(difference_title(found), width())
    return [*lines, "", *title, "", *difference_lines(found, width())]
