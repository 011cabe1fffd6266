"""Generated text: schedules by structure, headers and hashes, drift, and determinism."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from codegen_layers import EXTRA

from dsf_sym import Gate, Scalar, State, Vec, catalogue, find, layer, outer
from dsf_sym.codegen import (
    TARGETS,
    check_generated,
    free_gates,
    generate,
    generator_hash,
    hashes,
    program,
    write,
)
from dsf_sym.errors import DsfError, LanguageError, UnknownName
from dsf_sym.language.loading import load

ROOT = Path(__file__).resolve().parents[1]
GENERATED = ROOT / "numeric" / "generated"
LAYERS = {**catalogue(), **EXTRA}
FAST = {"parallel", "chunkwise"}
SCAN = {"associative_scan"}
CONSTANT = {"convolution"}
ALL = FAST | SCAN | CONSTANT
EXPECTED = {
    "linear_attention": FAST | SCAN,
    "scalar_gated": FAST | SCAN,
    "retnet": ALL,
    "rwkv4": SCAN | CONSTANT,
    "rwkv5": ALL,
    "s4d": SCAN | CONSTANT,
    "lru": SCAN | CONSTANT,
    "ssd": FAST | SCAN,
    "gla": FAST | SCAN,
    "deltanet": FAST,
    "gated_deltanet": FAST,
    "decay_then_correct": FAST,
    "two_columns": FAST,
    "rwkv7_transposed": FAST,
    "bonus": FAST | SCAN,
    "s6": SCAN,
    "s6_softplus": SCAN,
    "value_decay": SCAN,
    "learned_start": SCAN,
    "three_axes": FAST | SCAN,
    "linear_attention_normalised": FAST | SCAN,
    "two_states": FAST | SCAN,
    "bounded_ratio": FAST | SCAN,
    "delta_and_decay": FAST,
    "joined_keys": FAST | SCAN,
    "dense_constant": set(),
    "rotation": SCAN | CONSTANT,
    "rotation_by_token": SCAN,
    "pair_and_memory": SCAN | CONSTANT,
    "entangled": SCAN,
    "longhorn": {"chunkwise"},
    "rates_of_values": {"chunkwise"},
    "multi_head_linear_attention": FAST | SCAN,
    "headed_gates": FAST | SCAN,
    "headed_correction": FAST,
    "s4": set(),
    "householder_two": set(),
    "softmax_attention": {"parallel"},
    "cauchy": {"parallel"},
}


@pytest.mark.parametrize("name", list(EXPECTED))
def test_the_structure_found_chooses_the_schedules(name):
    made = program(LAYERS[name])
    assert {f.schedule for f in made.functions} == EXPECTED[name] | {"recurrent"}
    why = dict(made.skipped)
    assert set(why) == ALL - EXPECTED[name]
    text = " ".join(generate(LAYERS[name], "numpy").split())
    assert all(f"no {s}: {why[s]}" in text for s in why)


def test_nothing_is_chosen_by_a_layers_name():
    own = generate(LAYERS["gla"], "torch").partition('\n"""\n\n')[2]
    renamed = LAYERS["gla"].given(name="my_layer")
    assert generate(renamed, "torch").partition('\n"""\n\n')[2] == own
    sources = "".join(p.read_text() for p in (ROOT / "dsf_sym" / "codegen").glob("*.py"))
    for name in catalogue():
        assert not re.search(rf"[\"']{name}[\"']", sources), name


def test_checked_in_files_are_what_the_generator_writes():
    assert [str(drift) for drift in check_generated(GENERATED)] == []
    assert check_generated(GENERATED, hash_only=True) == []


def test_drift_orphans_and_missing_files_are_found(tmp_path):
    layers = {name: LAYERS[name] for name in ("gla", "ssd")}
    for each in layers.values():
        write(each, tmp_path)
    assert check_generated(tmp_path, layers) == []
    edited = tmp_path / "gla_numpy.py"
    edited.write_text(edited.read_text().replace("alpha_i[..., :, None] * S", "S"))
    (tmp_path / "old_layer_torch.py").write_text("")
    (tmp_path / "ssd_torch.py").unlink()
    for hash_only in (False, True):
        found = check_generated(tmp_path, layers, hash_only=hash_only)
        assert {(d.path.name, d.kind) for d in found} == {
            ("gla_numpy.py", "changed"),
            ("old_layer_torch.py", "orphan"),
            ("ssd_torch.py", "missing"),
        }
        (changed,) = [d for d in found if d.kind == "changed"]
        assert "-        S = S + k_i" in changed.diff
        assert "+        S = alpha_i[..., :" in changed.diff
        assert "is not what the generator writes" in str(changed)


def test_a_changed_layer_or_generator_is_drift(tmp_path):
    write(LAYERS["gla"], tmp_path)
    layers = {"gla": LAYERS["gla"].given(name="gla", k="1 - alpha")}
    assert {d.kind for d in check_generated(tmp_path, layers, hash_only=True)} == {"changed"}
    for path in tmp_path.glob("*.py"):
        path.write_text(path.read_text().replace(generator_hash(), "0" * 64))
    found = check_generated(tmp_path, {"gla": LAYERS["gla"]}, hash_only=True)
    assert {d.kind for d in found} == {"changed"}


@pytest.mark.parametrize("target", list(TARGETS))
def test_the_header_says_what_made_the_file(target):
    text = generate(LAYERS["ssd"], target)
    assert f"Made by `dsf generate ssd --print {target}` from derivations/ssd.py." in text
    assert "Delta: [B, H, L], (0, inf)" in text and "A: [H], (-inf, 0)" in text
    assert "Transition: exp(A Delta) * identity." in text
    assert set(hashes(text)) == {"spec", "generator", "body"}
    assert hashes(text)["spec"] == LAYERS["ssd"].hash


@pytest.mark.parametrize("name", list(LAYERS))
@pytest.mark.parametrize("target", list(TARGETS))
def test_generated_text_is_valid_and_has_no_unused_names(name, target):
    text = generate(LAYERS[name], target)
    compile(text, name, "exec")
    assert max(map(len, text.splitlines())) <= 100
    assert f"import {'torch' if target == 'numpy' else 'numpy'}" not in text
    assert not re.search(r"for \w+ in range\(L\)", text)


def test_text_does_not_depend_on_hash_seed_or_order():
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "import hashlib\n"
        "from codegen_layers import EXTRA\n"
        "from dsf_sym import catalogue\n"
        "from dsf_sym.codegen import generate\n"
        "layers = {**catalogue(), **EXTRA}\n"
        "names = sorted(layers, reverse=len(sys.argv) > 1)\n"
        "texts = {n: generate(layers[n], t) for n in names for t in ('numpy', 'torch')}\n"
        "print(hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest())\n"
    )
    seen = set()
    for seed, extra in (("0", []), ("31337", ["reverse"])):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code, *extra],
            capture_output=True,
            text=True,
            env=env,
            cwd=ROOT,
            check=True,
        )
        seen.add(done.stdout)
    assert len(seen) == 1


def test_free_gates_leave_a_rational_layer_as_it_is():
    assert free_gates(LAYERS["gla"]) is LAYERS["gla"]
    free = free_gates(LAYERS["s6_softplus"])
    gate = free.signal("exponential_1")
    assert gate.dims == ("d", "n") and gate.kind == "token"
    assert str(gate.domain) in ("(0, 1)", "(0, 1]")


def test_names_of_the_code_may_be_names_of_signals():
    @layer
    def clash(S: State["n", "d"], rows: Vec["n"], n: Vec["n"], y: Vec["d"], decay: Gate):
        S = decay * S + outer(n, y)
        return S, rows @ S

    text = generate(clash, "numpy")
    assert "def chunkwise(rows, n, y, decay, state=None, chunk=64):" in text


def test_a_signal_may_not_take_the_name_of_an_argument():
    @layer
    def taken(h: State["n"], chunk: Vec["n"], a: Gate):
        h = a * h + chunk
        return h, h

    with pytest.raises(LanguageError, match="code needs the name 'chunk'; rename the signal"):
        generate(taken, "numpy")


def test_a_layer_without_tokens_has_no_code():
    @layer
    def clock(h: State["n"], c: Scalar):
        h = h + 1
        return h, h

    constant = clock.given(c=1)
    with pytest.raises(LanguageError, match="reads no token"):
        generate(constant, "numpy")


def test_bad_requests_say_what_to_do(tmp_path):
    with pytest.raises(UnknownName, match="no such target; did you mean numpy"):
        generate(find("gla"), "nunpy")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DsfError, match="cannot be written"):
        write(find("gla"), blocked)
    with pytest.raises(UnknownName, match="cannot name a file"):
        write(find("gla").given(k="1 - alpha"), tmp_path)


def test_a_users_file_is_generated_where_they_say(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text(
        "from dsf_sym import Gate, State, Vec, layer, outer\n\n\n"
        "@layer\n"
        'def mine(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], f: Gate):\n'
        '    """Mine."""\n'
        "    S = f * S + outer(k, v)\n"
        "    return S, q @ S\n"
    )
    (made,) = load(source).values()
    paths = write(made, tmp_path / "out")
    assert [p.name for p in paths] == ["mine_numpy.py", "mine_torch.py"]
    assert "Made by `dsf generate mine.py:mine --print numpy`" in paths[0].read_text()
