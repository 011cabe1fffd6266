"""A layer's C++ file: what all share, its structs, the work of one sequence, and the entry points.

`forward` and `backward` take arrays [B, H, L, ...] of one type, one after the other as pointers; a
task is one batch entry and head, or some of its lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...language.layer import Layer, Signal
from ..c_family import count, identifier
from ..factors import NoSchedule
from ..tiles import tiles
from .plain import PlainPrinter
from .runtime import RUNTIME
from .tasks import TaskPrinter


def cpp(layer: Layer, sizes: Sequence[str]) -> tuple[str, str]:
    """The text of a layer's file, and what kind of kernel it holds.

    sizes: the size names, in the order in which the entry points take them.
    """
    printer: TaskPrinter | PlainPrinter
    try:
        printer = TaskPrinter(tiles(layer))
    except NoSchedule as why:
        printer = PlainPrinter(layer, str(why))
    parts = [
        RUNTIME.strip("\n"),
        "\n".join(_structs(layer, sizes)),
        "\n".join(printer.text()),
        "\n".join(_entries(layer, sizes, printer)),
    ]
    return "\n\n".join(parts) + "\n", printer.kind


def _structs(layer: Layer, sizes: Sequence[str]) -> list[str]:
    def struct(name: str, kind: str, signals: Sequence[Signal]) -> str:
        fields = " ".join(f"{kind} {identifier(s.name)};" for s in signals)
        return f"struct {name} {{ {fields} }};"

    inputs = [s for s in layer.signals if s.kind != "state"]
    states = layer.of_kind("state")
    names = ", ".join(["B", "H", "L", *map(identifier, sizes)])
    return [
        f"struct Size {{ long {names}; }};",
        struct("Signals", "const T*", inputs),
        struct("Gradients", "T*", inputs),
        struct("Given", "const T*", states),
        struct("States", "T*", states),
    ]


def _entries(layer: Layer, sizes: Sequence[str], printer: TaskPrinter | PlainPrinter) -> list[str]:
    inputs = [s for s in layer.signals if s.kind != "state"]
    states = layer.of_kind("state")
    output = layer.output.dims
    n, m = len(inputs), len(states)
    length = "size.L * "

    def offset(s: Signal, where: str) -> str:
        one = f"({count(s.dims)})"
        if s.kind == "token":
            return f"{where} * size.L * {one}"
        return f"{'h' if s.kind == 'constant' else where} * {one}"

    def pointer(s: Signal, at: int, const: bool = True) -> str:
        kind = "const T*" if const else "T*"
        return f"({kind})arrays[{at}] + {offset(s, 'i')}"

    def optional(s: Signal, at: int) -> str:
        return f"arrays[{at}] ? {pointer(s, at)} : 0"

    signals = ", ".join(pointer(s, i) for i, s in enumerate(inputs))
    given = ", ".join(optional(s, n + i) for i, s in enumerate(states))
    ends = ", ".join(pointer(s, n + m + 1 + i, False) for i, s in enumerate(states))
    y = f"i * {length}({count(output)})"
    gradients = []
    for i, s in enumerate(inputs):
        base = f"(T*)arrays[{n + m + 2 + m + i}]"
        if s.kind == "constant":
            where = f"((part * size.B + i / size.H) * size.H + h) * ({count(s.dims)})"
        elif printer.in_parts(s.dims):
            where = f"(part * size.B * size.H + i) * size.L * ({count(s.dims)})"
        else:
            where = offset(s, "i")
        gradients.append(f"{base} + {where}")
    first = []
    for i, s in enumerate(states):
        where = "part * size.B * size.H + i" if printer.in_parts(s.dims) else "i"
        first.append(f"(T*)arrays[{2 * n + 2 * m + 2 + i}] + ({where}) * ({count(s.dims)})")
    back = ", ".join(optional(s, n + m + 2 + i) for i, s in enumerate(states))
    split = printer.in_parts(())
    parted = [s.name for s in inputs if s.kind == "token" and printer.in_parts(s.dims)]
    parted += [s.name for s in states if printer.in_parts(s.dims)]
    head = [
        "Size size;",
        f"__builtin_memcpy(&size, sizes, {3 + len(sizes)} * sizeof(long));",
        "long failed = 0;",
        "#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1) "
        "reduction(+ : failed)",
        "for (long task = 0; task < size.B * size.H * parts; ++task) {",
        "    const long i = task / parts, part = task % parts, h = i % size.H;",
        "    (void)h; (void)part;",
        *_lanes_of(printer),
        f"    const Signals x = {{{signals}}};",
        f"    const Given start = {{{given}}};",
    ]
    return [
        'extern "C" {',
        "// The names whose gradients have one slot for each part of the lanes, and what the file",
        "// is compiled for.",
        f'const char* in_parts() {{ return "{" ".join(parted)}"; }}',
        "long most_parts(const long* sizes) {",
        "    Size size;",
        f"    __builtin_memcpy(&size, sizes, {3 + len(sizes)} * sizeof(long));",
        f"    return {'whole(' + printer.d + ') / W' if split else '1'};",
        "}",
        "// The numbers that `forward` keeps for `backward`, for one batch entry and head.",
        "long kept(const long* sizes) {",
        "    Size size;",
        f"    __builtin_memcpy(&size, sizes, {3 + len(sizes)} * sizeof(long));",
        "    return (size.L + STEPS - 1) / STEPS * record(size);",
        "}",
        "long forward(const long* sizes, void* const* arrays, long parts, long threads) {",
        *(f"    {x}" for x in head),
        f"        const States end = {{{ends}}};",
        f"        T* const keep = arrays[{n + m + 1 + m}] ? "
        f"(T*)arrays[{n + m + 1 + m}] + i * ((size.L + STEPS - 1) / STEPS) * record(size) : 0;",
        f"        failed += !forward_task(size, x, start, (T*)arrays[{n + m}] + {y}, end, keep, "
        "first, last);",
        "    }",
        "    return failed;",
        "}",
        *(
            [
                "long backward(const long* sizes, void* const* arrays, long parts, long threads) {",
                *(f"    {x}" for x in head),
                f"        const T* const keep = (const T*)arrays[{n + m}] + "
                "i * ((size.L + STEPS - 1) / STEPS) * record(size);",
                f"        const T* const y = (const T*)arrays[{n + m + 1}] + {y};",
                f"        const Given end = {{{back}}};",
                f"        const Gradients g = {{{', '.join(gradients)}}};",
                f"        const States begin = {{{', '.join(first)}}};",
                "        failed += !backward_task(size, x, start, keep, y, end, g, begin, "
                "first, last);",
                "    }",
                "    return failed;",
                "}",
            ]
            if printer.differentiable
            else []
        ),
        "}",
    ]


def _lanes_of(printer: TaskPrinter | PlainPrinter) -> list[str]:
    if not printer.in_parts(()):
        return ["    const long first = 0, last = 0;"]
    return [
        f"    const long vectors = whole({printer.d}) / W;",
        "    const long first = part * vectors / parts * W;",
        f"    const long last = least((part + 1) * vectors / parts * W, {printer.d});",
    ]
