"""`sequence_parallel.run`: the call that every process of a sequence makes on its own tokens."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dsf_sym import KernelLayer, Layer, find
from dsf_sym.errors import UnknownName

from ..choice import compiles, fastest
from ..contract import ContractViolation, backend_of, check, computed_in, one_or_all, parts_of
from .associative import Associative
from .job import Job
from .ranks import Ranks
from .relay import Relay
from .transitions import linear

VARIANTS: dict[str, type[Relay] | type[Associative]] = {
    "relay": Relay,
    "associative": Associative,
}


def run(
    layer: Layer | str,
    backend: str = "auto",
    schedule: str = "auto",
    state: Any = None,
    *,
    variant: str = "relay",
    group: Any = None,
    timeout: float = 300.0,
    pieces: int | None = None,
    span: int = 4096,
    chunk: int | None = None,
    check_domains: bool = False,
    **signals: Tensor,
) -> tuple[Tensor, Any]:
    """The outputs of this process's tokens, and the state after the last of them.

    Every process of the group makes the call with its own tokens; those of rank r + 1 follow those
    of rank r. What comes back can be differentiated; then every process calls backward.

    `relay`: the states are handed from rank to rank. The work is cut into G pieces that do not read
    each other (sequences of the batch, heads, groups of lanes), and rank r runs piece i in turn
    i + r of G + P - 1, so that P ranks work at once. For every layer with a finite state. With
    compiled kernels outputs and states are, bit for bit, those of one process.

    `associative`: every rank runs its tokens from a start of zero, to an end e. With the product Φ
    of its transitions the true end is Φ start + e, so that only a product of Φ with a state is done
    in turn. Then tokens are run again from the true start until the state is that of the first run,
    bit for bit; from there on what was computed stands. For affine steps; where there are many
    ranks and few pieces, and the layer forgets.

    Parameters
    ----------
    layer, backend, schedule, chunk, check_domains
        As for `numeric.run`.
    state
        The state before the first token of the sequence, on rank 0 alone.
    variant
        "relay" or "associative".
    group
        A process group of torch.distributed; by default that of all processes.
    timeout
        Seconds to wait for another process.
    pieces
        relay: so many pieces at least, where there are so many; by default one for each head of
        each sequence with compiled kernels, and else 4 for each process. Gradients that are sums
        over lanes are rounded differently where lanes are apart.
    span
        Run so many tokens at first; later spans double in length, up to 16 times as many. What
        began from another start is run again until the states after a span are the same.
    signals
        Tokens [B, H, L, ...] of this process, and constants [H, ...]. Parts but the last should be
        a multiple of 64 tokens long, as chunks begin there. The gradient of a constant is what this
        process's tokens give; the whole one is the sum over processes.

    Raises
    ------
    ContractViolation
        The argument, what was expected and what was given; or what the processes disagree about.
    UnknownName
        No such layer, backend, schedule, variant or signal.
    WorkerLost
        Another process ended, or did not answer in time.
    """
    layer = find(layer) if isinstance(layer, str) else layer
    call = f"run({layer.name}, variant={variant!r})"
    _require_possible(call, layer, variant, signals)
    ranks = Ranks(call, group, timeout)
    if state is not None and ranks.rank:
        raise ContractViolation(
            f"{call}: rank {ranks.rank} was given a state; rank 0 alone has one"
        )
    sizes = check(layer, "torch", signals, state, domains=check_domains)
    library = backend_of(layer, backend, signals)
    if backend == "auto" and chunk is None:
        # A sequence that needs several processes is worth compiling for.
        backend = fastest(layer, library, schedule, {**sizes, "L": sys.maxsize}, signals)
    elif library == "cpp" and not compiles(layer, computed_in(next(iter(signals.values())))):
        backend = "torch"
    else:
        backend = library
    if variant == "associative":
        linear(layer)
    inputs = [signals[s.name] for s in layer.signals if s.kind != "state"]
    start = parts_of(state)
    graph = torch.is_grad_enabled() and any(x.requires_grad for x in (*inputs, *start))
    facts: dict[str, object] = {n: x for n, x in sizes.items() if n != "L"}
    facts |= {"layer": layer.hash, "type": inputs[0].dtype, "backend": backend}
    facts |= {"variant": variant, "pieces": pieces, "need of gradients": graph}
    ranks.agree(facts, inputs[0])
    job = Job(
        layer=layer,
        backend=backend,
        schedule=schedule,
        chunk=chunk,
        sizes=sizes,
        ranks=ranks,
        pieces=pieces,
        span=span,
        graph=graph,
    )
    y, *ends = _Part.apply(job, VARIANTS[variant], *inputs, *start)
    return y, one_or_all(ends)


def _require_possible(call: str, layer: Layer, variant: str, signals: Mapping[str, object]) -> None:
    """UnknownName, ContractViolation for what no group of processes could do."""
    if variant not in VARIANTS:
        raise UnknownName(f"{call}: there is {', '.join(VARIANTS)}")
    if isinstance(layer, KernelLayer):
        raise ContractViolation(f"{call}: a cache that grows with the sequence is not handed on")
    for name, x in signals.items():
        if not isinstance(x, Tensor):
            raise ContractViolation(
                f"{call}: {name}: expected a torch tensor, given {type(x).__name__}"
            )


class _Part(torch.autograd.Function):
    """One process's part in torch's autograd; its backward pass is not itself differentiable."""

    @staticmethod
    def forward(
        ctx: Any, job: Job, variant: type[Relay] | type[Associative], *arrays: Tensor
    ) -> Any:
        """Arrays are the inputs, then the start if it is given."""
        count = len(job.signals)
        ctx.made = made = variant(job, arrays[:count], arrays[count:])
        ctx.set_materialize_grads(False)
        y, ends = made.forward()
        return y, *ends

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, y: Tensor | None, *ends: Tensor | None) -> Any:
        """Adjoints of states go from the last rank to the first."""
        gradients, starts = ctx.made.backward(y, ends)
        return None, None, *gradients, *starts


__all__ = ["VARIANTS", "run"]
