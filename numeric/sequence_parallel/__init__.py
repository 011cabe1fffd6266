"""One long sequence over several processes: each holds a part of the tokens, in order of rank.

    torch.distributed.init_process_group("gloo")  # under torchrun; "nccl" for tensors on GPUs
    y, state = sequence_parallel.run("gla", q=q, k=k, v=v, alpha=alpha)  # this process's tokens

`python -m numeric.sequence_parallel gla` does it on one machine, and compares.
"""

from .processes import launch
from .ranks import WorkerLost
from .run import run

__all__ = ["WorkerLost", "launch", "run"]
