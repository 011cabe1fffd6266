"""Compiled kernels in torch's autograd: the adjoint kernel is the backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .native import Arguments, Kernel, NoBackward


def apply(
    kernel: Kernel, inputs: Sequence[torch.Tensor], state: Sequence[torch.Tensor] | None
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Outputs and last states, which can be differentiated once."""
    given = tuple(state) if state is not None else ()
    y, *ends = _Kernel.apply(kernel, len(inputs), *inputs, *given)
    return y, tuple(ends)


class _Kernel(torch.autograd.Function):
    """A layer's kernels; its backward pass is not itself differentiable."""

    @staticmethod
    def forward(ctx: Any, kernel: Kernel, count: int, *arrays: torch.Tensor) -> Any:
        """Arrays are the inputs, then the states if they are given."""
        given = kernel.arguments(arrays[:count], arrays[count:] or None)
        dtype = str(arrays[0].dtype).removeprefix("torch.")
        keep = any(ctx.needs_input_grad) and kernel.differentiable(dtype)
        y, ends, kept = kernel.forward(given, keep=keep)
        ctx.kernel, ctx.sizes, ctx.count, ctx.kept_any = kernel, given.sizes, count, keep
        ctx.types = [x.dtype for x in arrays]
        ctx.set_materialize_grads(False)
        ctx.shape = y.shape
        if keep:
            ctx.save_for_backward(*given.inputs, *(given.state or ()), kept)
        return y, *ends

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, y: Any, *ends: Any) -> Any:
        """The adjoint recurrence from the last token to the first."""
        if not ctx.kept_any:
            raise NoBackward(
                f"run({ctx.kernel.layer.name}, backend={ctx.kernel.backend!r}): its step has a "
                "function whose derivative has no kernel; use backend='torch'"
            )
        *arrays, kept = ctx.saved_tensors
        given = Arguments(ctx.sizes, tuple(arrays[: ctx.count]), tuple(arrays[ctx.count :]) or None)
        if y is None:
            y = kept.new_zeros(ctx.shape)
        gradients, begins = ctx.kernel.backward(given, kept, y, ends)
        have = [*gradients, *(begins if given.state is not None else [])]
        typed = (x.to(t) for x, t in zip(have, ctx.types, strict=True))
        return None, None, *typed
