"""A memory that decays, then writes the error that the decayed memory makes."""

from dsf_sym import Gate, State, Vec, layer, outer


@layer
def error_writer(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate
):
    """Decay the memory, then write the error that the decayed memory makes."""
    S = alpha * S
    S = S + outer(beta * k, v - k @ S)
    return S, q @ S
