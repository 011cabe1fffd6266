"""A decision past this machine's memory is refused before it starts, and no other is."""

import layers
import pytest

from dsf_sym.automata import closure
from dsf_sym.deciding.decide import compare
from dsf_sym.errors import SizeError

TOLD = "MemTotal: {0} kB\nMemFree: 0 kB\nMemAvailable: {0} kB\n"


@pytest.mark.parametrize("kilobytes", [0, 1, 1 << 20])
def test_memory_that_holds_copies_of_files_counts_as_free(kilobytes, tmp_path, monkeypatch):
    monkeypatch.setattr(closure, "MEMORY", tmp_path / "meminfo")
    closure.MEMORY.write_text(TOLD.format(kilobytes))
    a, b = layers.gated_delta, layers.gated_delta_in_two
    if kilobytes == 1 << 20:
        assert compare(a, b, sizes={"n": 3, "d": 3}).status == "proved"
    else:
        with pytest.raises(SizeError, match=r"0\.0 GiB free; take smaller sizes"):
            compare(a, b, sizes={"n": 3, "d": 3})


@pytest.mark.parametrize("told", ["", "MemAvailable:\n", "MemAvailable: much kB\n"])
def test_a_system_that_tells_nothing_readable_is_asked_another_way(told, tmp_path, monkeypatch):
    monkeypatch.setattr(closure, "MEMORY", tmp_path / "meminfo")
    closure.MEMORY.write_text(told)
    with pytest.raises(SizeError, match=r"dimension 1800000001, .* GiB, and this machine has"):
        compare(layers.gated_delta, layers.gla, sizes={"n": 30000, "d": 30000})
