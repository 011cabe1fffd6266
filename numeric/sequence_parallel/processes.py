"""Processes on this machine, which form a group of torch.distributed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from dsf_sym.errors import DsfError

from ..contract import ContractViolation
from .ranks import WorkerLost

POLL = 0.1
"""Seconds between looks at whether a process has failed."""


def launch(
    work: Callable[..., Any],
    processes: int,
    *arguments: Any,
    collective: str = "gloo",
    timeout: float = 300.0,
    threads: int = 1,
) -> list[Any]:
    """What `work(*arguments)` returns in each of new processes, which form the default group.

    Parameters
    ----------
    work
        A function of a module, so that a new process finds it.
    collective
        The backend of torch.distributed: "gloo", or "nccl" where each process has its own GPU.
    timeout
        Seconds that processes wait for each other.
    threads
        Threads of each process.

    Raises
    ------
    DsfError
        What `work` raised in one of them; the others are ended.
    ContractViolation
        "nccl" is asked for where there are fewer GPUs than processes.
    WorkerLost
        A process ended without a result; the others are ended too.
    """
    if collective == "nccl":
        _require_gpus(processes)
    with tempfile.TemporaryDirectory(prefix="dsf-ranks-") as name:
        folder = Path(name)
        job = (work, processes, folder, arguments, collective, timeout, threads)
        started = mp.start_processes(_begin, job, processes, join=False, start_method=_way())
        errors: list[DsfError] = []
        done = False
        try:
            while not done:
                # Looked for first: who has ended when another tells of it is then found by `join`.
                failed = any(folder.glob("*.error"))
                done = started.join(POLL) or failed
        except (mp.ProcessExitedException, mp.ProcessRaisedException) as error:
            errors.append(WorkerLost(f"launch({work.__name__}, {processes}): {str(error).strip()}"))
        errors += (pickle.loads(file.read_bytes()) for file in sorted(folder.glob("*.error")))
        if errors:
            for process in started.processes:
                process.terminate()
                process.join()
            # Who lost another did so because of what that one met.
            raise min(errors, key=lambda error: isinstance(error, WorkerLost))
        return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(processes)]


def _require_gpus(processes: int) -> None:
    found = torch.cuda.device_count()
    if found < processes:
        raise ContractViolation(
            f"collective 'nccl' for {processes} processes: each needs its own GPU, and torch "
            f"{torch.__version__} sees {found}; with 'gloo' they run on the CPU"
        )


def _way() -> str:
    """How processes start: forked, where they can be, from one that has imported torch."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return "spawn"
    multiprocessing.set_forkserver_preload([__name__])
    return "forkserver"


def _begin(
    rank: int,
    work: Callable[..., Any],
    processes: int,
    folder: Path,
    arguments: tuple[Any, ...],
    collective: str,
    timeout: float,
    threads: int,
) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)
    if collective == "nccl":
        torch.cuda.set_device(rank)
    dist.init_process_group(
        collective,
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=processes,
        timeout=timedelta(seconds=timeout),
    )
    try:
        torch.save(work(*arguments), folder / f"{rank}.pt")
    except DsfError as error:
        written = folder / f"{rank}.part"
        written.write_bytes(pickle.dumps(error))
        written.replace(written.with_suffix(".error"))
    dist.destroy_process_group()


__all__ = ["launch"]
