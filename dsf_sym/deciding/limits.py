"""A limit on the time of one decision, and the verdict on what did not end within it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ..errors import DsfError

if TYPE_CHECKING:
    from ..language.layer import Layer
    from ..verdict import Verdict
    from .pairing import Ties

T = TypeVar("T")


class OutOfTime(BaseException):
    """Raised inside a decision whose time is up; no `except Exception` stops it."""


def available() -> bool:
    """Whether this system and thread have the timer that a limit needs."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """What `work` returns; OutOfTime when it takes longer. None is no limit."""
    if seconds is None:
        return work()
    if not available():
        raise DsfError("--timeout does not work on this system")
    running = True

    def ring(*_: object) -> None:
        if running:
            raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    try:
        # The alarm repeats: one that a callback swallowed is followed by another.
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.25)
        return work()
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def timed_out(
    a: Layer,
    b: Layer,
    *,
    seconds: float,
    given: Ties = (),
    sizes: dict[str, int] | None = None,
    sense: str = "equal",
) -> Verdict:
    """The verdict of a comparison whose time ran out; the arguments are those of the comparison."""
    from ..verdict import Question, Verdict
    from .decide import complete_sizes
    from .pairing import pair

    both = pair(a, b, given) if sense == "equal" else None
    return Verdict(
        Question(a.name, b.name, sense=sense) if both is None else both.question,
        "undecided",
        f"stopped after {seconds:g} s",
        complete_sizes([a, b] if both is None else [both.a, both.b], sizes),
        remains="more time (--timeout), or smaller sizes (--sizes)",
    )
