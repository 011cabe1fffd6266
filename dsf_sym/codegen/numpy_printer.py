"""The NumPy target: runs on floats and, where a layer is rational, on arrays of exact numbers."""

from __future__ import annotations

from collections.abc import Sequence

from .printing import Printer


class NumpyPrinter(Printer):
    """Text for NumPy."""

    name = "numpy"
    library = "np"
    imports = ("import numpy as np",)
    concatenate = "np.concat"
    functions = {  # noqa: RUF012
        "exp": "np.exp",
        "log": "np.log",
        "tanh": "np.tanh",
        "sqrt": "np.sqrt",
        "cos": "np.cos",
        "sin": "np.sin",
        "step": "_step",
        "sigmoid": "_sigmoid",
        "softplus": "_softplus",
        "relu": "_relu",
        "elu": "_elu",
    }

    def eye(self, size: str) -> str:
        """Of the signals' type, so that exact arrays stay exact and floats short."""
        return f"np.eye({size}, dtype={self.program.leader}.dtype)"

    def broadcast(self, text: str, shape: str) -> str:
        """A read-only view."""
        return f"np.broadcast_to({text}, {shape})"

    def constant(self, value: str) -> str:
        """An array of no axes."""
        return f"np.array({value}, {self.program.leader}.dtype)"

    def zeros(self, shape: str) -> str:
        """Zeros."""
        return f"np.zeros({shape}, {self.program.leader}.dtype)"

    def permute(self, text: str, order: Sequence[int]) -> str:
        """A transpose."""
        return f"{text}.transpose({', '.join(map(str, order))})"

    def along_time(self, text: str) -> str:
        """A view with time first, which Python iterates over."""
        return f"np.moveaxis({text}, 2, 0)"

    def cuts(self, text: str) -> str:
        """Views."""
        return f"np.split({text}, range(chunk, {text}.shape[2], chunk), 2)"

    def repeated(self, text: str, count: str, axis: int) -> str:
        """A copy."""
        return f"np.repeat({text}, {count}, {axis})"
