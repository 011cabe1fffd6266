"""The relations of the catalogue as a drawing: layers, and lines to what each contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .folders import FIGURES
from .relations import Row

SAME = ("equal", "equivalent")
WIDTH, ROW, LINE, LETTER, GAP, PAD = 900, 74, 15, 6.3, 14, 6


@dataclass(frozen=True)
class Node:
    """Layers that do the same, in the order of their names."""

    layers: tuple[str, ...]

    @property
    def key(self) -> str:
        """The name of the node: that of its first layer."""
        return self.layers[0]

    @property
    def width(self) -> float:
        """How wide its box is."""
        return max(map(len, self.layers)) * LETTER + 2 * PAD

    @property
    def height(self) -> float:
        """How high its box is."""
        return len(self.layers) * LINE + 2 * PAD - 3


def write(relations: Mapping[str, list[Row]]) -> None:
    """Draw the graph of what contains what."""
    nodes, below = _order(relations)
    (FIGURES / "containments.svg").write_text(_drawn(nodes, below), encoding="utf-8")


def _order(relations: Mapping[str, list[Row]]) -> tuple[list[Node], dict[str, set[str]]]:
    """The nodes, and for each the keys of all that it contains, directly or through others."""
    first = {
        name: min([name, *(row.other for row in rows if row.kind in SAME)])
        for name, rows in relations.items()
    }
    nodes = [
        Node(tuple(sorted(name for name, top in first.items() if top == key)))
        for key in sorted(set(first.values()))
    ]
    below: dict[str, set[str]] = {node.key: set() for node in nodes}
    for name, rows in relations.items():
        below[first[name]] |= {first[row.other] for row in rows if row.kind == "contains"}
    # "Contains" is transitive, whether or not each pair was found by itself.
    for middle in below:
        for top in below:
            if middle in below[top]:
                below[top] |= below[middle]
    return nodes, {key: inside - {key} for key, inside in below.items()}


def _levels(nodes: Sequence[Node], below: Mapping[str, set[str]]) -> list[list[Node]]:
    """Rows of nodes: each above all that it contains; those without a line come last."""
    inside = set().union(*below.values())
    joined = [node for node in nodes if below[node.key] or node.key in inside]
    alone = [node for node in nodes if node not in joined]

    def height(key: str) -> int:
        return 1 + max(map(height, below[key]), default=-1)

    top = max((height(node.key) for node in joined), default=0)
    rows = [[n for n in joined if height(n.key) == level] for level in range(top, -1, -1)]
    return [*_wrapped(rows), *_wrapped([alone])]


def _wrapped(rows: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """Rows that are too wide, cut into several."""
    out: list[list[Node]] = []
    for row in rows:
        wide = WIDTH + 1.0
        for node in row:
            if wide + node.width + GAP > WIDTH:
                out.append([])
                wide = 0.0
            out[-1].append(node)
            wide += node.width + GAP
    return out


def _direct(below: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """The lines: without those that follow from two others."""
    return [
        (top, low)
        for top, inside in below.items()
        for low in sorted(inside)
        if not any(low in below[middle] for middle in inside)
    ]


def _places(rows: Sequence[Sequence[Node]], lines: Sequence[tuple[str, str]]) -> dict[str, float]:
    """The middle of each node: rows are ordered by where their neighbours above and below are."""
    at: dict[str, float] = {}

    def spread(row: Sequence[Node]) -> None:
        free = (WIDTH - sum(node.width for node in row)) / (len(row) + 1)
        x = free
        for node in row:
            at[node.key] = x + node.width / 2
            x += node.width + free

    order = [list(row) for row in rows]
    for row in order:
        spread(row)
    near: dict[str, list[str]] = {}
    for top, low in lines:
        near.setdefault(top, []).append(low)
        near.setdefault(low, []).append(top)
    for sweep in range(12):
        for row in order if sweep % 2 else reversed(order):
            wish = {
                n.key: sum(at[m] for m in near[n.key]) / len(near[n.key])
                if n.key in near
                else at[n.key]
                for n in row
            }
            row.sort(key=lambda node: (wish[node.key], node.key))
            spread(row)
    return at


def _drawn(nodes: Sequence[Node], below: Mapping[str, set[str]]) -> str:
    rows, lines = _levels(nodes, below), _direct(below)
    x = _places(rows, lines)
    y: dict[str, float] = {}
    down = 8.0
    for row in rows:
        for node in row:
            y[node.key] = down
        tallest = max(node.height for node in row)
        connected = any(n.key in pair for n in row for pair in lines)
        down += max(ROW if connected else 0, tallest + 26)
    height = {node.key: node.height for node in nodes}
    parts = [
        f'<path data-from="{a}" data-to="{b}" d="M{x[a]:.0f} {y[a] + height[a]:.0f}'
        f"C{x[a]:.0f} {y[a] + height[a] + 24:.0f} {x[b]:.0f} {y[b] - 24:.0f} "
        f'{x[b]:.0f} {y[b]:.0f}"/>'
        for a, b in lines
    ]
    parts += [_box(node, x[node.key], y[node.key], below[node.key]) for node in nodes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {down:.0f}" '
        f'class="containments" data-script="containments">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _box(node: Node, middle: float, top: float, inside: set[str]) -> str:
    texts = "".join(
        f'<a href="{name.replace("_", "-")}.html"><text x="{middle:.0f}" '
        f'y="{top + PAD + LINE * (i + 0.75):.0f}">{escape(name)}</text></a>'
        for i, name in enumerate(node.layers)
    )
    return (
        f'<g data-node="{node.key}" data-contains="{" ".join(sorted(inside))}"><rect '
        f'x="{middle - node.width / 2:.0f}" y="{top:.0f}" width="{node.width:.0f}" '
        f'height="{node.height:.0f}" rx="4"/>{texts}</g>'
    )
