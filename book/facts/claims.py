"""The claims that pages state: found in their sources, settled, and held to what is expected.

    ```{claim} gated_deltanet = deltanet
    :label: no-decay-is-deltanet
    :given: alpha = 1
    :expect: proved
    ```

A statement is `A = B`, `A contains B`, `minimal A is N`, or the name of a claim of the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from dsf_sym import Layer, compare, contains, find, minimal
from dsf_sym.claims import Claim, Outcome, claims, settle
from dsf_sym.cli.common import command_line, read_sizes
from dsf_sym.errors import DsfError
from dsf_sym.language.kernel import KernelLayer
from dsf_sym.rendering.report import SENSES, headline
from dsf_sym.verdict import Question, Verdict

from .folders import CLAIMS, ROOT
from .text import block, code, plain, publish, readable, witness

_FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{claim\}[ \t]+(?P<said>.+)\n(?P<options>(?::.*\n)*)(?P=fence)$",
    re.MULTILINE,
)
_OPTION = re.compile(r"^:(\w+):[ \t]*(.*)$", re.MULTILINE)
_KNOWN = ("label", "expect", "given", "sizes")
Asked = tuple[str, tuple[str, ...], str]


class ClaimError(DsfError):
    """A claim that is misspelt, or whose verdict is not the expected one."""


@dataclass(frozen=True)
class Stated:
    """A claim as a page states it, and where."""

    said: str
    label: str
    expect: str
    given: tuple[str, ...]
    sizes: str
    where: str

    @property
    def question(self) -> Asked:
        """What is asked: claims with one question have one verdict."""
        return self.said, self.given, self.sizes


@cache
def of_catalogue() -> Mapping[str, Claim]:
    """The claims of the catalogue by name, in the order of the paper."""
    return claims()


def known() -> list[Stated]:
    """The claims of the catalogue, which label themselves."""
    return [
        Stated(name, name, each.expect, (), "", f"derivations: {each.sentence}")
        for name, each in of_catalogue().items()
    ]


def stated(pages: Sequence[Path]) -> list[Stated]:
    """The claims of the pages, in order. Raises ClaimError for one that is incomplete."""
    found = {each.label: each for each in known()}
    own = len(found)
    for path in pages:
        text = path.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
            each = _read(match, f"{name}:{line}")
            if each.label in found:
                raise ClaimError(
                    f"{each.where}: the label {each.label!r} is that of {found[each.label].where}"
                )
            found[each.label] = each
        if len(_FENCE.findall(text)) != len(re.findall(r"^[`:]{3,}\{claim\}", text, re.MULTILINE)):
            raise ClaimError(f"{path}: a claim is not closed, or has more than options in it")
    return list(found.values())[own:]


def _read(match: re.Match[str], where: str) -> Stated:
    options = dict(_OPTION.findall(match["options"]))
    if unknown := options.keys() - set(_KNOWN):
        raise ClaimError(f"{where}: no option {unknown.pop()!r}; there are {', '.join(_KNOWN)}")
    if missing := {"label", "expect"} - options.keys():
        raise ClaimError(f"{where}: the option {missing.pop()!r} is missing")
    given = tuple(tie.strip() for tie in options.get("given", "").split(";") if tie.strip())
    return Stated(
        match["said"].strip(),
        options["label"],
        options["expect"],
        given,
        options.get("sizes", ""),
        where,
    )


@dataclass(frozen=True)
class Settled:
    """A claim with its verdict; `command` is what a reader types to settle it again."""

    stated: Stated
    verdict: Verdict
    command: str
    sentence: str

    def about(self, other: Stated) -> Settled:
        """The same for another claim with this question; ClaimError where it expects another."""
        return _expected(replace(self, stated=other))


def settle_alike(same: Sequence[Stated]) -> None:
    """Settle claims with one question, and write them. Raises ClaimError as `decide` does."""
    first = decide(same[0])
    for each in same:
        write(first.about(each))


def decide(claim: Stated) -> Settled:
    """Settle a claim. Raises ClaimError where the verdict is another than the page expects."""
    try:
        settled = _decide(claim)
    except DsfError as error:
        raise ClaimError(f"{claim.where}: {claim.said}: {error}") from None
    return _expected(settled)


def _expected(settled: Settled) -> Settled:
    claim, status = settled.stated, settled.verdict.status
    if status != claim.expect:
        raise ClaimError(
            f"{claim.where}: {claim.said}\n"
            f"  the page says {claim.expect}, the library says {status}: {settled.verdict.proof}\n"
            f"  see: {settled.command}"
        )
    return settled


def _decide(claim: Stated) -> Settled:
    sizes = read_sizes(claim.sizes)
    at = ["--sizes", claim.sizes] if sizes else []
    if match := re.fullmatch(r"minimal (\S+) is (\d+)", claim.said):
        layer = find(_file(match[1]))
        verdict = _minimal(layer, sizes, int(match[2]))
        command = command_line("dsf", "minimal", match[1], *at)
        return Settled(claim, verdict, command, f"the smallest state of {layer.name} is {match[2]}")
    if match := re.fullmatch(r"(\S+) (=|contains) (\S+)", claim.said):
        a, sign, b = match.groups()
        left, right = find(_file(a)), find(_file(b))
        if sign == "=":
            verdict = compare(left, right, given=claim.given, sizes=sizes)
            extra = [word for tie in claim.given for word in ("--given", tie)]
        else:
            verdict, extra = contains(left, right, sizes=sizes), ["--sense", "contains"]
        command = command_line("dsf", "compare", a, b, *extra, *at)
        return Settled(claim, verdict, command, headline(verdict))
    if claim.said not in of_catalogue():
        raise ClaimError("write `A = B`, `A contains B`, `minimal A is N`, or a name of dsf claims")
    return _from_catalogue(claim, settle(claim.said))


def _from_catalogue(claim: Stated, outcome: Outcome) -> Settled:
    command = command_line("dsf", "claims", outcome.claim.name)
    return Settled(claim, outcome.verdict, command, outcome.claim.sentence)


def _defined(claim: Stated) -> list[tuple[str, str]]:
    """The layers that a claim of the catalogue defines for itself, and what it says of each."""
    known = of_catalogue()
    arguments = known[claim.said].arguments if claim.said in known else {}
    made = [x for x in arguments.values() if isinstance(x, Layer | KernelLayer)]
    return list(dict.fromkeys((x.name, x.doc.split("\n\n")[0]) for x in made))


def _file(reference: str) -> str:
    return str(ROOT / reference) if ".py" in reference else reference


def _minimal(layer: Layer, sizes: dict[str, int], state: int) -> Verdict:
    found = minimal(layer, sizes)
    status = found.status
    if status == "proved" and found.found != state:
        status = "refuted"
    return Verdict(
        Question(layer.name, "", sense="minimal state"),
        status,
        f"a layer with {found.upper} does the same, and a table of outputs rules out fewer"
        if found.status == "proved"
        else f"between {found.lower} and {found.upper}",
        found.sizes,
        certificate=found.certificate,
    )


def write(settled: Settled) -> None:
    """Write what the directive `claim` shows: a title, the status, and the rest as MyST."""
    claim, verdict = settled.stated, settled.verdict
    (CLAIMS / f"{claim.label}.md").write_text(
        f"{verdict.status}\n{_title(settled)}\n{_body(settled)}\n", encoding="utf-8"
    )


def _title(settled: Settled) -> str:
    if settled.stated.said in of_catalogue():
        return plain(settled.sentence)
    said = settled.sentence[:1].upper() + settled.sentence[1:]
    names = sorted({settled.verdict.question.a, settled.verdict.question.b} - {""}, key=len)
    for name in reversed(names):
        said = re.sub(rf"(?<![\w`]){re.escape(name)}(?![\w`])", f"`{name}`", said, flags=re.I)
    return plain(said)


def _body(settled: Settled) -> str:
    claim, verdict = settled.stated, settled.verdict
    question = verdict.question
    rows = [("Sense", plain(SENSES.get(question.sense, question.sense)))]
    if verdict.sizes != {}:
        rows.append(("Sizes", "all" if verdict.sizes is None else code(verdict.scope)))
    for label, ties in (
        ("Maps" if question.sense == "contains" else "Given", question.given),
        ("If", verdict.conditions),
        ("On", question.domains),
    ):
        if ties:
            rows.append((label, ", ".join(code(readable(tie)) for tie in ties)))
    proof = plain(readable(verdict.proof))
    rows.append(("Proof" if verdict.witness is None else "Witness", proof))
    rows += [("Here", f"{code(readable(name))}: {plain(doc)}") for name, doc in _defined(claim)]
    parts = ["\n".join(f"{label}\n: {value}\n" for label, value in rows), witness(verdict)]
    commands = [f"$ {settled.command}"]
    if verdict.certificate is not None:
        where = publish(claim.label, verdict.certificate, CLAIMS)
        commands.append(f"$ dsf recheck {claim.label}.json")
        kind = plain(str(verdict.certificate["kind"]))
        parts.append(f"Check it yourself, or recheck its [certificate]({where}) ({kind}):")
    else:
        parts.append("Check it yourself:")
    parts.append(block("\n".join(commands), "console"))
    return "\n\n".join(part for part in parts if part)
