"""`dsf explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .common import (
    Ended,
    emit_json,
    find_layer,
    given_option,
    json_option,
    read_sizes,
    sizes_option,
    timed_out,
    timeout_option,
)
from .limits import OutOfTime, within
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..deciding.explain import Explanation

UNDECIDED = 3


@click.command(
    "explain",
    short_help="Say which term makes two layers differ, and what removes it.",
    epilog="Example: dsf explain gated_deltanet deltanet",
)
@click.argument("a")
@click.argument("b")
@given_option
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
            verdict = timed_out(left, right, given, sizes, timeout or 0.0)
            found = Explanation(verdict, None, None, ())
    if as_json:
        from ..rendering.render import render_difference
        from ..schema import verdict_data

        terms = None
        if found.terms is not None:
            terms = {str(lag): render_difference(x, style="text") for lag, x in found.terms.items()}
        ties = [list(ties) for ties in found.removed_by]
        data = {**verdict_data(found.verdict), "difference": terms, "removed_by": ties}
        emit_json("explain", data)
    else:
        click.echo("\n".join(_lines(found)))
    if found.verdict.status == "undecided":
        raise Ended(UNDECIDED)


def _lines(found: Explanation) -> list[str]:
    from ..rendering.report import by_terms, fields, plural, verdict_text, wrap

    lines = [verdict_text(found.verdict, width(), painter())]
    if found.length is None:
        return lines
    question = found.verdict.question
    last = f"y_{found.length - 1}"
    head = f"The first difference is after {plural(found.length, 'token')}: {last} of {question.a}"
    lines += [
        "",
        *wrap(f"{head} minus {last} of {question.b}, by the lag of its oldest token:", width()),
    ]
    if found.terms is None:
        lines += ["  too long to print"]
    else:
        from ..rendering.render import render_difference

        rows = [
            (f"lag {lag}", by_terms(render_difference(x, style="text")))
            for lag, x in found.terms.items()
        ]
        lines += ["", *fields(rows, width())]
    if found.removed_by:
        several = " any one line of" if len(found.removed_by) > 1 else ""
        lines += ["", f"Proved equal under{several}:", ""]
        lines += [
            x for ties in found.removed_by for x in wrap("; ".join(ties), width(), first="  ")
        ]
    else:
        lines += ["", *wrap("No simple tie was found that removes the difference.", width())]
    return lines
