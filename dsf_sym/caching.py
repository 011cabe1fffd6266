"""Verdicts kept between runs, one file each, found by the hash of the question and the library.

What is kept is read back as data. An entry that cannot be read, or that answers another question,
is as good as absent; with `recheck`, one whose certificate does not prove it is too.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from .certificates.checkers import recheck
from .certificates.senses import EQUALITY, NEGATIVE
from .deciding.originals import confirm
from .errors import DsfError, Rejected
from .language.evaluate import Sizes
from .language.layer import Layer
from .verdict import Question, Verdict, Witness

KEPT_LIBRARIES = 4


class CacheError(DsfError):
    """An entry or the folder of the cache cannot be used; the message is for the reader."""


def library_hash(root: Path | None = None) -> str:
    """SHA-256 of every Python file of the library, its name included."""
    top = root or Path(__file__).parent
    found = hashlib.sha256()
    for path in sorted(top.rglob("*.py")):
        content = path.read_bytes()
        found.update(f"{path.relative_to(top).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def user_folder() -> Path:
    """The folder for this program in the user's cache folder (XDG_CACHE_HOME, ~/.cache)."""
    named = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path("~/.cache").expanduser()
    return base / "dsf-workbench"


@dataclass(frozen=True)
class Cache:
    """Verdicts in a folder, for one version of the library.

    library: the hash of its source; entries of any other are not seen. recheck: verify the
    certificate of an entry before it is returned, and return none without a certificate.
    """

    folder: Path = field(default_factory=user_folder)
    library: str = field(default_factory=library_hash)
    recheck: bool = False

    def get(self, a: Layer, b: Layer, sense: str, *, sizes: Sizes, seed: int = 0) -> Verdict | None:
        """The verdict kept for this question, or None; CacheError where one is there but unfit."""
        key = _key(a, b, sense, sizes, seed)
        path = self._path(key)
        what = f"the answer kept in {path}"
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            if entry["digest"] != _digest([entry["key"], entry["verdict"]]):
                raise ValueError("it was changed")
            if entry["key"] != key:
                raise ValueError("it is about another question")
            verdict = _verdict(entry["verdict"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CacheError(f"{what} cannot be read: {error.strerror}") from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise CacheError(f"{what} is not used: {error}") from None
        if not self.recheck:
            return verdict
        if verdict.certificate is None:
            return None
        try:
            require_proof(verdict, a, b, sense)
        except DsfError as error:
            raise CacheError(f"{what} is rejected: {error}") from None
        return verdict

    def put(
        self, verdicts: Sequence[tuple[Layer, Layer, str, Sizes, Verdict]], *, seed: int = 0
    ) -> None:
        """Keep verdicts, each with its layers, its sense and the sizes that were asked for.

        Each file is written whole or not at all. Raises CacheError where the folder cannot be
        written, and where the library's source is no longer that of `library`.
        """
        if library_hash() != self.library:
            raise CacheError("the library has changed since this run began: no answer is kept")
        try:
            self._open()
            for a, b, sense, sizes, verdict in verdicts:
                key = _key(a, b, sense, sizes, seed)
                data = json.loads(json.dumps(_data(verdict)))
                text = json.dumps({"key": key, "verdict": data, "digest": _digest([key, data])})
                _write(self._path(key), text)
        except OSError as error:
            raise CacheError(f"{self.folder} cannot be written: {error.strerror}") from None

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.folder / self.library[:16] / f"{_digest([self.library, key])[:40]}.json"

    def _open(self) -> None:
        """Make the folder of this library, and remove those of all but the last few."""
        own = self.folder / self.library[:16]
        if own.is_dir():
            return
        own.mkdir(parents=True, exist_ok=True)
        others = [x for x in self.folder.iterdir() if x != own and x.is_dir()]
        others.sort(key=lambda x: x.stat().st_mtime, reverse=True)
        for old in others[KEPT_LIBRARIES - 1 :]:
            shutil.rmtree(old, ignore_errors=True)


def require_proof(verdict: Verdict, a: Layer, b: Layer, sense: str) -> None:
    """Refuse a verdict that its certificate does not prove, about these layers; raises Rejected.

    The checker verifies the certificate anew; the verdict must then say what the certificate says.
    """
    data = verdict.certificate
    if data is None:
        raise Rejected("there is no certificate")
    said = recheck(data)
    if data["kind"] not in (*EQUALITY, *NEGATIVE):
        raise Rejected(f"a certificate of this kind ({data['kind']}) decides no such question")
    claim = data["claim"]
    if claim["layers"] != [a.name, b.name]:
        raise Rejected(f"the certificate is about {' and '.join(claim['layers'])}")
    if a.name == b.name:
        raise Rejected("both layers have one name, so the certificate could be about either")
    confirm(data, {a.name: a, b.name: b})
    question = Question(
        a.name,
        b.name,
        tuple(claim["given"]),
        tuple(claim["bridges"]),
        tuple(claim["domains"]),
        claim["sense"],
    )
    conditions = (*claim["bridges"], *claim["where"])
    status = "refuted" if data["kind"] in NEGATIVE else "conditional" if conditions else "proved"
    tokens = [{n: [str(x) for x in xs] for n, xs in t.items()} for t in _tokens(verdict)]
    for what, kept, proved in (
        ("question", verdict.question, question),
        ("sense", claim["sense"], sense),
        ("answer", verdict.status, status),
        ("conditions", verdict.conditions, () if status == "refuted" else conditions),
        ("sizes", verdict.sizes, data.get("sizes")),
        ("tokens", tokens, data["tokens"] if data["kind"] == "difference" else []),
        ("words", verdict.proof if data["kind"] == "obstruction" else said, said),
    ):
        if kept != proved:
            raise Rejected(f"its {what} {kept!r} is not what the certificate proves: {proved!r}")


def _tokens(verdict: Verdict) -> Sequence[Mapping[str, Sequence[Fraction]]]:
    return () if verdict.witness is None else verdict.witness.tokens


def _key(a: Layer, b: Layer, sense: str, sizes: Sizes, seed: int) -> dict[str, Any]:
    return {
        "layers": [[layer.name, layer.source, layer.hash] for layer in (a, b)],
        "sense": sense,
        "sizes": dict(sorted(sizes.items())),
        "seed": seed,
        "with": _computed_with(),
    }


@cache
def _computed_with() -> dict[str, str]:
    """The versions of what the library computes with: another one could answer otherwise."""
    found = {"python": python_version()}
    for name in ("sympy", "numpy", "python-flint", "mpmath"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Write beside the file and rename, so that another process reads all of it or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _data(verdict: Verdict) -> dict[str, Any]:
    data = asdict(verdict)
    if verdict.witness is not None:
        data["witness"]["tokens"] = [_texts(t) for t in verdict.witness.tokens]
        data["witness"]["constants"] = _texts(verdict.witness.constants)
    return data


def _texts(values: Mapping[str, Sequence[Fraction]]) -> dict[str, list[str]]:
    return {name: [str(x) for x in xs] for name, xs in values.items()}


def _verdict(data: Mapping[str, Any]) -> Verdict:
    asked, found = data["question"], data["witness"]
    lists = {name: tuple(asked[name]) for name in ("given", "bridges", "domains")}
    witness = None
    if found is not None:
        left, right = found["outputs"]
        witness = Witness(
            tuple(map(_fractions, found["tokens"])),
            _fractions(found["constants"]),
            (tuple(left), tuple(right)),
        )
    return Verdict(
        **{
            **data,
            "question": Question(**{**asked, **lists}),
            "witness": witness,
            "conditions": tuple(data["conditions"]),
        }
    )


def _fractions(values: Mapping[str, Sequence[str]]) -> dict[str, list[Fraction]]:
    return {str(name): [Fraction(x) for x in xs] for name, xs in values.items()}
