"""What tests of forged certificates share: certificates from their parts, and what refuses them."""

from dataclasses import replace
from fractions import Fraction

import pytest

from dsf_sym import Scalar, State, layer
from dsf_sym.certificates.certificate import header
from dsf_sym.certificates.checkers import recheck
from dsf_sym.errors import Rejected
from dsf_sym.language.domains import Domain, Interval
from dsf_sym.language.kernel import kernel_layer
from dsf_sym.verdict import Question

REAL = "(-inf, inf)"


def certificate(kind, *layers, **data):
    question = Question(layers[0].name, layers[-1].name, sense="any")
    return header(kind, question, layers[0], layers[1] if len(layers) > 1 else None) | data


def rejected(kind, layers, told, **data):
    with pytest.raises(Rejected, match=told):
        recheck(certificate(kind, *layers, **data))


def accepted(kind, layers, told, **data):
    assert told in recheck(certificate(kind, *layers, **data))


def kernel(function, **options):
    return kernel_layer(function, normalised=False, **options)


def inside(made, low, high, *names):
    """The layer with signals in a closed interval."""
    domain = Domain(Interval(Fraction(low), Fraction(high), False, False))
    for name in names:
        made = made.with_signal(replace(made.signal(name), domain=domain))
    return made


def token(**values):
    return {name: [x] for name, x in values.items()}


@layer
def kept(h: State, x: Scalar):
    h = h + x
    return h, h
