"""A constant system: some modes, each with a decay and a weight of its own."""

from dsf_sym import Const, Gate, Scalar, State, Vec, layer, ones


@layer
def modes(h: State["n"], v: Scalar, f: Const[Gate["n"]], c: Const[Vec["n"]]):
    """y_i = Σ_m c_m Σ_j f_m^{i-j} v_j."""
    h = f * h + v * ones("n")
    return h, c @ h
