"""The loop IR: assignments and one kind of loop, over expressions with symbolic shapes.

An expression is the library's own expression graph (`tensor`), read with leading axes that it does
not name: batch, heads and time before a loop over tokens; batch, heads and chunks around the
positions of a chunk. What a graph cannot say (cutting into chunks, decay ratios, triangular
solves, scans) is an operation. A target is one printer of these classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..language.layer import Signal
from ..language.tensor import Dims, Tensor

POSITION = "C"
"""The size name of the positions of one chunk; no layer's size is called so."""
QUERY, ENTRY = "(i)", "(j)"
"""The size names of a block's queries and of the entries of the cache."""


@dataclass(frozen=True)
class Decay:
    """The transitions' diagonal, cut into chunks: positions, and features where it has `keys`.

    name: the variable; None where Λ has no decay. log: it holds logarithms, and a transition from
    j to i is exp of their sum over that segment; otherwise it holds factors, which are multiplied.
    Both are formed from position j + 1 on, so a factor of 0 (log -inf) works: nothing is subtracted
    or divided.
    """

    name: str | None
    keys: bool = False
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """`value` repeated to batch, heads, time + `dims`, its features made one axis where `merged`.

    thin: features along which it is the same may stay of length 1.
    """

    value: Tensor
    dims: Dims
    merged: bool = False
    thin: bool = False


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
    """The decay from a chunk's start to each position, that position's own included."""

    decay: Decay


@dataclass(frozen=True)
class ToEnd:
    """The decay from each position to its chunk's end, its own left out."""

    decay: Decay


@dataclass(frozen=True)
class Ratio:
    """The decay from position j to each i >= j, 0 elsewhere; the causal mask without a decay.

    rows: an array that has the positions.
    """

    decay: Decay
    rows: str


@dataclass(frozen=True)
class Earlier:
    """Every position's entry taken from the position before it, `fill` at the first."""

    source: str
    fill: int
    features: int


@dataclass(frozen=True)
class Scores:
    """`Σ_n rows[i, n] ratio[i, j, n] cols[j, n]` for a decay along the keys, as matrix products.

    before: the ratio from j to i - 1 instead, for j < i.
    """

    rows: str
    cols: str
    decay: Decay
    before: bool = False


@dataclass(frozen=True)
class Inverse:
    """The inverse of `I - matrix`, where `matrix` is strictly lower triangular."""

    matrix: str


@dataclass(frozen=True)
class SolvedEach:
    """x with `x_i = right_i + rates_i ⊙ Σ_j lower_ij x_j`, for a strictly lower triangular matrix.

    Every column of x has its own rates, and so its own triangular system.
    """

    lower: str
    rates: str
    right: str


@dataclass(frozen=True)
class Scan:
    """`h_i = factor_i h_{i-1} + term_i` along time, entry by entry, from `start`."""

    factor: str
    term: str
    start: str


@dataclass(frozen=True)
class Constant:
    """`value`, which reads no token, repeated to heads, one time step + `dims`."""

    value: Tensor
    dims: Dims


@dataclass(frozen=True)
class Convolution:
    """`h_i = Λ h_{i-1} + term_i` along time for several states, with a constant Λ.

    factors: for every row the variables of Λ's entries, None where they are zero. What comes back
    is one array a state.
    """

    factors: tuple[tuple[str | None, ...], ...]
    terms: tuple[str, ...]
    starts: tuple[str, ...]


@dataclass(frozen=True)
class ScanTogether:
    """`h_i = Λ_i h_{i-1} + term_i` along time for several states, entry by entry.

    Arguments and what comes back are those of a convolution; here Λ may depend on the token.
    """

    factors: tuple[tuple[str | None, ...], ...]
    terms: tuple[str, ...]
    starts: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """One of several arrays."""

    source: str
    index: int


@dataclass(frozen=True)
class Previous:
    """Every token's entry taken from the token before it, that of the first from `start`."""

    source: str
    start: str


@dataclass(frozen=True)
class Last:
    """The last entry of an array along time, or along the positions of a chunk."""

    source: str
    features: int


@dataclass(frozen=True)
class Start:
    """The state a sequence starts from: the argument where given, else `constant`, else zero."""

    given: str
    constant: str | None
    dims: Dims


@dataclass(frozen=True)
class Matrix:
    """A state as a matrix of its `keys` axes by its `values` axes.

    rows, columns: arrays whose last axes are as long as the two.
    """

    source: str
    rows: str
    columns: str
    keys: tuple[int, ...]
    values: tuple[int, ...]


@dataclass(frozen=True)
class FromMatrix:
    """A matrix of keys by values turned back into the state's own axes, of sizes `dims`."""

    source: str
    keys: tuple[int, ...]
    values: tuple[int, ...]
    dims: Dims


@dataclass(frozen=True)
class Features:
    """A token array whose last axis is turned back into axes of sizes `dims`."""

    source: str
    dims: Dims


@dataclass(frozen=True)
class Joined:
    """The cache `given`, where there is one, with new entries after it, along time."""

    given: str
    new: str


@dataclass(frozen=True)
class Seen:
    """An array over queries, entries and further features, where the entry is no later.

    The last query is that of the last entry. Elsewhere it is 0, or -inf where `least`.
    """

    source: str
    features: int
    least: bool = False


@dataclass(frozen=True)
class BelowLargest:
    """An array over queries, entries and further features, less each query's largest entry."""

    source: str
    features: int


Operation = (
    Tensor
    | Whole
    | Chunked
    | Unchunked
    | FromStart
    | ToEnd
    | Ratio
    | Earlier
    | Scores
    | Inverse
    | SolvedEach
    | Scan
    | Constant
    | Convolution
    | ScanTogether
    | Item
    | Previous
    | Last
    | Start
    | Matrix
    | FromMatrix
    | Features
    | Joined
    | Seen
    | BelowLargest
)


@dataclass(frozen=True)
class Let:
    """`name = value`."""

    name: str
    value: Operation


@dataclass(frozen=True)
class Loop:
    """For every token or chunk in turn: `body`, which assigns what is carried anew.

    over: pairs (slice, source); a source is cut along time.
    before, after: pairs (value, list): the values at the start or the end of every turn, stacked
    along time after the loop.
    """

    over: tuple[tuple[str, str], ...]
    body: tuple[Let, ...]
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Function:
    """One schedule of one layer, from its signals and states to its outputs and new states.

    output: the variable of y. states: pairs (state, variable of its last value). chunk: the default
    length of a chunk. blocks: the body is run on one chunk after the other, each handing its state
    to the next, so that nothing larger than a chunk's states is held. by_position: positions are
    axes of the expressions, and batch and heads alone lead. calls: the schedule that this one is
    for chunks of `chunk`, in place of a body. beside: the size of an axis that the body takes as a
    part of that of the heads; signals and states that have it have it first.
    """

    schedule: str
    doc: str
    body: tuple[Let | Loop, ...]
    output: str
    states: tuple[tuple[str, str], ...]
    chunk: int | None = None
    blocks: bool = False
    by_position: bool = False
    calls: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Program:
    """Every schedule of a layer that its structure allows, and why the others have no code.

    arguments: the names under which the signals are passed; `signals` have those of the code.
    leader: a token signal, whose shape gives batch, heads and time. sizes: for each size name a
    variable, an array that has it, and the axis counted from the end.
    """

    name: str
    signals: tuple[Signal, ...]
    arguments: tuple[str, ...]
    leader: str
    sizes: tuple[tuple[str, str, str, int], ...]
    functions: tuple[Function, ...]
    skipped: tuple[tuple[str, str], ...]
    structure: str
