"""What the processes of one sequence tell each other: states forth, and their adjoints back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from dsf_sym.errors import DsfError

from ..contract import ContractViolation

Result = TypeVar("Result")


class WorkerLost(DsfError):
    """Another process of the sequence ended, or did not answer in time."""


@dataclass(frozen=True)
class Ranks:
    """The processes of one sequence, seen from one of them.

    call: what is run, for messages. group: the process group; None for the default one. timeout:
    seconds to wait for another process; with nccl the group's own limit holds.
    """

    call: str
    group: Any = None
    timeout: float = 300.0

    def __post_init__(self) -> None:
        if not (dist.is_available() and dist.is_initialized()):
            raise ContractViolation(
                f"{self.call}: there is no process group; call "
                "torch.distributed.init_process_group, or start by torchrun"
            )

    @property
    def rank(self) -> int:
        """The place of this process's part in the sequence, from 0."""
        return dist.get_rank(self.group)

    @property
    def size(self) -> int:
        """The number of processes."""
        return dist.get_world_size(self.group)

    def agree(self, facts: Mapping[str, object], like: Tensor) -> None:
        """ContractViolation where another process was called with other facts, which is named.

        Also where the group's backend cannot send tensors from where `like` is.
        """
        devices = dist.get_backend_config(self.group)
        if f"{like.device.type}:" not in devices:
            raise ContractViolation(
                f"{self.call}: the signals are on {like.device.type}, and the process group sends "
                f"from {devices}; move the signals, or call init_process_group with 'gloo' for the "
                "CPU, 'nccl' for GPUs"
            )
        own = torch.tensor([_number(x) for x in facts.values()], device=like.device)
        found = [torch.empty_like(own) for _ in range(self.size)]

        def gather() -> Any:
            return dist.all_gather(found, own, group=self.group, async_op=True)

        self._wait(self._start(gather, "the call"), "the call")
        for rank, theirs in enumerate(found):
            for (name, value), same in zip(facts.items(), theirs == own, strict=True):
                if not same:
                    raise ContractViolation(
                        f"{self.call}: rank {rank} was called with another {name}; rank "
                        f"{self.rank} has {value}. All processes of a sequence take the same"
                    )

    def receive(
        self, rank: int, like: Sequence[Tensor], tag: int
    ) -> Callable[[], Future[list[Tensor]]]:
        """Let another rank send tensors of these shapes; what is returned begins to wait."""
        flat = like[0].new_empty(sum(x.numel() for x in like))
        shapes = [x.shape for x in like]
        what = f"a state of rank {rank}"

        def begin() -> Any:
            return dist.irecv(flat, group=self.group, group_src=rank, tag=tag)

        def end(work: Any) -> list[Tensor]:
            self._wait(work, what)
            parts = flat.split([shape.numel() for shape in shapes])
            return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

        work = self._start(begin, what)
        return lambda: self._future(work, end)

    def send(self, rank: int, tensors: Sequence[Tensor], tag: int) -> Future[Tensor]:
        """Begin to send tensors; the result is there once they are taken."""
        flat = torch.cat([x.reshape(-1) for x in tensors])
        what = f"rank {rank} to take a state"

        def begin() -> Any:
            return dist.isend(flat, group=self.group, group_dst=rank, tag=tag)

        def end(work: Any) -> Tensor:
            self._wait(work, what)
            return flat

        return self._future(self._start(begin, what), end)

    def _future(self, work: Any, end: Callable[[Any], Result]) -> Future[Result]:
        """What a message brings; a thread waits for it, as not every backend can be asked."""
        made: Future[Result] = Future()

        def wait() -> None:
            try:
                made.set_result(end(work))
            except BaseException as error:
                made.set_exception(error)

        Thread(target=wait, daemon=True).start()
        return made

    def _start(self, begin: Callable[[], Any], what: str) -> Any:
        try:
            return begin()
        except RuntimeError as error:
            raise self._lost(what, error) from None

    def _wait(self, work: Any, what: str) -> None:
        try:
            work.wait(timedelta(seconds=self.timeout))
        except RuntimeError as error:
            raise self._lost(what, error) from None

    def _lost(self, what: str, error: RuntimeError) -> WorkerLost:
        reason = str(error).strip().splitlines()[0]
        return WorkerLost(
            f"{self.call}: rank {self.rank} waited up to {self.timeout:g} s for {what}. "
            "A process was lost or is too slow: end the others and start again, with a longer "
            f"timeout if none was lost. torch says: {reason}"
        )


def _number(x: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(x).encode()).digest()[:7], "big")


__all__ = ["Ranks", "WorkerLost"]
