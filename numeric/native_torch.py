"""Compiled kernels in torch's autograd: the adjoint kernel is the backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .contract import type_name
from .native import Arguments, NoBackward


def apply(
    kernel: Any, inputs: Sequence[torch.Tensor], state: Sequence[torch.Tensor] | None
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Outputs and last states, which can be differentiated once.

    kernel: a `native.Kernel`, a `plans.Plan`, or `cuda_torch.OnTensors`.
    """
    arrays = (*inputs, *(state or ()))
    if not (torch.is_grad_enabled() and any([x.requires_grad for x in arrays])):
        y, ends, _ = kernel.forward(kernel.arguments(inputs, state))
        return y, ends
    y, *last = _Kernel.apply(kernel, len(inputs), *arrays)
    return y, tuple(last)


class _Kernel(torch.autograd.Function):
    """A layer's kernels; its backward pass is not itself differentiable."""

    @staticmethod
    def forward(ctx: Any, kernel: Any, count: int, *arrays: torch.Tensor) -> Any:
        """Arrays are the inputs, then the states if they are given."""
        given = kernel.arguments(arrays[:count], arrays[count:] or None)
        keep = kernel.differentiable(type_name(arrays[0]))
        y, ends, kept = kernel.forward(given, keep=keep)
        ctx.kernel, ctx.sizes, ctx.count, ctx.shape = kernel, given.sizes, count, y.shape
        ctx.types = [x.dtype for x in arrays[count:]]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*given.inputs, *(given.state or ()), kept)
        return y, *ends

    @staticmethod
    def backward(ctx: Any, y: Any, *ends: Any) -> Any:
        """The adjoint recurrence from the last token to the first."""
        # What refuses to be differentiated twice is called only where that may be asked for: it
        # takes as long as all that is around the kernel.
        return (_refusing if torch.is_grad_enabled() else _adjoints)(ctx, y, *ends)


def _adjoints(ctx: Any, y: Any, *ends: Any) -> Any:
    *arrays, kept = ctx.saved_tensors
    if kept is None:
        raise NoBackward(
            f"run({ctx.kernel.layer.name}, backend={ctx.kernel.backend!r}): its step has a "
            "function whose derivative has no kernel; use backend='torch'"
        )
    inputs, state = tuple(arrays[: ctx.count]), tuple(arrays[ctx.count :]) or None
    if y is None:
        y = kept.new_zeros(ctx.shape)
    given = Arguments(ctx.sizes, inputs, state)
    gradients, begins = ctx.kernel.backward(given, kept, y, ends)
    typed = [x.to(kind) for x, kind in zip(begins, ctx.types, strict=False)]
    return None, None, *gradients, *typed


_refusing = torch.autograd.function.once_differentiable(_adjoints)
