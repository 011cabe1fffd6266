"""What Python asks of a number or an array, and a symbol cannot answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ..errors import LanguageError

NOTE = (
    "note: a step is run once, on symbols whose sizes are names. Operators act on them, and the "
    "functions of dsf_sym (exp, outer, einsum, ...), not those of NumPy, torch or math; the number "
    'n is sum(ones("n"))'
)


class Symbol:
    """The base of tensors and pairs of them: each question without an answer is refused.

    A step is run once, on symbols: a branch that silently took one side would make another layer.
    """

    __slots__ = ()
    __array_ufunc__: ClassVar[None] = None
    outranks_tensors: ClassVar[bool] = False
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise LanguageError(
            f"{self!r} has no truth value: a step may not branch on a signal's value. Write "
            "where(x, a, b), which is a where x > 0, else b"
        )

    def _no_comparison(self, other: object) -> NoReturn:
        raise LanguageError(
            f"{self!r} cannot be compared with {other!r}: a step is run once, on symbols. Write "
            "where(x - y, a, b) for a where x > y, else b; maximum(x, y) or minimum(x, y)"
        )

    def __eq__(self, other: object) -> bool:
        # Symbols are the same where they are one object: sets and records of them ask that.
        return self._no_comparison(other) if isinstance(other, Number) else self is other

    def __lt__(self, other: object) -> bool:
        self._no_comparison(other)

    __le__ = __gt__ = __ge__ = __lt__

    def _no_entries(self) -> NoReturn:
        raise LanguageError(
            f"{self!r} cannot be indexed or unpacked, and has no length: its sizes are names. "
            'Use einsum, sum or a constant vector to select entries; sum(ones("n")) is the number n'
        )

    def __iter__(self) -> NoReturn:
        self._no_entries()

    def __len__(self) -> int:
        self._no_entries()

    def __getitem__(self, key: object) -> NoReturn:
        self._no_entries()

    def __setitem__(self, key: object, value: object) -> NoReturn:
        self._no_entries()

    if not TYPE_CHECKING:  # a checker would then accept every attribute

        def __getattr__(self, name: str) -> NoReturn:
            # What is not public is asked for while an object is made: it has no text yet.
            owner = type(self).__name__ if name.startswith("_") or name in dir(self) else repr(self)
            raise AttributeError(f"{owner} has no attribute {name!r}")


def on_symbols(function: Callable[..., Any], symbols: Mapping[str, object]) -> Any:
    """What a function of signals returns for symbols; Python's own errors get a note on them."""
    try:
        return function(**symbols)
    except (AttributeError, NameError, TypeError, ValueError) as error:
        error.add_note(NOTE)
        raise
