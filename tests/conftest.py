"""What all tests share: Hypothesis without clocks or chance, so that a run can be repeated.

Small layers live in `layers.py`, which tests import by name: pytest puts this folder on the path.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("repeatable")
