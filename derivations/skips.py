"""Skip connections with a weight λ around attention with layer normalisation: claims.

arXiv 2410.10609, ICLR 2025, theorem 4.1: λ² > a (S C_M + |λ|)² keeps a fraction a^K after K layers.
"""

from dsf_sym import Const, Gate, Positive, State, claim, layer, sqrt

# root is √a for a in (0, 1), size is S C_M.


@layer
def _margin(skip: Positive, root: Gate, size: Positive):
    """λ² - a (S C_M + |λ|)²."""
    return (skip**2 - root**2 * (size + skip) ** 2,)


@layer
def _margin_factored(skip: Positive, root: Gate, size: Positive):
    """((1 - √a) λ - √a S C_M) ((1 + √a) λ + √a S C_M)."""
    return (((1 - root) * skip - root * size) * ((1 + root) * skip + root * size),)


@layer
def _second_factor(skip: Positive, root: Gate, size: Positive):
    """(1 + √a) λ + √a S C_M."""
    return ((1 + root) * skip + root * size,)


def _threshold(form):
    @layer
    def threshold(r: Positive, size: Positive):
        """√a / (1 - √a) S C_M, and (a + √a) / (1 - a) S C_M, at √a = 1 / (1 + r)."""
        root = 1 / (1 + r)
        return (form(root) * size,)

    return threshold


@layer(start={"x": "first"})
def _lower_bound(x: State, first: Const[Positive], a: Const[Gate]):
    """a^K times the first value: what the bound leaves after K layers."""
    x = a * x
    return x, x


@layer
def _margin_without_loss(skip: Positive, size: Positive, more: Positive):
    """The margin for a = 1 + more, with which the bound would not shrink with depth."""
    return (skip**2 - (1 + more) * (size + skip) ** 2,)


@layer
def _margin_at_one(skip: Positive, size: Positive):
    """The margin for a = 1."""
    return (skip**2 - (size + skip) ** 2,)


@layer
def _threshold_of_tokens(tokens: Positive):
    """(a + √a) / (1 - a) √N at a = 0.9999, with S C_M = √N for N tokens."""
    a = (9999 + 0 * tokens) / 10000
    return ((a + sqrt(a)) / (1 - a) * sqrt(tokens),)


claims = [
    claim(
        "No skip fulfils its condition with a > 1, where the bound would grow with depth",
        "within",
        layer=_margin_without_loss,
        inside="(-inf, 0)",
        expect="proved",
        paper=(38, 39),
    ),
    claim(
        "No skip fulfils its condition with a = 1, where the bound would not shrink with depth",
        "within",
        layer=_margin_at_one,
        inside="(-inf, 0)",
        expect="proved",
        paper=(38, 39),
    ),
    claim(
        "For 128 tokens and a = 0.9999 the condition asks for a skip above 226 000",
        "within",
        layer=_threshold_of_tokens,
        inside="(226000, 227000)",
        where={"tokens": "[128, 128]"},
        expect="proved",
        paper=38,
    ),
    claim(
        "The margin of a skip, λ² - a (S C_M + λ)², has the factor (1 - √a) λ - √a S C_M",
        "equal",
        a=_margin,
        b=_margin_factored,
        expect="proved",
        paper=38,
    ),
    claim(
        "The other factor is positive: the margin is where λ is above √a / (1 - √a) S C_M",
        "within",
        layer=_second_factor,
        inside="(0, inf)",
        expect="proved",
        paper=38,
    ),
    claim(
        "Both forms of the threshold of a skip are one: √a / (1 - √a) = (a + √a) / (1 - a)",
        "equal",
        a=_threshold(lambda x: x / (1 - x)),
        b=_threshold(lambda x: (x**2 + x) / (1 - x**2)),
        expect="proved",
        paper=38,
    ),
    claim(
        "The lower bound of a skip with a < 1 vanishes with depth, exponentially",
        "memory",
        layer=_lower_bound,
        law="exponential",
        where={"a": "(0, 99/100]"},
        expect="proved",
        paper=39,
    ),
]
