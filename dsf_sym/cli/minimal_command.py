"""`dsf minimal`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..deciding.limits import OutOfTime, within
from .common import (
    Ended,
    certificate_option,
    emit_json,
    find_layer,
    json_option,
    read_sizes,
    require_writable,
    sizes_option,
    timeout_option,
)
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..deciding.minimal import Minimal

UNDECIDED = 3
CLASS = "steps affine in a real state, their coefficients functions of the current token"


@click.command(
    "minimal",
    short_help="Find the smallest state that could do the same.",
    epilog="Example: dsf minimal gla --sizes n=3,d=2",
)
@click.argument("layer", metavar="LAYER")
@sizes_option
@certificate_option
@timeout_option
@json_option
def command(
    layer: str, sizes_text: str, certificate: Path | None, timeout: float | None, as_json: bool
) -> None:
    """Find the smallest state that could do the same.

    The number is the least over all affine steps with the same output, for generic weights.

    Exit code: 0 proved, 2 bad input, 3 undecided.
    """
    sizes = read_sizes(sizes_text)
    if certificate is not None:
        require_writable(certificate)
    found = find_layer(layer)
    from ..certificates.certificate import write
    from ..deciding.minimal import minimal
    from ..theory.size_formulas import own_entries, smallest_state_formula

    result: Minimal | None = None
    formula: str | None = None
    with Progress(f"reducing {found.name}"):
        try:
            result = within(timeout, lambda: minimal(found, sizes))
            everywhere = within(timeout, lambda: smallest_state_formula(found))
            formula = own_entries(found) if everywhere.status == "proved" else None
        except OutOfTime:
            pass
    written = None
    if result is not None and result.certificate is not None and certificate is not None:
        write(result.certificate, certificate)
        written = str(certificate)
    if as_json:
        emit_json("minimal", _data(found.name, result, formula, written))
    else:
        click.echo(_text(found.name, result, formula, timeout, written))
    if result is None or result.status != "proved":
        raise Ended(UNDECIDED)


def _data(
    layer: str, result: Minimal | None, formula: str | None, written: str | None
) -> dict[str, Any]:
    keys = ("sizes", "state", "found", "lower", "upper")
    values = {key: None if result is None else getattr(result, key) for key in keys}
    status = "undecided" if result is None else result.status
    return {"verdict": status, "layer": layer, **values, "formula": formula, "certificate": written}


def _text(
    layer: str,
    result: Minimal | None,
    formula: str | None,
    timeout: float | None,
    written: str | None,
) -> str:
    from ..rendering.report import fields, wrap

    if result is None:
        status, title = "undecided", f"the smallest state of {layer}"
        rows = [("evidence", f"stopped after {timeout:g} s")]
    else:
        status = result.status
        entries = "1 entry" if result.found == 1 else f"{result.found} entries"
        title = f"the smallest state of {layer} has {entries}"
        more = result.state - result.found
        own = f"its own state has {result.state}, {more} more than it needs"
        if not more:
            own = "its own state is minimal"
        if status == "undecided":
            title = f"the smallest state of {layer} has {result.lower} to {result.upper} entries"
            own = f"its own state has {result.state}; the search found {result.found}, unproved"
        rows = [
            ("sizes", ", ".join(f"{k}={v}" for k, v in result.sizes.items())),
            ("state", own),
            ("formula", f"{formula} entries, for all sizes" if formula else ""),
            ("among", CLASS),
            ("certificate", written or ""),
            ("recheck it", f"dsf recheck {written}" if written else ""),
        ]
    head = wrap(title, width(), first=f"{status}: ")
    head[0] = head[0].replace(status, painter()(status, status), 1)
    return "\n".join([*head, "", *fields(rows, width())])
