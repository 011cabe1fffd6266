"""A limit on the time of one decision."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TypeVar

from ..errors import DsfError

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
