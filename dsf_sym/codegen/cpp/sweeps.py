"""The recurrences of a backward pass that have the forward one's form, as C++."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..passes import Sink
from ..sweeps import Sweep
from .rows_lanes import TileLines, indented


class SweepPrinter(TileLines):
    """The kernel of one sweep. bounds: the indices of a task's part of an axis.

    grown: the factors whose adjoints have a part already.
    """

    def __init__(
        self, sweep: Sweep, bounds: Mapping[str, tuple[str, str]], grown: Collection[str]
    ) -> None:
        super().__init__(sweep.tiles)
        self.sweep, self.grown = sweep, grown
        self._bounds = bounds

    @property
    def bounds(self) -> Mapping[str, tuple[str, str]]:
        """The first and last index along an axis of which a task has a part."""
        return self._bounds

    @property
    def name(self) -> str:
        """What its functions are called."""
        way = "backward" if self.sweep.backward else "forward"
        return f"{way}_sweep{'_turned' if self.sweep.turned else ''}"

    @property
    def memory(self) -> str:
        """What the arrays are called that hold its states between tiles."""
        return "turned" if self.sweep.turned else "along"

    def fields(self) -> Iterator[tuple[str, str, str]]:
        """The sums of some lanes: type, name and number of entries."""
        for name in self.made.sums:
            yield "V", f"sum_{name}", "STEPS * MOST"

    def text(self) -> Iterator[str]:
        """The kernel of one tile, of all rows of some lanes, and of all lanes."""
        order = "long t = 0; t < b.steps; ++t"
        if self.sweep.backward:
            order = "long t = b.steps - 1; t >= 0; --t"
        yield self.head(f"{self.name}_tile")
        yield from indented(self.declared())
        yield from indented(self.states_in(self.memory))
        yield f"    for ({order}) {{"
        yield from indented(self.token("now").lines([*self.moved(), *self.summing()]), 2)
        yield "    }"
        yield from indented(self.states_out(self.memory))
        yield "}"
        yield ""
        yield "template <int C, bool TAIL>"
        yield f"static void {self.name}_lanes(const Block& b, long, long l0, long lanes) {{"
        yield "    const Size size = b.size; (void)size; (void)lanes;"
        yield from indented(self.zeros())
        yield from self.over_rows(f"{self.name}_tile", "FORWARD_ROWS")
        if self.sweep.gives:
            yield "    for (long t = 0; t < b.steps; ++t) {"
            yield from indented(self.token("now").lines(self.given_sums()), 2)
            yield "    }"
        yield "}"
        yield ""
        yield f"static void {self.name}(const Block& b) {{"
        yield "    const Size size = b.size; (void)size;"
        yield from self.over_lanes(f"{self.name}_lanes", "FORWARD_LANES")
        yield "}"

    def given_sums(self) -> list[Sink]:
        """The adjoints of factors, from the sums of all rows."""
        out = []
        for name, x in self.sweep.gives.items():
            write = "grow" if name in self.grown else "write"
            at = f"b.to_{name} + t * {self.d} + l0 + c * W"
            out.append(Sink(x, f"{write}<TAIL>({at}, {{}}, lanes);"))
        return out
