"""Barriers in a CUDA kernel: where a thread needs what another did, and nowhere else.

A kernel is written as statements over arrays that the threads of a block share, without barriers;
each statement is right by itself. Two accesses to an array conflict where one of them writes, and
the entries that a thread has in one are not known to be those that it has in the other: they are
where both indices are the same text, of variables that are shared out over threads alike. A barrier
stands before the first statement that conflicts with one since the last barrier; through a loop the
accesses of its end come before those of its start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .loops import indented

BARRIER = "__syncthreads();"
_TOGETHER = re.compile(r"for \((; t|t0? =|Long from|int done)")
"""The loops over tokens and chunks, which the threads of a block pass through together."""
_PREFIX = re.compile(r"[A-Z_]+$|_Pragma|//")
"""What belongs to the statement after it."""
_SHARED = re.compile(r"ARRAY\(\d+, (\w+)|__shared__ T (\w+)|T\* const (grad_\w+)")
_DEFINED = re.compile(r"for \(int (\w+) = [^;]*;[^;]*;[^)]*\)|const (?:int|bool) [^;]*;")
_ASSIGNED = re.compile(r"\s*[-+*/]?=(?!=)")
_PRODUCT = re.compile(r"multiplied<T>\((\w+, \w+), ")
_COPY = re.compile(r"\(([^()]*)\) \* \([^()]*\) \+ ")
"""The first part of an index into one of several copies of an array, such as a token's."""
_OWN_CELL = re.compile(r"if \(row && live\)")
"""The condition that a thread's row and lane are there, and no other thread's."""


@dataclass(frozen=True)
class Access:
    """What a statement does with an array; own: which entries a thread has, None if unknown."""

    array: str
    own: tuple[str, ...] | None
    writes: bool

    def conflicts(self, other: Access) -> bool:
        """Whether two threads may be at one entry, and one of them writes."""
        apart = self.own is not None and self.own == other.own
        return self.array == other.array and (self.writes or other.writes) and not apart

    def later(self) -> Access:
        """The same, as the next pass through a loop sees it.

        The number of tokens at hand, by which their products are shared out, may be another then.
        """
        pairs = self.own is not None and self.own[0].endswith(", steps")
        return replace(self, own=None) if pairs else self


Open = frozenset[Access]


@dataclass(frozen=True)
class Statement:
    """Lines of a kernel: its loop is passed through by all threads together, or there is none."""

    lines: tuple[str, ...]
    head: tuple[str, ...] = ()
    body: tuple[Statement, ...] = ()


def with_barriers(kernel: Sequence[str]) -> Iterator[str]:
    """The lines of a kernel, with its barriers."""
    start = next(i for i, line in enumerate(kernel) if line.endswith(") {")) + 1
    arrays = {name for m in _SHARED.finditer("\n".join(kernel)) for name in m.groups() if name}
    yield from kernel[:start]
    lines = [line.removeprefix("    ") for line in kernel[start:-1]]
    yield from indented(_placed(_statements(lines), frozenset(), arrays)[0])
    yield kernel[-1]


def _statements(lines: Sequence[str]) -> tuple[Statement, ...]:
    """The statements of a block, each behind the pragmas and comments before it."""
    groups: list[list[str]] = []
    for line in lines:
        if groups and (line.startswith((" ", "}")) or _PREFIX.match(groups[-1][-1])):
            groups[-1].append(line)
        else:
            groups.append([line])
    return tuple(map(_statement, groups))


def _statement(lines: Sequence[str]) -> Statement:
    at = next(i for i, line in enumerate(lines) if not _PREFIX.match(line))
    if not _TOGETHER.match(lines[at]):
        return Statement(tuple(lines))
    body = [line.removeprefix("    ") for line in lines[at + 1 : -1]]
    return Statement(tuple(lines), tuple(lines[: at + 1]), _statements(body))


def _placed(
    statements: Sequence[Statement], before: Open, arrays: set[str]
) -> tuple[list[str], Open, Open]:
    """The lines with barriers, the accesses since the last one, and those at every break."""
    out: list[str] = []
    left: Open = frozenset()
    for s in statements:
        if s.head:
            lines, before = _loop(s, before, arrays)
            out += lines
            continue
        found = frozenset(_accesses(s.lines, arrays))
        if any(x.conflicts(y) for x in found for y in before):
            out.append(BARRIER)
            before = frozenset()
        out += s.lines
        before |= found
        if any("break;" in line for line in s.lines):
            left |= before
    return out, before, left


def _loop(loop: Statement, before: Open, arrays: set[str]) -> tuple[list[str], Open]:
    """The loop, and the accesses since the last barrier after it."""
    start = before
    while True:
        lines, last, left = _placed(loop.body, start, arrays)
        end = frozenset(x.later() for x in last)
        if end <= start:
            break
        start |= end
    endless = ";;" in loop.head[-1]
    return [*loop.head, *indented(lines), "}"], left if endless else before | end | left


def _accesses(lines: Sequence[str], arrays: set[str]) -> Iterator[Access]:
    """What a statement reads and writes of the arrays."""
    text = "\n".join(lines)
    known = {}
    for m in _DEFINED.finditer(text):
        for name in [m[1]] if m[1] else re.findall(r"(\w+) = ", m[0]):
            known[name] = m[0]
    product = _PRODUCT.search(text)
    result = text.index("T sum") if product else 0
    for m in re.finditer(r"(\w+)\[", text):
        if m[1] not in arrays:
            continue
        end = _closing(text, m.end())
        index = text[m.end() : end]
        writes = _ASSIGNED.match(text, end + 1) is not None
        own: tuple[str, ...] | None = None
        if product:
            own = (product[1], index) if m.start() > result else None
        else:
            line = text[text.rfind("\n", 0, m.start()) + 1 : m.start()]
            own = _own(index, known, line)
        yield Access(m[1], own, writes)


def _own(index: str, known: Mapping[str, str], line: str) -> tuple[str, ...] | None:
    """The index with what its variables are, where these share entries out over threads."""
    copy = _COPY.match(index)
    if copy and not known.keys() & re.findall(r"\w+", copy[1]):
        # Of one copy for all threads, and entries of two copies are two.
        index = index[copy.end(1) :]
    out, names = [index], re.findall(r"\w+", index)
    for name in names:
        if name in known and known[name] not in out:
            out.append(known[name])
            names += re.findall(r"\w+", known[name])
    shared = any(x.startswith("for (int") and "= thread;" in x for x in out)
    cell = "r" in names and _OWN_CELL.search(line) is not None
    return tuple(out) if shared or cell else None


def _closing(text: str, start: int) -> int:
    """Where the bracket that was opened before `start` is closed."""
    depth = 1
    for i in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[i], 0)
        if not depth:
            return i
    raise AssertionError(text[start:])


__all__ = ["BARRIER", "with_barriers"]
