"""`numeric.module`: a layer as an `nn.Module`, with constants as parameters, and `step`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dsf_sym import Layer, find
from dsf_sym.errors import UnknownName

from .cuda import Products, check_products
from .run import run


class Mixer(nn.Module):
    """The mixer of a layer: signals in, outputs and state out.

    Constants given when it is made are parameters; the others are arguments of every call.
    """

    def __init__(
        self,
        layer: Layer,
        constants: dict[str, Tensor],
        *,
        backend: str = "torch",
        products: Products = "float32",
    ) -> None:
        super().__init__()
        check_products(f"module({layer.name}, backend={backend!r}", backend, products)
        self.layer = layer
        self.backend = backend
        self.products = products
        known = [s.name for s in layer.of_kind("constant")]
        for name, value in constants.items():
            if name not in known:
                has = ", ".join(known) or "none"
                raise UnknownName(f"module({layer.name}): no constant {name!r}; it has {has}")
            self.register_parameter(f"constant_{name}", nn.Parameter(value))

    def constants(self) -> dict[str, Tensor]:
        """The constants that are parameters, by name."""
        prefix = "constant_"
        return {n.removeprefix(prefix): p for n, p in self.named_parameters()}

    def forward(
        self, state: Any = None, schedule: str = "auto", **signals: Tensor
    ) -> tuple[Tensor, Any]:
        """Outputs [B, H, L, ...] and the state after the last token."""
        return run(
            self.layer,
            self.backend,
            schedule,
            state,
            products=self.products,
            **self.constants(),
            **signals,
        )

    def step(self, state: Any = None, **token: Tensor) -> tuple[Tensor, Any]:
        """One token [B, H, ...]: its output [B, H, ...] and the new state."""
        fixed = {s.name for s in self.layer.of_kind("constant")}
        signals = {n: x if n in fixed else x.unsqueeze(2) for n, x in token.items()}
        y, end = self.forward(state, "recurrent", **signals)
        return y.squeeze(2), end

    def extra_repr(self) -> str:
        """The layer's signals."""
        return repr(self.layer)


def module(
    layer: Layer | str,
    backend: str = "torch",
    *,
    products: Products = "float32",
    **constants: Tensor,
) -> Mixer:
    """The mixer of a layer as an `nn.Module`.

    Parameters
    ----------
    layer
        A layer, or the name of one of the catalogue.
    backend
        "torch", "cpp" for compiled kernels on the CPU, or "cuda" for those on a GPU.
    products
        What backend "cuda" rounds factors to, as in `run`.
    constants
        Weights [H, ...] that become parameters; those left out are arguments of every call.
    """
    found = find(layer) if isinstance(layer, str) else layer
    return Mixer(found, constants, backend=backend, products=products)


__all__ = ["Mixer", "module", "torch"]
