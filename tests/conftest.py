"""What all tests share: Hypothesis without clocks or chance, so that a run can be repeated.

Small layers live in `layers.py`, which tests import by name: pytest puts this folder on the path.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("repeatable")


def pytest_addoption(parser):
    """`--require gpu`: run what needs one, and fail where there is none."""
    parser.addoption("--require", action="append", default=[], choices=["gpu"], help="fail without")


def pytest_collection_modifyitems(config, items):
    """Leave out what needs a GPU unless it is required."""
    if "gpu" not in config.getoption("--require"):
        left_out = [item for item in items if item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def no_answer_of_an_earlier_run(tmp_path_factory):
    """Commands keep their answers in a folder of this run, which its processes share."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        yield
