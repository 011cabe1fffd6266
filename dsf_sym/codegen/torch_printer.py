"""The torch target: differentiable, on any device; time is cut once, so backward is linear in L."""

from __future__ import annotations

from collections.abc import Sequence

from .printing import Printer


class TorchPrinter(Printer):
    """Text for torch."""

    name = "torch"
    library = "torch"
    imports = ("import torch",)
    concatenate = "torch.concat"
    functions = {  # noqa: RUF012
        "exp": "torch.exp",
        "log": "torch.log",
        "tanh": "torch.tanh",
        "sqrt": "torch.sqrt",
        "cos": "torch.cos",
        "sin": "torch.sin",
        "step": "_step",
        "sigmoid": "torch.sigmoid",
        "softplus": "_softplus",
        "relu": "torch.relu",
        "elu": "torch.nn.functional.elu",
    }

    def eye(self, size: str) -> str:
        """Of the leader's type and device."""
        leader = self.program.leader
        return f"torch.eye({size}, dtype={leader}.dtype, device={leader}.device)"

    def broadcast(self, text: str, shape: str) -> str:
        """A view."""
        return f"torch.broadcast_to({text}, {shape})"

    def constant(self, value: str) -> str:
        """A tensor of no axes."""
        return f"{self.program.leader}.new_tensor({value})"

    def zeros(self, shape: str) -> str:
        """Zeros."""
        return f"{self.program.leader}.new_zeros({shape})"

    def permute(self, text: str, order: Sequence[int]) -> str:
        """A permutation of axes."""
        return f"{text}.permute({', '.join(map(str, order))})"

    def along_time(self, text: str) -> str:
        """All slices at once: to index one at a time would make backward quadratic in L."""
        return f"{text}.unbind(2)"

    def cuts(self, text: str) -> str:
        """Views, cut once."""
        return f"{text}.split(chunk, 2)"

    def repeated(self, text: str, count: str, axis: int) -> str:
        """A copy."""
        return f"{text}.repeat_interleave({count}, {axis})"
