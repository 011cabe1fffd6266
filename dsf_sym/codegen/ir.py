"""The loop IR: assignments and one kind of loop, over expressions with symbolic shapes.

An expression is the library's own expression graph (`tensor`), read with leading axes that its
features do not name: batch, heads and time before a loop over tokens, batch, heads and chunks around
the positions of a chunk. What a graph cannot say (cutting into chunks, decay ratios, triangular
solves, scans) is an operation. A target is one printer of these classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..tensor import Dims, Tensor

POSITION = "C"
"""The size name of the positions of one chunk; no layer's size is called so."""


@dataclass(frozen=True)
class Decay:
    """The transitions' diagonal, cut into chunks: positions, and features where it has `keys`.

    name: the variable; None where Λ has no decay. log: it holds logarithms, and a transition from j
    to i is exp of their sum over that segment. Otherwise it holds the factors, which are multiplied.
    Both are formed from position j + 1 on, so a factor of 0 (log -inf) works: nothing is subtracted
    or divided.
    """

    name: str | None
    keys: bool = False
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """`value` repeated to the token shape batch, heads, time + `dims`, features merged to `merge`.

    merge: the number of features in each merged axis, such as (2,) for a matrix made a vector.
    ready: the value has that shape already.
    """

    value: Tensor
    dims: Dims
    merge: tuple[int, ...]
    ready: bool


@dataclass(frozen=True)
class Chunked:
    """A token array cut into chunks; the last is filled up with `fill`."""

    source: str
    fill: int


@dataclass(frozen=True)
class Unchunked:
    """The token array of a chunked one, what was filled up cut off."""

    source: str


@dataclass(frozen=True)
class FromStart:
    """The decay from a chunk's start to each position, or (`before`) to the one before it."""

    decay: Decay
    before: bool = False


@dataclass(frozen=True)
class ToEnd:
    """The decay from each position to its chunk's end."""

    decay: Decay


@dataclass(frozen=True)
class Ratio:
    """The decay from each position j to each i >= j (`before`: to i - 1 >= j), 0 elsewhere.

    Without a decay the causal mask. A decay along the keys has no such matrix: see Scores.
    """

    decay: Decay
    before: bool = False


@dataclass(frozen=True)
class Scores:
    """`Σ_n rows[i, n] ratio[i, j, n] cols[j, n]` for a decay along the keys, as matrix products."""

    rows: str
    cols: str
    decay: Decay
    before: bool = False


@dataclass(frozen=True)
class Solve:
    """X with `(I - matrix) X = right`, `matrix` strictly lower triangular."""

    matrix: str
    right: str


@dataclass(frozen=True)
class Scan:
    """`h_i = factor_i h_{i-1} + term_i` along time, entry by entry, from `start`, as a tree."""

    factor: str
    term: str
    start: str


@dataclass(frozen=True)
class Last:
    """The last entry along time of a token array, or of the positions of a chunk."""

    source: str
    features: int


@dataclass(frozen=True)
class Start:
    """The state a sequence starts from: `state` where given, else `constant`, else zero.

    merge: the axes of the state in the order (keys, values) and the number of keys, where the code
    works on the state as a matrix; None where it keeps the state's own shape.
    """

    given: str
    constant: str | None
    dims: Dims
    merge: tuple[tuple[int, ...], int] | None = None


@dataclass(frozen=True)
class Unmerged:
    """A matrix of keys and values turned back into the state's own axes."""

    source: str
    dims: Dims
    merge: tuple[tuple[int, ...], int]


@dataclass(frozen=True)
class Split:
    """The values axis turned back into the output's own axes."""

    source: str
    dims: Dims


Operation = (
    Tensor
    | Whole
    | Chunked
    | Unchunked
    | FromStart
    | ToEnd
    | Ratio
    | Scores
    | Solve
    | Scan
    | Last
    | Start
    | Unmerged
    | Split
)


@dataclass(frozen=True)
class Let:
    """`name = value`."""

    name: str
    value: Operation


@dataclass(frozen=True)
class Loop:
    """For every token or chunk in turn: `body`, with `over` giving the slices of the sources.

    over: pairs (slice, source, features): the source's axes after time are its features.
    collect: pairs (name, list): values kept for each turn, stacked along time after the loop.
    """

    over: tuple[tuple[str, str], ...]
    body: tuple[Let, ...]
    collect: tuple[tuple[str, str], ...]
    length: str
    label: str


@dataclass(frozen=True)
class Function:
    """One schedule of one layer: `arguments` in order, then the state; outputs and new states."""

    schedule: str
    doc: str
    tokens: tuple[tuple[str, Dims], ...]
    constants: tuple[tuple[str, Dims], ...]
    body: tuple[Let | Loop, ...]
    output: str
    states: tuple[str, ...]
    leader: str
    chunk: int | None = None


@dataclass(frozen=True)
class Program:
    """Every schedule of a layer, and why others have no code."""

    functions: tuple[Function, ...]
    skipped: tuple[tuple[str, str], ...]
    structure: str
