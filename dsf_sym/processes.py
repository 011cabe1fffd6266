"""Work in several processes, of which none outlives the work."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import DsfError

if TYPE_CHECKING:
    from concurrent.futures import Future

Submit = Callable[..., "Future[Any]"]


@contextmanager
def pool(workers: int, doing: str) -> Iterator[Submit]:
    """What gives work to processes; none of them is left, however the block is left.

    doing: what the processes do, such as "decided pairs". Raises DsfError where one of them ends
    early. A script that asks for processes keeps its own work under `if __name__ == "__main__":`.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    before = set(multiprocessing.active_children())
    # Forking is unsafe where threads run, such as the one that shows progress.
    made = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_interrupts
    )
    finished = False
    try:
        yield made.submit
        finished = True
    except BrokenProcessPool:
        raise DsfError(
            f"a process that {doing} ended early, as one does that runs out of memory; take "
            "smaller sizes, or one process"
        ) from None
    finally:
        made.shutdown(wait=finished, cancel_futures=True)
        if not finished:
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()


def _leave_interrupts() -> None:
    """Let the parent alone answer Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
