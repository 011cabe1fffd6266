"""The nodes of the expression graph below given ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tensor import Input, Tensor

if TYPE_CHECKING:
    from collections.abc import Container


def walk(*roots: Tensor, known: Container[Tensor] = ()) -> list[Tensor]:
    """Every node below the roots once, arguments before what uses them, down to `known` ones."""
    seen: dict[Tensor, None] = {}
    stack: list[tuple[Tensor, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if ready:
            seen[node] = None
        elif node not in seen and node not in known:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children))
    return list(seen)


def inputs(*roots: Tensor) -> set[str]:
    """The names of the signals and states that expressions read."""
    return {node.name for node in walk(*roots) if isinstance(node, Input)}


def reading(names: Container[str], *roots: Tensor) -> set[Tensor]:
    """The nodes below the roots that depend on an input of these names."""
    found: set[Tensor] = set()
    for node in walk(*roots):
        own = isinstance(node, Input) and node.name in names
        if own or any(child in found for child in node.children):
            found.add(node)
    return found
