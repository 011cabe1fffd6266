"""How fast layers forget: claims.

The product Λ_i ... Λ_{j+1} is what the state of time i keeps of that of time j.
"""

from dsf_sym import claim

claims = [
    claim(
        "Softmax attention with bounded queries and keys forgets like (j + 1) / (i + 1)",
        "memory",
        layer="softmax_attention",
        law="algebraic",
        where={"q": "[-1, 1]", "k": "[-1, 1]"},
        expect="proved",
        paper=35,
    ),
    claim(
        "S6 with steps and rates bounded from below forgets exponentially",
        "memory",
        layer="s6",
        law="exponential",
        where={"Delta": "[1/10, inf)", "A": "(-inf, -1]"},
        expect="proved",
        paper=35,
    ),
    claim(
        "Normalised attention forgets nothing",
        "memory",
        layer="normalised_attention",
        law="none",
        expect="proved",
        paper=35,
    ),
    claim(
        "Linear attention with elu + 1 on bounded queries and keys forgets exponentially",
        "memory",
        layer="linear_attention_normalised",
        law="exponential",
        where={"q": "[-1, 1]", "k": "[-1, 1]"},
        expect="refuted",
        paper=36,
    ),
    claim(
        "Normalisation changes what attention remembers",
        "memory",
        layer="normalised_attention",
        law="exponential",
        expect="refuted",
        paper=24,
    ),
    claim(
        "LRU with ν bounded from below forgets exponentially: its states turn and shrink in pairs",
        "memory",
        layer="lru",
        law="exponential",
        where={"nu": "[-2, inf)"},
        expect="proved",
    ),
    claim(
        "S4D with steps and rates bounded from below forgets exponentially",
        "memory",
        layer="s4d",
        law="exponential",
        where={"Delta": "[1/10, inf)", "A": "(-inf, -1]"},
        expect="proved",
    ),
    claim(
        "LRU forgets at a rate of 99/100 or faster, at any ν",
        "memory",
        layer="lru",
        law="exponential",
        rate="99/100",
        expect="refuted",
    ),
]
