"""Names for long functions in a printed form: few, defined before use, and exact when put back."""

from __future__ import annotations

from dsf_sym import derive, find
from dsf_sym.arithmetic.poly import ONE, ZERO, Frac, variable
from dsf_sym.index.terms import substitute
from dsf_sym.rendering.naming import named
from dsf_sym.rendering.sheet import latex_form


def test_values_put_back_give_the_form():
    space = derive(find("s4"))
    short = named(space)
    assert 1 < len(short.values) < 5
    earlier = set()
    for atom, value in short.values:
        used = {a for a in value.atoms() if a.key.endswith("(named)")}
        assert used <= earlier
        earlier.add(atom)
    for key, form in short.space.Lam.items():
        for atom, value in reversed(short.values):
            form = substitute(form, {atom: value})
        assert form == space.Lam[key]


def test_short_layers_get_no_names():
    for name in ("gla", "gated_deltanet", "lru"):
        space = derive(find(name))
        assert named(space).values == ()
        assert named(space).space == space


def test_latex_defines_every_name():
    shown = latex_form(derive(find("s4")))
    assert "G &= \\frac{1}{" in shown and len(shown) < 4000


def test_common_factors_of_fractions_are_not_multiplied_out():
    x, y, z = (variable(i) for i in range(3))
    p, q = ONE + x * y, ONE + x * z
    a, b = Frac(x, p), Frac(y, q)
    assert (a * a.inverse()).num.is_one() and (a * a.inverse()).den.is_one()
    both = (a + b) + (a + b)
    assert both.den == p * q
    assert (a + b - a - b).num == ZERO
