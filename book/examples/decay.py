"""A memory that decays in continuous time, cut into tokens in two ways."""

from dsf_sym import Const, Negative, Positive, State, Vec, continuous, outer


@continuous
def decay(
    h: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    A: Const[Negative["d", "n"]],
):
    """The rate h' = A ⊙ h + v kᵀ, read at q."""
    return A * h + outer(v, k), h @ q


held = decay.discretise("zoh", declared=Positive["d"], name="held")
mixed = decay.discretise("zoh_euler", declared=Positive["d"], name="mixed")
