"""Relations between layers, one pair or many: from the cache, or decided in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from .caching import Cache, CacheError
from .certificates.certificate import layer_from_spec
from .deciding.contain import contains
from .deciding.decide import compare, complete_sizes
from .deciding.limits import OutOfTime, timed_out, within
from .deciding.obstruct import Known
from .deciding.pairing import pair
from .errors import DomainError, DsfError, NotAffine, ShapeError, SizeError
from .language.evaluate import Sizes
from .language.layer import Layer
from .processes import pool
from .relation import Relation
from .verdict import Question, Verdict

# A process takes about as long to start as these many pairs take to decide.
PAIRS_FOR_A_PROCESS = 6
Notify = Callable[[int, int], None]


@dataclass(frozen=True)
class Ask:
    """How every pair is asked about.

    sizes: values of the size names, 2 where not given. containment: ask it too, both ways.
    timeout: seconds for one decision, which is undecided after them. cache: where verdicts are
    kept, if anywhere.
    """

    sizes: Sizes = field(default_factory=dict)
    containment: bool = True
    timeout: float | None = None
    cache: Cache | None = None
    seed: int = 0


@dataclass(frozen=True)
class Related:
    """The relations, in the order of the pairs, and what to say about the cache."""

    relations: tuple[Relation, ...]
    notes: tuple[str, ...] = ()


def relate(
    pairs: Sequence[tuple[Layer, Layer]],
    ask: Ask | None = None,
    *,
    processes: int | None = 1,
    progress: Notify | None = None,
) -> Related:
    """The relation of every pair, in the order given.

    processes: how many decide at a time; None takes all processors, as far as there is work for
    them. A script that asks for more than one keeps its own work under
    `if __name__ == "__main__":`. progress: told how many pairs of how many are done. A pair that
    needs more memory at these sizes than there is stays undecided. Raises SizeError for a size that
    no layer has, or that is none.
    """
    wanted = ask or Ask()
    complete_sizes([layer for both in pairs for layer in both], wanted.sizes)
    known: dict[int, Relation] = {}
    notes: list[str] = []
    if wanted.cache is not None and not wanted.cache.recheck:
        for i, (a, b) in enumerate(pairs):
            kept = _kept(a, b, wanted, wanted.cache)
            if kept is not None:
                known[i] = kept
    waiting = [i for i in range(len(pairs)) if i not in known]
    tell = progress or (lambda done, total: None)
    tell(len(known), len(pairs))
    workers = min(
        os.cpu_count() or 1 if processes is None else processes,
        len(waiting) // PAIRS_FOR_A_PROCESS,
    )
    jobs = [_Job.of(*pairs[i], wanted) for i in waiting]
    for at, (relation, said) in _done(jobs, workers):
        known[waiting[at]] = relation
        notes += said
        tell(len(known), len(pairs))
    return Related(tuple(known[i] for i in range(len(pairs))), tuple(dict.fromkeys(notes)))


def every_pair(layers: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """Every pair of different layers, once, in the order given."""
    return [(a, b) for i, a in enumerate(layers) for b in layers[i + 1 :]]


class _NotKept(Exception):
    """A verdict that the cache does not have."""


Answer = Callable[[Layer, Layer, str, Sizes], Verdict]


def _relation(a: Layer, b: Layer, ask: Ask, answer: Answer) -> Relation:
    """Equality, and then containment both ways unless equality answers it."""
    try:
        both = pair(a, b)
    except ShapeError as error:
        return Relation(a.name, b.name, None, reason=str(error))
    except DsfError:
        equal = answer(a, b, "equal", {})
    else:
        equal = answer(a, b, "equal", _some(ask.sizes, both.a, both.b))
    found = Relation(a.name, b.name, equal)
    if found.kind == "equal" or not ask.containment:
        return found
    up, down = (answer(x, y, "contains", _some(ask.sizes, x, y)) for x, y in ((a, b), (b, a)))
    return replace(found, contains=up, contained=down)


def _some(sizes: Sizes, a: Layer, b: Layer) -> Sizes:
    names = {*a.sizes, *b.sizes}
    return {name: value for name, value in sizes.items() if name in names}


def _kept(a: Layer, b: Layer, ask: Ask, cache: Cache) -> Relation | None:
    """The relation from the cache alone, or None where a verdict is missing or unfit."""

    def answer(x: Layer, y: Layer, sense: str, sizes: Sizes) -> Verdict:
        found = cache.get(x, y, sense, sizes=sizes, seed=ask.seed)
        if found is None:
            raise _NotKept
        return found

    try:
        return _relation(a, b, ask, answer)
    except (_NotKept, CacheError):
        return None


def _decide(a: Layer, b: Layer, sense: str, sizes: Sizes, *, seed: int, known: Known) -> Verdict:
    try:
        if sense == "contains":
            return contains(a, b, sizes=sizes, seed=seed, known=known)
        return compare(a, b, sizes=sizes, seed=seed)
    except (ShapeError, DomainError, NotAffine) as error:
        question = Question(a.name, b.name, sense=sense)
        return Verdict(question, "undecided", f"cannot be compared: {error}", None)


@dataclass(frozen=True)
class _Job:
    """A pair as plain data, so that any process can decide it."""

    specs: tuple[Mapping[str, Any], Mapping[str, Any]]
    sources: tuple[str, str]
    ask: Ask

    @classmethod
    def of(cls, a: Layer, b: Layer, ask: Ask) -> _Job:
        """The job for two layers."""
        return cls((a.spec, b.spec), (a.source, b.source), ask)

    def run(self, known: Known) -> tuple[Relation, list[str]]:
        """The relation, what is new in it kept, and what to say about the cache."""
        a, b = (
            replace(layer_from_spec(spec), source=source)
            for spec, source in zip(self.specs, self.sources, strict=True)
        )
        keep, seed = self.ask.cache, self.ask.seed
        decide = partial(_decide, seed=seed, known=known)
        new: list[tuple[Layer, Layer, str, Sizes, Verdict]] = []
        notes: list[str] = []

        def answer(x: Layer, y: Layer, sense: str, sizes: Sizes) -> Verdict:
            try:
                kept = None if keep is None else keep.get(x, y, sense, sizes=sizes, seed=seed)
            except CacheError as error:
                notes.append(str(error))
                kept = None
            if kept is not None:
                return kept
            try:
                found = within(self.ask.timeout, lambda: decide(x, y, sense, sizes))
            except OutOfTime:
                seconds = self.ask.timeout or 0.0
                return timed_out(x, y, seconds=seconds, sizes=dict(sizes), sense=sense)
            except SizeError as error:
                # Not kept: another day, or another machine, has more memory.
                question = Question(x.name, y.name, sense=sense)
                return Verdict(question, "undecided", f"not decided: {error}", None)
            new.append((x, y, sense, sizes, found))
            return found

        relation = _relation(a, b, self.ask, answer)
        if keep is not None and new:
            try:
                keep.put(new, seed=seed)
            except CacheError as error:
                notes.append(str(error))
        return relation, notes


def _done(jobs: Sequence[_Job], workers: int) -> Iterator[tuple[int, tuple[Relation, list[str]]]]:
    """Each job's place and result, as they are done."""
    if workers < 2:
        known = Known()
        yield from ((i, job.run(known)) for i, job in enumerate(jobs))
        return
    from concurrent.futures import as_completed

    with pool(workers, "decided pairs") as submit:
        places = {submit(_run, job): i for i, job in enumerate(jobs)}
        for future in as_completed(places):
            yield places[future], future.result()


@cache
def _known_here() -> Known:
    """What this process has found of layers: it is asked about each again and again."""
    return Known()


def _run(job: _Job) -> tuple[Relation, list[str]]:
    return job.run(_known_here())
