"""Claims: statements beside the layers they are about, each settled by a general procedure.

A claim is data: a sentence, the procedure that settles it with its arguments, and the verdict that
is expected. `settle` runs it; a verdict other than the expected one is a change that must be seen.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import LanguageError, UnknownName
from .language.loading import in_file, stated
from .processes import pool

if TYPE_CHECKING:
    from .verdict import Verdict

PACKAGE = "derivations"
PROCEDURES = {
    "equal": "theory.procedures:equal",
    "within": "theory.bounds:within",
    "affine state": "theory.tables:has_affine_state",
    "finitely many features": "theory.kernels:finitely_many_features",
    "positive definite": "theory.features:positive_definite",
    "feature count": "theory.features:feature_count",
    "gaussian mean": "theory.random_features:gaussian_mean",
    "conditions": "theory.procedures:under_conditions",
    "contains": "theory.procedures:contained",
    "finite state": "theory.tables:has_finite_state",
    "no state with history": "theory.history:needs_no_state_with_history",
    "smallest continuous state": "theory.tables:has_smallest_continuous_state",
    "smallest state formula": "theory.size_formulas:smallest_state_formula",
    "feature formula": "theory.size_formulas:feature_formula",
    "state at every length": "theory.every_length:state_at_every_length",
    "sign at every degree": "theory.families:sign_at_every_degree",
    "zeros of powers": "theory.families:zeros_of_powers",
    "smallest state": "theory.tables:has_smallest_state",
    "eigenvalues": "theory.spectrum:eigenvalues",
    "transitions": "theory.spectrum:transitions",
    "memory": "theory.memory:memory",
    "order": "theory.memory:order",
    "bounded where": "theory.growth:bounded_where",
    "stationary": "theory.memory:stationary",
    "coefficient sum": "theory.memory:coefficient_sum",
    "radius": "theory.spectrum:radius",
    "spectrum is invariant": "theory.duality:spectrum_is_invariant",
    "same form": "theory.duality:same_form",
    "masked attention": "theory.duality:masked_attention",
    "state at length": "theory.state_size:state_at_length",
    "rank is state": "theory.state_size:rank_is_state",
    "heads": "theory.state_size:heads",
    "state match": "theory.state_size:state_match",
    "embeds": "theory.state_size:embeds",
    "series gap": "theory.discretisation:series_gap",
    "root": "theory.analysis:root",
    "exponential sign": "theory.analysis:exponential_sign",
}


@dataclass(frozen=True)
class Claim:
    """A sentence, what settles it, and the expected status.

    procedure: a key of PROCEDURES; arguments: its keyword arguments, layers by name or as they are.
    paper: the entries of the benchmark of statements that it covers. source: where it is stated.
    slip: whether the source says so by mistake; else a refuted claim is a reading of it, or the
    opposite of what it says.
    """

    sentence: str
    procedure: str
    arguments: Mapping[str, Any]
    expect: str
    paper: tuple[int, ...] = ()
    source: str = ""
    slip: bool = False

    @property
    def name(self) -> str:
        """The sentence as an anchor: "ssd-is-s6-with-one-decay"."""
        return re.sub(r"[^a-z0-9]+", "-", self.sentence.lower()).strip("-")


@dataclass(frozen=True)
class Outcome:
    """A settled claim."""

    claim: Claim
    verdict: Verdict
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether the verdict is the expected one."""
        return self.verdict.status == self.claim.expect


def claim(
    sentence: str,
    procedure: str,
    *,
    expect: str,
    paper: int | tuple[int, ...] = (),
    source: str = "",
    slip: bool = False,
    **arguments: Any,
) -> Claim:
    """A claim to put into the list `claims` of a file of the catalogue.

    Raises LanguageError for an unknown procedure or verdict, and for a slip that is not refuted or
    has no source.
    """
    if procedure not in PROCEDURES:
        known = ", ".join(sorted(PROCEDURES))
        raise LanguageError(f"claim({sentence!r}): no procedure {procedure!r}; there are {known}")
    if expect not in ("proved", "conditional", "refuted", "undecided"):
        raise LanguageError(
            f"claim({sentence!r}): expect={expect!r} is none of proved, conditional, refuted, "
            "undecided"
        )
    if slip and (expect != "refuted" or not source):
        raise LanguageError(
            f"claim({sentence!r}): a slip is a statement that its source makes and that is "
            'refuted: say source=... and expect="refuted", or leave slip out'
        )
    entries = (paper,) if isinstance(paper, int) else tuple(paper)
    return Claim(sentence, procedure, arguments, expect, entries, source, slip)


def claims(file: str | None = None) -> dict[str, Claim]:
    """The claims of the catalogue by name, those about the paper first, in its order.

    file: those that a file states instead, in the order of the file, each called `FILE.py:NAME`.
    Raises LanguageError where two have one name, or where a file states none; LoadError.
    """
    listed = list(_stated()) if file is None else stated(file)
    if not isinstance(listed, list | tuple) or not all(isinstance(x, Claim) for x in listed):
        raise LanguageError(f"{file or PACKAGE}: `claims` is to be a list of claim(...)")
    found: dict[str, Claim] = {}
    for each in listed:
        if each.name in found:
            raise LanguageError(f"two claims are called {each.name!r}; word one differently")
        found[each.name] = each
    if file is not None:
        if not found:
            raise LanguageError(f"{file} states no claims; write claims = [claim(...)] in it")
        return {f"{file}:{name}": each for name, each in found.items()}
    order = sorted(found.values(), key=lambda c: (not c.paper, c.paper, c.name))
    return {each.name: each for each in order}


def named(references: Sequence[str]) -> dict[str, Claim]:
    """Claims by their names: of the catalogue, `FILE.py:NAME`, or all of a `FILE.py`.

    Raises UnknownName; for a file what `claims` raises.
    """
    sources: dict[str | None, dict[str, Claim]] = {}
    out: dict[str, Claim] = {}
    for reference in references:
        file, name = in_file(reference) or (None, reference)
        if file not in sources:
            sources[file] = claims(file)
        known = sources[file]
        if name and reference not in known:
            raise UnknownName(f"no claim {reference!r}; see: dsf claims {file or ''}".rstrip())
        out |= {reference: known[reference]} if name else known
    return out


def _stated() -> Iterator[Claim]:
    package = importlib.import_module(PACKAGE)
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{PACKAGE}.{info.name}")
            yield from getattr(module, "claims", ())


def settle(of: Claim | str) -> Outcome:
    """Run the procedure of a claim, given by itself or by name.

    Raises UnknownName for an unknown one, LanguageError for arguments that the procedure lacks.
    """
    if isinstance(of, str):
        of = named([of])[of]
    began = time.perf_counter()
    procedure = _procedure(of.procedure)
    takes = inspect.signature(procedure)
    try:
        takes.bind(**of.arguments)
    except TypeError as error:
        raise LanguageError(
            f"claim({of.sentence!r}, {of.procedure!r}): {error}; {of.procedure!r} takes "
            f"{', '.join(takes.parameters)}"
        ) from None
    verdict = procedure(**of.arguments)
    return Outcome(of, verdict, time.perf_counter() - began)


def settle_all(
    names: Sequence[str], *, workers: int | None = None, recheck: bool = False
) -> Iterator[Outcome]:
    """The outcomes of claims by name, in the order given, settled in processes beside each other.

    recheck: verify every certificate anew, and raise Rejected for one that does not prove it.
    Raises what `named` raises.
    """
    known = named(names)
    with pool(workers or os.cpu_count() or 1, "settled claims") as submit:
        for future in [submit(_settled, name, recheck) for name in known]:
            name, verdict, seconds = future.result()
            yield Outcome(known[name], verdict, seconds)


def _settled(name: str, recheck: bool) -> tuple[str, Verdict, float]:
    outcome = settle(name)
    if recheck and outcome.verdict.certificate is not None:
        from .certificates.checkers import recheck as verify

        verify(outcome.verdict.certificate)
    return name, outcome.verdict, outcome.seconds


def _procedure(name: str) -> Callable[..., Verdict]:
    module, _, function = PROCEDURES[name].partition(":")
    found: Callable[..., Verdict] = getattr(importlib.import_module(f"dsf_sym.{module}"), function)
    return found
