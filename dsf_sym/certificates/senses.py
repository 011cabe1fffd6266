"""Which kinds of certificate settle which questions: the sense of a claim, and what shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Rejected

EQUALITY = (
    "intertwiner",
    "closed subspace",
    "closed subspace of the product",
    "step map",
    "kernel",
)
"""The kinds of certificate that prove two layers equal, under what the claim says."""

NEGATIVE = ("difference", "obstruction")
"""The kinds that refute a comparison."""

OF_CONDITIONS = {
    "necessary": ("only if", "never"),
    "pairwise": ("iff",),
    "conditions on tokens": ("iff",),
    "agreement at a point": ("agreement at a point",),
}
"""The senses of the kinds about conditions, of which a checker proves the one that is claimed."""

SENSE = {"obstruction": "contains", "minimality": "minimal state", "kernel rank": "kernel rank"}
"""The sense of the kinds that have one, and are about layers without ties."""

OF_LENGTHS = ("conditions on tokens", "agreement at a point")
"""The kinds about one length, which their checkers compare with the claim's."""

SENSES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(EQUALITY, ("equal", "contains")),
    "gauge": ("equal",),
    "difference": ("equal",),
    **{kind: (sense,) for kind, sense in SENSE.items()},
    **OF_CONDITIONS,
}
"""What each kind can show. A sense that none has is a question in words of its own."""


def require_sense(data: Mapping[str, Any]) -> None:
    """Refuse a claim in a sense, or on lengths, that its kind does not show; raises Rejected."""
    kind, sense = data["kind"], data["claim"]["sense"]
    known = {x for senses in SENSES.values() for x in senses}
    if sense in known and sense not in SENSES.get(kind, ()):
        raise Rejected(f"a certificate of this kind ({kind}) shows nothing in the sense {sense!r}")
    about = len(data["tokens"]) if kind == "difference" else "all"
    if kind not in OF_LENGTHS and data["claim"]["lengths"] != about:
        raise Rejected(f"the claim is about {data['claim']['lengths']} tokens, and not {about}")
