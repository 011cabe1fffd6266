"""Write the facts of the book: `python -m book.facts`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from dsf_sym.errors import DsfError
from dsf_sym.processes import Submit, pool

from . import claims, folders, slips


def main() -> int:
    """Settle the claims; write all else unless the library is unchanged. The exit code."""
    began = time.perf_counter()
    try:
        with pool(os.cpu_count() or 1, "wrote facts") as submit:
            count = _facts(submit)
    except DsfError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"==> Settled {count} claims; facts took {time.perf_counter() - began:.0f} s.")
    return 0


def _facts(submit: Submit) -> int:
    """Settle the claims that something changed, and meanwhile write all else; their number."""
    shown = claims.stated(folders.sources())
    stated = [*shown, *claims.known()]
    made_from = folders.inputs(folders.SETTLES)
    wanted = {
        each.label: f"{made_from} {each.label} {each.expect} {each.question}" for each in stated
    }
    settled = folders.settled()
    kept = {label: text for label, text in wanted.items() if settled.get(label) == text}
    folders.clear_claims(kept)
    folders.note_settled(kept)
    slips.write(shown)
    asked: dict[claims.Asked, list[claims.Stated]] = {}
    for each in stated:
        if each.label not in kept:
            asked.setdefault(each.question, []).append(each)
    settling = [submit(claims.settle_alike, same) for same in asked.values()]
    finish = _rest(submit)
    for one in settling:
        one.result()
    folders.note_settled(wanted)
    finish()
    return len(stated)


def _rest(submit: Submit) -> Callable[[], None]:
    """Start to write all else; what ends it. Nothing, where the library is unchanged."""
    made_from = folders.inputs()
    if folders.STAMP.is_file() and folders.STAMP.read_text() == made_from:
        return lambda: None
    # What draws and trains is imported only here: it takes longer than an unchanged book.
    from . import pages

    folders.clear()
    end = pages.begin(submit)

    def finish() -> None:
        end()
        folders.STAMP.write_text(made_from)

    return finish


if __name__ == "__main__":
    sys.exit(main())
