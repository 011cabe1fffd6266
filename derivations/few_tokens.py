"""When delta rules agree with linear attention on a few given tokens: claims.

The keys and queries are given, the values are free: each lag adds a relation that branches.
"""

from dsf_sym import claim

claims = [
    claim(
        "On two given tokens DeltaNet with β = 1 is linear attention in exactly two ways",
        "conditions",
        a="deltanet",
        b="linear_attention",
        given=["beta = 1"],
        length=2,
        are=[["k_0 · k_1 = 0"], ["k_1 · q_1 = 0"]],
        expect="conditional",
    ),
    claim(
        "On three given tokens DeltaNet with β = 1 is linear attention in exactly four ways",
        "conditions",
        a="deltanet",
        b="linear_attention",
        given=["beta = 1"],
        length=3,
        are=[
            ["k_0 · k_1 = 0", "k_0 · k_2 = 0", "k_1 · k_2 = 0"],
            ["k_0 · k_1 = 0", "k_2 · q_2 = 0"],
            ["k_1 · q_1 = 0", "k_2 · q_2 = 0", "k_1 · q_2 = 0"],
            [
                "k_1 · q_1 = 0",
                "k_1 · k_2 = 0",
                "(k_0 · k_1)(k_1 · q_2) + (k_0 · k_2)(k_2 · q_2) = 0",
            ],
        ],
        expect="conditional",
    ),
    claim(
        "On two given tokens Gated DeltaNet with β = 1 is GLA in exactly two ways",
        "conditions",
        a="gated_deltanet",
        b="gla",
        given=["beta = 1"],
        length=2,
        are=[["k_0 · k_1 = 0"], ["k_1 · q_1 = 0"]],
        expect="conditional",
    ),
    claim(
        "On two given tokens Gated DeltaNet with β = 1 is scalar-gated attention in two ways",
        "conditions",
        a="gated_deltanet",
        b="scalar_gated",
        given=["beta = 1"],
        length=2,
        are=[["k_0 · k_1 = 0"], ["k_1 · q_1 = 0"]],
        expect="conditional",
    ),
    claim(
        "On two given tokens Gated DeltaNet is DeltaNet without decay, or where two terms cancel",
        "conditions",
        a="gated_deltanet",
        b="deltanet",
        length=2,
        are=[["alpha_1 = 1"], ["beta_1 (k_0 · k_1)(k_1 · q_1) - (k_0 · q_1) = 0"]],
        expect="conditional",
    ),
]
