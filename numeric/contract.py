"""What arguments generated code may be given: every check is here, before anything runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dsf_sym import KernelLayer, Layer
from dsf_sym.errors import DsfError, UnknownName
from dsf_sym.language.evaluate import extent
from dsf_sym.language.layer import Signal, nearest

BACKENDS = ("numpy", "torch", "cpp", "cuda")
LOW = ("bfloat16", "float16")
"""The types that are computed in float32."""


class ContractViolation(DsfError):
    """An argument that generated code cannot take: which, what is expected, what was given."""


@dataclass(frozen=True)
class Called:
    """What runs one layer on arrays: the order of its arguments, and the sizes that they have."""

    layer: Layer

    @cached_property
    def inputs(self) -> tuple[Signal, ...]:
        """Tokens and constants, in order."""
        return tuple(s for s in self.layer.signals if s.kind != "state")

    @cached_property
    def states(self) -> tuple[Signal, ...]:
        """The states, in order."""
        return tuple(self.layer.of_kind("state"))

    def sizes_of(self, inputs: Sequence[Any]) -> dict[str, int]:
        """The sizes of inputs that were checked."""
        sizes: dict[str, int] = {}
        for s, x in zip(self.inputs, inputs, strict=True):
            axes = zip((*LEAD[s.kind], *s.dims), x.shape, strict=True)
            sizes |= {axis: int(n) for axis, n in axes if axis.isidentifier()}
        return sizes


def type_name(x: Any) -> str:
    """The name of an array's type, the same in every library."""
    return str(x.dtype).removeprefix("torch.")


def computed_in(x: Any) -> str:
    """The name of the type in which code computes with an array: float32 for the short ones."""
    return "float32" if type_name(x) in LOW else type_name(x)


def parts_of(state: Any) -> tuple[Any, ...]:
    """The arrays of a state, which is one array, or a tuple of several; none of None."""
    return () if state is None else state if isinstance(state, tuple) else (state,)


def one_or_all(parts: Sequence[Any]) -> Any:
    """A state of these arrays: the one, or a tuple of all."""
    return parts[0] if len(parts) == 1 else tuple(parts)


def backend_of(layer: Layer, backend: str, signals: Mapping[str, Any]) -> str:
    """The backend asked for, or the one whose arrays the signals are.

    Raises UnknownName for another, ContractViolation for C++ on arrays that are not on the CPU.
    """
    torch = sys.modules.get("torch")
    tensors = torch is not None and any(isinstance(x, torch.Tensor) for x in signals.values())
    found = "torch" if tensors else "numpy"
    if backend == "auto":
        return found
    if backend == "cpp" and tensors and any(x.device.type != "cpu" for x in signals.values()):
        raise ContractViolation(f"run({layer.name}, backend='cpp'): C++ runs on the CPU only")
    if backend not in BACKENDS:
        raise UnknownName(f"run({layer.name}, backend={backend!r}): there is {', '.join(BACKENDS)}")
    return backend


def check(
    layer: Layer,
    backend: str,
    signals: Mapping[str, Any],
    state: Any = None,
    *,
    domains: bool = False,
) -> dict[str, int]:
    """The sizes that the arguments have, those of LEAD and of the layer by name.

    signals: tokens [B, H, L, ...] and constants [H, ...]. state: [B, H, ...] or a tuple of such,
    None for the layer's own start. domains: also look at every value, whether it lies where the
    signal lives. Raises ContractViolation for the first argument that does not fit, UnknownName for
    a signal that the layer does not have.
    """
    call = f"run({layer.name}, backend={backend!r})"
    wanted = {s.name: s for s in layer.signals if s.kind != "state"}
    for name in signals:
        if name not in wanted:
            near = nearest(name, list(wanted))
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(wanted)}"
            raise UnknownName(f"{call}: no signal {name!r}; {hint}")
    for name, s in wanted.items():
        if name not in signals:
            raise ContractViolation(f"{call}: {name} is missing; expected {_shape(s)}")
    sizes: dict[str, int] = {}
    first: tuple[str, Any] | None = None
    for name, s in wanted.items():
        x = signals[name]
        _check_array(call, name, x, backend)
        first = first or (name, x)
        _check_same(call, name, x, *first)
        _check_shape(call, s, tuple(x.shape), sizes)
        if domains:
            _check_domain(call, s, x)
    if sizes.get("L") == 0:
        raise ContractViolation(f"{call}: expected at least one token, given L = 0")
    if state is not None:
        assert first is not None
        _check_state(call, layer, state, sizes, backend, first)
    return sizes


LEAD = {
    "token": ("B", "H", "L"),
    "constant": ("H",),
    "state": ("B", "H"),
    "cache": ("B", "H", "P"),
}
"""The axes before a signal's own; a cache has P entries."""


def _shape(s: Signal, kind: str = "") -> str:
    return f"[{', '.join([*LEAD[kind or s.kind], *s.dims])}]"


def _check_array(call: str, name: str, x: Any, backend: str) -> None:
    kind = type(x).__module__.partition(".")[0]
    if backend == "numpy" and not isinstance(x, np.ndarray):
        raise ContractViolation(f"{call}: {name}: expected a NumPy array, given {type(x).__name__}")
    if backend == "torch" and kind != "torch" and not hasattr(x, "unbind"):
        raise ContractViolation(
            f"{call}: {name}: expected a torch tensor, given {type(x).__name__}"
        )
    dtype = str(x.dtype)
    if "float" not in dtype and not (backend == "numpy" and x.dtype == object):
        raise ContractViolation(f"{call}: {name}: expected floating point numbers, given {dtype}")


def _check_same(call: str, name: str, x: Any, other: str, first: Any) -> None:
    if x.dtype != first.dtype:
        raise ContractViolation(
            f"{call}: {name}: expected {first.dtype} as {other} has, given {x.dtype}"
        )
    _check_device(call, name, x, other, first)


def _check_device(call: str, name: str, x: Any, other: str, first: Any) -> None:
    if getattr(x, "device", None) != getattr(first, "device", None):
        raise ContractViolation(
            f"{call}: {name}: expected device {first.device} as {other} has, given {x.device}"
        )


def _check_shape(
    call: str, s: Signal, shape: tuple[int, ...], sizes: dict[str, int], kind: str = ""
) -> None:
    axes = [*LEAD[kind or s.kind], *s.dims]
    known = ", ".join(str(sizes.get(a, a)) for a in axes)
    wrong = f"{call}: {s.name}: expected {_shape(s, kind)} = [{known}], given {list(shape)}"
    if len(shape) != len(axes):
        raise ContractViolation(wrong)
    for axis, size in zip(axes, shape, strict=True):
        if axis.isidentifier():
            want = sizes.setdefault(axis, size)
        else:
            parts = [p for p in axis.split("+") if not p.isdigit() and p not in sizes]
            if parts:
                continue
            want = extent(axis, sizes)
        if want != size:
            raise ContractViolation(wrong)


def _check_state(
    call: str,
    layer: Layer,
    state: Any,
    sizes: dict[str, int],
    backend: str,
    first: tuple[str, Any],
) -> None:
    states = layer.of_kind("state")
    kept = "cache" if isinstance(layer, KernelLayer) else "state"
    parts = [state] if len(states) == 1 else state
    if len(states) > 1 and (not isinstance(state, tuple) or len(state) != len(states)):
        names = ", ".join(s.name for s in states)
        given = f"{len(state)} parts" if isinstance(state, tuple) else type(state).__name__
        raise ContractViolation(f"{call}: state: expected a tuple ({names}), given {given}")
    for s, x in zip(states, parts, strict=True):
        _check_array(call, f"state {s.name}", x, backend)
        _check_device(call, f"state {s.name}", x, *first)
        _check_shape(call, s, tuple(x.shape), sizes, kept)


def _check_domain(call: str, s: Signal, x: Any) -> None:
    values = x.detach().cpu().double().numpy() if hasattr(x, "detach") else np.asarray(x)
    values = values.astype(float)
    low, high = s.domain.interval.low, s.domain.interval.high
    bad = np.zeros(values.shape, bool)
    if low is not None:
        bad |= (values <= float(low)) if s.domain.interval.low_open else (values < float(low))
    if high is not None:
        bad |= (values >= float(high)) if s.domain.interval.high_open else (values > float(high))
    if s.domain.values is not None:
        bad |= ~np.isin(values, [float(v) for v in s.domain.values])
    if s.domain.unit:
        bad |= abs((values**2).sum(-1, keepdims=True) - 1) > 1e-5
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ContractViolation(
            f"{call}: {s.name}{list(at)}: expected a value in {s.domain}, given {values[at]}"
        )


def check_lengths(
    layer: Layer, lengths: Sequence[int], tokens: Mapping[str, Any], state: Any = None
) -> None:
    """ContractViolation unless lengths of packed sequences fit tokens [1, H, L, ...].

    state: of a sum over the past a list of as many caches.
    """
    call = f"run({layer.name}, lengths={list(lengths)})"
    if not lengths or min(lengths) < 1:
        raise ContractViolation(f"{call}: lengths: expected whole numbers of at least 1")
    for name, x in tokens.items():
        if len(x.shape) < 3 or x.shape[0] != 1 or x.shape[2] != sum(lengths):
            raise ContractViolation(
                f"{call}: {name}: expected a batch of 1 and L = {sum(lengths)}, "
                f"given {list(x.shape)}"
            )
    if isinstance(layer, KernelLayer) and state is not None:
        given = f"{len(state)}" if isinstance(state, list) else f"a {type(state).__name__}"
        if given != f"{len(lengths)}":
            raise ContractViolation(
                f"{call}: state: expected a list of {len(lengths)} caches, given {given}"
            )


def shared_heads(layer: Layer, signals: Mapping[str, Any], heads: int) -> dict[str, Any]:
    """Signals with every head repeated for the group of heads that it serves.

    heads: how many there are then. Raises ContractViolation where a signal's do not divide it.
    """
    out = {}
    for name, x in signals.items():
        axis = 0 if any(s.name == name for s in layer.of_kind("constant")) else 1
        have = x.shape[axis] if len(x.shape) > axis else 0
        if not have or heads % have:
            raise ContractViolation(
                f"run({layer.name}, heads={heads}): {name}: expected a number of heads that "
                f"divides {heads}, given {have}"
            )
        repeat = getattr(x, "repeat_interleave", None)
        group = heads // have
        out[name] = repeat(group, axis) if repeat else np.repeat(x, group, axis)
    return out
