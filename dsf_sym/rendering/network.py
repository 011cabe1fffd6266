"""One product of vectors and matrices read as matrix notation.

Labels are the vertices of a graph, matrices its edges; vectors sit on the vertices. Summed labels
are removed one by one: a leaf is a matrix times a vector, a vertex between two edges a product of
matrices. What is left lies on the free labels, or matrix notation cannot write the product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..index.atoms import Atom, Factor
from .assemble import compose, hadamard, transposed
from .glyphs import GREEK
from .notation import Compose, Diag, Identity, Node, Ones, Symbol, Trace, Transpose, shape

Edge = tuple[int, int, Node]


@dataclass
class _Graph:
    """Vectors by label, edges as (row label, column label, matrix), and the size of every label."""

    vectors: dict[int, list[Node]]
    edges: list[Edge]
    dims: dict[int, str]

    def touching(self, label: int) -> list[Edge]:
        return [e for e in self.edges if label in e[:2]]

    def vector(self, label: int) -> Node:
        """The product entry by entry of what sits on a label."""
        size = (self.dims[label],)
        return hadamard([(v, (0,)) for v in self.vectors.get(label, [])], size, ())

    def replace(self, old: list[Edge], new: Edge) -> None:
        for edge in old:
            self.edges.remove(edge)
        self.edges.append(new)


def network(
    factors: list[Factor],
    row: int | None,
    col: int | None,
    dims: dict[int, str],
    entrywise: bool,
    read: Callable[[Atom], Node],
) -> Node | None:
    """The notation of a product: a scalar, a column over `row`, or a matrix; or None.

    entrywise: vectors that scale a matrix are written with ⊙ where their size names the axis.
    read: the node of an atom.
    """
    sizes = dict(dims)
    sizes.update((x, d) for atom, ls in factors for x, d in zip(ls, atom.dims, strict=True))
    if row is None and len(factors) == 1 and len(set(factors[0][1])) == 1 < len(factors[0][1]):
        return Trace(read(factors[0][0])) if len(factors[0][1]) == 2 else None
    graph = _Graph({}, [], sizes)
    diagonal = False
    for atom, labels in factors:
        if atom.kind == "eye" and set(labels) == {row, col} and row != col:
            diagonal = True
        elif len(labels) == 1:
            graph.vectors.setdefault(labels[0], []).append(read(atom))
        elif len(labels) == 2 and labels[0] != labels[1] and atom.kind != "eye":
            graph.edges.append((labels[0], labels[1], read(atom)))
        else:
            return None
    trace = _reduce(graph, sorted({x for _, ls in factors for x in ls if x < 0}, reverse=True))
    if trace is not None:
        return trace if row is None else None
    if row is None:
        return _scalar(graph)
    used = {x for e in graph.edges for x in e[:2]}.union(x for x, v in graph.vectors.items() if v)
    if min(used, default=0) < 0:
        return None
    if col is None:
        return None if graph.edges else graph.vector(row)
    if diagonal:
        if graph.edges:
            return None
        graph.vectors[row] = graph.vectors.get(row, []) + graph.vectors.get(col, [])
        return Diag(graph.vector(row)) if graph.vectors[row] else Identity(sizes[row])
    if not graph.edges:
        return compose(graph.vector(row), transposed(graph.vector(col)))
    return _matrix(graph, row, col, entrywise)


def _matrix(graph: _Graph, row: int, col: int, entrywise: bool) -> Node:
    """The matrix between the row label and the column label, scaled along both."""
    size = (graph.dims[row],), (graph.dims[col],)
    node = hadamard([(_from(e, row), (0, 1)) for e in graph.edges], *size)
    if entrywise and graph.dims[row] != graph.dims[col]:
        scaled = [(graph.vector(x), (i,)) for i, x in enumerate((row, col)) if graph.vectors.get(x)]
        return hadamard([*scaled, (node, (0, 1))], *size)
    left, right = ([Diag(graph.vector(x))] if graph.vectors.get(x) else [] for x in (row, col))
    return compose(*left, node, *right)


def _scalar(graph: _Graph) -> Node | None:
    """`u^T (v ⊙ w)` for the vectors on the one label that is left."""
    left = [x for x, vectors in graph.vectors.items() if vectors]
    if graph.edges or len(left) != 1:
        return None
    vectors, size = graph.vectors[left[0]], (graph.dims[left[0]],)
    if len(vectors) == 1:
        return compose(Ones((), size), vectors[0])
    # k^T (alpha ⊙ q): gates, which have Greek names, stand between keys and queries.
    at = next((i for i, v in enumerate(vectors) if _is_letter(v)), 0)
    rest = vectors[:at] + vectors[at + 1 :]
    return compose(transposed(vectors[at]), hadamard([(v, (0,)) for v in rest], size, ()))


def _is_letter(vector: Node) -> bool:
    return isinstance(vector, Symbol) and vector.atom.name not in GREEK


def _reduce(graph: _Graph, summed: list[int]) -> Node | None:
    """Remove summed labels while one can be removed; the trace when that closes a loop."""
    while True:
        for label in summed:
            pair = graph.touching(label)
            if len(pair) == 2:
                closed = _series(graph, label, pair, summed)
                if closed is not None:
                    return closed
        if not (_merge_parallel(graph, summed) or _fold_leaf(graph, summed)):
            return None


def _series(graph: _Graph, label: int, pair: list[Edge], summed: list[int]) -> Node | None:
    """Join the two edges at a label into one; the trace when they are all there is."""
    a, b = (e[1] if e[0] == label else e[0] for e in pair)
    scale = [Diag(graph.vector(label))] if graph.vectors.get(label) else []
    if a == b:
        alone = a in summed and not graph.vectors.get(a) and len(graph.edges) == 2
        loop = compose(_from(pair[0], a), *scale, _from(pair[1], label))
        return Trace(min(loop, transposed(loop), key=_turned)) if alone else None
    ways = [
        (a, b, compose(_from(pair[0], a), *scale, _from(pair[1], label))),
        (b, a, compose(_from(pair[1], b), *scale, _from(pair[0], label))),
    ]
    graph.vectors.pop(label, None)
    graph.replace(pair, min(ways, key=lambda way: _turned(way[2])))
    return None


def _merge_parallel(graph: _Graph, summed: list[int]) -> bool:
    for i, first in enumerate(graph.edges):
        for second in graph.edges[i + 1 :]:
            if set(first[:2]) == set(second[:2]) and set(first[:2]) & set(summed):
                row, col, node = first
                both = [(node, (0, 1)), (_from(second, row), (0, 1))]
                graph.replace([first, second], (row, col, hadamard(both, *shape(node))))
                return True
    return False


def _fold_leaf(graph: _Graph, summed: list[int]) -> bool:
    for label in sorted(summed, key=lambda x: not any(x == e[1] for e in graph.edges)):
        touching = graph.touching(label)
        if len(touching) == 1:
            row, col, _ = touching[0]
            other = row if col == label else col
            image = compose(_from(touching[0], other), graph.vector(label))
            graph.edges.remove(touching[0])
            graph.vectors.pop(label, None)
            graph.vectors.setdefault(other, []).append(image)
            return True
    return False


def _from(edge: Edge, row: int) -> Node:
    """The matrix of an edge with its rows at `row`."""
    return edge[2] if edge[0] == row else transposed(edge[2])


def _turned(node: Node) -> int:
    factors = node.factors if isinstance(node, Compose) else (node,)
    return sum(isinstance(f, Transpose) for f in factors)
