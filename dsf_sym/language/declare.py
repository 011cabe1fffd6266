"""What the arguments of a step are: annotations such as `State["n", "d"]`, `Vec["n"]`, `Gate`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import LanguageError
from .domains import FLAG, GATE, NEGATIVE, POSITIVE, REAL, UNIT, Domain
from .tensor import Dims


@dataclass(frozen=True)
class Declaration:
    """One argument: `kind` is state, token (a signal, new at every step) or constant (a weight).

    Indexing gives the sizes: `Gate` is one number a token, `Gate["n"]` one for each key feature.
    rank: the number of sizes it must have, or None for any.
    """

    label: str
    kind: str = "token"
    domain: Domain = REAL
    dims: Dims = ()
    rank: int | None = None

    def __getitem__(self, sizes: str | tuple[str, ...]) -> Declaration:
        dims = sizes if isinstance(sizes, tuple) else (sizes,)
        for size in dims:
            if not isinstance(size, str) or not _is_size(size):
                raise LanguageError(
                    f"{self.label}[{', '.join(map(repr, dims))}]: {size!r} is not a size; "
                    'write names such as "n", "d", whole numbers such as "3", or sums "n+m"'
                )
        return replace(self, dims=dims)

    def check(self, argument: str) -> Declaration:
        """The declaration itself, or LanguageError when it lacks sizes."""
        if self.rank is not None and len(self.dims) != self.rank:
            example = ", ".join(f'"{c}"' for c in "nd"[: self.rank])
            raise LanguageError(
                f"{argument}: {self.label}{list(self.dims) if self.dims else ''} needs "
                f"{self.rank} size{'s' * (self.rank > 1)}: {self.label}[{example}]"
            )
        return self


def _is_size(size: str) -> bool:
    return all(p.isidentifier() or (p.isdigit() and int(p) > 0) for p in size.split("+"))


@dataclass(frozen=True)
class _Constant:
    """`Const[Vec["n"]]`: the same for every token, a weight of the layer."""

    def __getitem__(self, declaration: object) -> Declaration:
        if not isinstance(declaration, Declaration) or declaration.kind == "state":
            raise LanguageError(
                f"Const[{declaration!r}]: write the kind of signal inside, as Const[Scalar], "
                'Const[Gate] or Const[Vec["n"]]'
            )
        return replace(declaration, kind="constant")


State = Declaration("State", kind="state")
Scalar = Declaration("Scalar", rank=0)
Vec = Declaration("Vec", rank=1)
Mat = Declaration("Mat", rank=2)
Real = Declaration("Real")
Positive = Declaration("Positive", domain=POSITIVE)
Negative = Declaration("Negative", domain=NEGATIVE)
Gate = Declaration("Gate", domain=GATE)
Unit = Declaration("Unit", domain=UNIT, rank=1)
Flag = Declaration("Flag", domain=FLAG)
Const = _Constant()

DECLARATIONS = {d.label: d for d in (Scalar, Vec, Mat, Real, Positive, Negative, Gate, Unit, Flag)}
