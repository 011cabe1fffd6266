"""`--json`: every command prints one object that fits the schema in the package."""

import json
from pathlib import Path

import pytest

from dsf_sym.cli import run
from dsf_sym.cli.app import COMMANDS
from dsf_sym.schema import load

MY_LAYER = str(Path(__file__).parent.parent / "examples" / "my_layer.py")
TYPES = {
    "null": lambda x: x is None,
    "boolean": lambda x: isinstance(x, bool),
    "string": lambda x: isinstance(x, str),
    "integer": lambda x: isinstance(x, int) and not isinstance(x, bool),
    "number": lambda x: isinstance(x, int | float) and not isinstance(x, bool),
    "array": lambda x: isinstance(x, list),
    "object": lambda x: isinstance(x, dict),
}
KEYWORDS = {
    "$schema", "$defs", "$ref", "title", "description", "type", "const", "enum", "anyOf",
    "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minimum",
}  # fmt: skip


def faults(value, schema, defs, at="$"):
    """What is wrong with a value, for the keywords that the schema uses."""
    assert set(schema) <= KEYWORDS, set(schema) - KEYWORDS
    if "$ref" in schema:
        return faults(value, defs[schema["$ref"].removeprefix("#/$defs/")], defs, at)
    out = []
    kinds = schema.get("type", list(TYPES))
    if not any(TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return [f"{at}: {value!r} is not {kinds}"]
    if "const" in schema and value != schema["const"]:
        out.append(f"{at}: {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{at}: {value!r} is not one of {schema['enum']}")
    if "anyOf" in schema:
        tried = [faults(value, option, defs, at) for option in schema["anyOf"]]
        if all(tried):
            out += min(tried, key=len)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        out += [f"{at}: no {key}" for key in schema.get("required", []) if key not in value]
        other = schema.get("additionalProperties", True)
        for key, item in value.items():
            if key in known:
                out += faults(item, known[key], defs, f"{at}.{key}")
            elif other is False:
                out.append(f"{at}: unknown {key}")
            elif other is not True:
                out += faults(item, other, defs, f"{at}.{key}")
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            out.append(f"{at}: {len(value)} items")
        for i, item in enumerate(value):
            out += faults(item, schema.get("items", {}), defs, f"{at}[{i}]")
    if "minimum" in schema and isinstance(value, int | float) and value < schema["minimum"]:
        out.append(f"{at}: {value} is below {schema['minimum']}")
    return out


@pytest.fixture
def ask(capsys):
    """Run a command with --json and return its exit code and its answer, checked."""

    def call(*arguments):
        code = run([*map(str, arguments), "--json"])
        answer = json.loads(capsys.readouterr().out)
        defs = load()["$defs"]
        name = "failure" if "error" in answer else answer["command"]
        name = "latex" if "latex" in answer else name
        assert faults(answer, defs[name], defs) == []
        assert faults(answer, load(), defs) == []
        return code, answer

    return call


@pytest.mark.parametrize(
    ("arguments", "verdict", "code"),
    [
        (("gated_deltanet", MY_LAYER), "proved", 0),
        (("gla", "deltanet", "--sizes", "n=3,d=1"), "refuted", 1),
        (("s6", "ssd", "--given", "ssd.D = 0"), "refuted", 1),
        (("gla", "retnet"), "conditional", 4),
        (("gla", "deltanet", "--timeout", "0.000001"), "undecided", 3),
    ],
)
def test_compare(ask, arguments, verdict, code):
    got, answer = ask("compare", *arguments)
    assert (got, answer["verdict"]) == (code, verdict)


def test_a_witness_has_the_shapes_of_the_signals(ask):
    _, answer = ask("compare", "gla", "s6", "--sizes", "n=3,d=2")
    token = answer["witness"]["tokens"][0]
    assert [len(token[name]) for name in ("q", "k", "v", "alpha")] == [3, 3, 2, 3]
    assert [len(row) for row in answer["witness"]["weights"]["A"]] == [3, 3]
    _, answer = ask("compare", MY_LAYER, "deltanet")
    assert isinstance(answer["witness"]["tokens"][0]["alpha"], str)


def test_every_command_fits_the_schema(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    certificate = tmp_path / "c.json"
    asked = {
        "bench": ("symbolic", "--largest", "5", "--limit", "1"),
        "claims": ("linear-attention-is-gradient-descent-on-the-correlation-of-key-and-value",),
        "compare": ("gla", "retnet", "--certificate", certificate),
        "conditions": ("gated_deltanet", "deltanet"),
        "check": (MY_LAYER, "--against", "gated_deltanet", "deltanet", "s6"),
        "doctor": (),
        "explain": ("gated_deltanet", "deltanet"),
        "generate": ("gla", "--to", "made"),
        "list": (),
        "minimal": ("s6",),
        "new": ("fresh",),
        "recheck": (certificate, "nowhere.json"),
        "relations": ("gla", "hgrn2", "deltanet", "multi_head_linear_attention"),
        "show": ("s6",),
        "taylor": ("--radius", "2", "--tol", "0.01"),
        "verify": ("linear_attention",),
    }
    assert set(asked) == set(COMMANDS)
    for command, arguments in asked.items():
        _, answer = ask(command, *arguments)
        assert answer["command"] == command
    quick = ("--layer", "ssd", "--length", "16", "--length", "32", "--rounds", "1")
    ask("bench", "code", *quick, "--processes", "1")
    ask("show", "s6", "--latex")
    ask("compare", "gal", "gla")
    ask("compare")


def test_the_schema_refuses_what_does_not_fit(ask):
    _, answer = ask("compare", "gla", "retnet")
    defs = load()["$defs"]
    for key, wrong in (("verdict", "true"), ("sizes", {"n": 0}), ("ties", "none"), ("extra", 1)):
        assert faults({**answer, key: wrong}, defs["compare"], defs)
    for key in answer:
        assert faults({k: v for k, v in answer.items() if k != key}, defs["compare"], defs)
