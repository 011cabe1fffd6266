"""Certificates: those of the library pass, and a tampered one fails at the identity it breaks."""

import ast
import json
from pathlib import Path

import layers
import pytest

from dsf_sym import Const, Negative, Positive, Real, State, Unit, Vec, exp, layer, log, sqrt, sum
from dsf_sym.certificates import certificate as certificates
from dsf_sym.certificates import checkers
from dsf_sym.certificates.certificate import header, layer_from_spec, layers_of
from dsf_sym.certificates.checkers import CHECKERS, recheck
from dsf_sym.deciding.decide import compare
from dsf_sym.errors import CertificateError, DsfError, Rejected
from dsf_sym.verdict import Question

KINDS = {
    "intertwiner": "all sizes",
    "subspace": "at sizes",
    "constants": "constants",
    "generators": "generators",
    "roots": "roots",
    "unit norm": "unit norm",
    "difference": "rational witness",
    "balls": "ball witness",
    "letters": "two letters",
    "bridge": "a bridge",
}


@pytest.fixture(scope="module")
def made():
    """A certificate of every kind as the JSON of a file."""
    out = {}
    for name, pair in KINDS.items():
        verdict = compare(*layers.PAIRS[pair], sizes=layers.SIZES.get(pair))
        out[name] = json.dumps(verdict.certificate)
    return out


@pytest.fixture
def good(made):
    return lambda name: json.loads(made[name])


def rehash(data):
    """A forger's work: the hashes of the definitions that are there now."""
    data["hashes"] = [layer_from_spec(spec).hash for spec in data["layers"]]
    return data


def rejected(data, identity):
    with pytest.raises(Rejected, match=identity):
        recheck(data)


@pytest.mark.parametrize("name", KINDS)
def test_an_untampered_certificate_passes_and_says_what_it_proves(good, name):
    data = good(name)
    says = recheck(data)
    a, b = (spec["name"] for spec in data["layers"])
    if data["kind"] == "difference":
        assert says.startswith(f"{a} != {b}: y_") and "tokens" in says
    else:
        assert says.startswith(f"{a} = {b} for all lengths")
        assert says.endswith("all sizes" if data["kind"] == "intertwiner" else "=2")


@pytest.mark.parametrize("name", KINDS)
def test_a_certificate_carries_its_claim_version_and_hashes(good, name):
    data = good(name)
    assert data["format"] == certificates.FORMAT
    assert data["library"] == certificates.library_version()
    assert data["claim"]["sense"] == "equal"
    assert len(data["hashes"]) == len(data["layers"]) == len(data["claim"]["layers"]) == 2
    assert all(len(h) == 64 for h in data["hashes"])
    assert [x.hash for x in layers_of(data)] == data["hashes"]


@pytest.mark.parametrize(
    "name", ["gated_delta", "gain_over", "learned_decay", "unit_delta", "root_gate"]
)
def test_a_definition_survives_the_way_through_json(name):
    original = getattr(layers, name)
    copy = layer_from_spec(json.loads(json.dumps(original.spec)))
    assert copy.hash == original.hash
    assert compare(copy, original).status == "proved"


def test_the_hash_tells_definitions_apart_and_ignores_names():
    hashes = {getattr(layers, n).hash for n in ("gla", "scalar_gated", "gated_delta", "unit_delta")}
    assert len(hashes) == 4
    assert layers.gla.given(name="other").hash == layers.gla.hash
    assert layers.no_start.hash != layers.learned_start.hash

    @layer
    def gated(S: State["n"], v: Vec["n"], alpha: Positive):
        S = alpha * S + v
        return S, S

    assert gated.hash != layers.no_start.hash  # only the domain of alpha differs


SUBSPACES = ("subspace", "constants", "generators", "roots")


@pytest.mark.parametrize("name", SUBSPACES)
def test_an_empty_basis_is_rejected(good, name):
    data = good(name)
    data["basis"] = []
    rejected(data, r"x_\* in V fails: the basis is empty")
    data["basis"] = [{}]
    rejected(data, r"x_\* in V fails")


@pytest.mark.parametrize("name", SUBSPACES)
def test_a_basis_without_the_start_is_rejected(good, name):
    data = good(name)
    last = max(int(i) for row in data["basis"] for i in row)
    data["basis"] = [row for row in data["basis"] if str(last) not in row]
    assert data["basis"]
    rejected(data, r"x_\* in V fails at coordinate")


@pytest.mark.parametrize("name", SUBSPACES)
def test_a_basis_without_any_one_of_its_vectors_is_rejected(good, name):
    for i in range(len(good(name)["basis"])):
        data = good(name)
        del data["basis"][i]
        rejected(data, r"x_\* in V fails|J\(s\) V in V on basis vector \d+ fails")


@pytest.mark.parametrize("name", SUBSPACES)
def test_a_basis_with_one_entry_changed_is_rejected(good, name):
    tried = 0
    for i, row in enumerate(good(name)["basis"]):
        for column in row:
            for value in ("7/5", "0", "-1"):
                data = good(name)
                if data["basis"][i][column] == value:
                    continue
                data["basis"][i][column] = value
                rejected(
                    data,
                    r"x_\* in V fails|J\(s\) V in V|r\(s\) x = r'\(s\) x|not 1 at its pivot|"
                    "not 0 at the pivot",
                )
                tried += 1
    assert tried > 5


def test_the_whole_space_is_closed_and_reads_out_as_no_zero(good):
    """V = everything holds the start and is closed: only the readout can fail."""
    data = good("subspace")
    width = 1 + max(int(i) for row in data["basis"] for i in row)
    data["basis"] = [{str(i): "1"} for i in range(width)]
    rejected(
        data, r"r\(s\) x = r'\(s\) x fails on basis vector 0, output \[\d\]: the difference is "
    )


def test_two_vectors_with_one_pivot_are_rejected(good):
    data = good("subspace")
    data["basis"].append(dict(data["basis"][0]))
    rejected(data, "two vectors share a pivot")


def test_a_coordinate_outside_the_space_is_rejected(good):
    for at in ("99", "-1"):
        data = good("subspace")
        data["basis"][0][at] = "1"
        rejected(data, "coordinate outside 0..")


def test_a_basis_may_not_move_with_the_token(good):
    """V is one space for all tokens: a variable of the token has no name in a basis."""
    data = good("constants")
    entry = {"num": [["1", {"v[0]": 1}]], "den": [["1", {}]]}
    data["basis"][0][max(data["basis"][0])] = entry
    with pytest.raises(CertificateError, match=r"KeyError: 'v\[0\]'"):
        recheck(data)


def test_a_basis_entry_with_denominator_zero_is_rejected(good):
    data = good("constants")
    zero = [["1", {"g[0]": 1}], ["-1", {"g[0]": 1}]]
    data["basis"][0][max(data["basis"][0])] = {"num": [["1", {}]], "den": zero}
    rejected(data, "denominator 0")


def test_a_basis_at_other_sizes_is_rejected(good):
    for sizes in ({"n": 1, "d": 2}, {"n": 2, "d": 1}, {"n": 3, "d": 2}, {"n": 1, "d": 1}):
        data = good("subspace")
        data["sizes"] = sizes
        rejected(data, r"x_\* in V fails|J\(s\) V in V|coordinate outside|r\(s\) x")


@pytest.mark.parametrize("name", KINDS)
def test_a_changed_definition_is_rejected_by_its_hash(good, name):
    data = good(name)
    data["layers"][0]["signals"][0]["kind"] = "token"
    with pytest.raises((Rejected, CertificateError)):
        recheck(data)
    data = good(name)
    data["hashes"][1] = "0" * 64
    rejected(data, "has hash .* the definition or the hash was changed")


@pytest.mark.parametrize("name", ["intertwiner", "subspace", "constants"])
def test_another_layer_with_its_own_hash_is_rejected(good, name):
    """The proof of one pair says nothing about another pair of the same shapes."""
    wrong = {
        "intertwiner": layers.gated_delta.given(beta="alpha"),
        "subspace": layers.gated_delta_in_two.given(k="q", q="k"),
        "constants": layers.gain_out.given(v="2 * v"),
    }[name]
    data = good(name)
    data["layers"][1] = json.loads(json.dumps(wrong.spec))
    data["hashes"][1] = wrong.hash
    rejected(data, r"T h|r\(s\) x|J\(s\) V in V|x_\* in V|T must give")


def test_a_changed_number_with_a_recomputed_hash_is_rejected(good):
    data = good("subspace")
    numbers = [n for n in data["layers"][1]["nodes"] if n[0] == "number"]
    assert numbers
    numbers[0][2] = "11/7"
    rejected(rehash(data), r"r\(s\) x|J\(s\) V in V")


def test_a_changed_start_with_a_recomputed_hash_is_rejected(good):
    verdict = compare(layers.learned_start, layers.learned_start_twice)
    data = json.loads(json.dumps(verdict.certificate))
    assert recheck(data)
    data["layers"][1]["start"] = {}
    rejected(rehash(data), r"T h_-1 = h'_-1 for S fails|x_\* in V")


def test_a_dropped_norm_with_a_recomputed_hash_is_rejected(good):
    """What holds for unit keys must not be claimed for all keys."""
    data = good("unit norm")
    for spec in data["layers"]:
        for signal in spec["signals"]:
            signal["unit"] = False
    with pytest.raises((Rejected, CertificateError)):
        recheck(rehash(data))


def test_definitions_that_disagree_about_a_signal_are_rejected(good):
    data = good("unit norm")
    for signal in data["layers"][0]["signals"]:
        signal["unit"] = False
    with pytest.raises((Rejected, CertificateError)):
        recheck(rehash(data))
    data = good("subspace")
    alpha = next(s for s in data["layers"][0]["signals"] if s["name"] == "alpha")
    alpha["high"] = "1/2"
    rejected(rehash(data), "disagree about a signal: token alpha")
    data = good("subspace")
    alpha = next(s for s in data["layers"][0]["signals"] if s["name"] == "alpha")
    alpha["kind"] = "constant"
    rejected(rehash(data), "disagree about a signal: constant alpha")


@pytest.mark.parametrize("name", ["intertwiner", "subspace"])
def test_an_expression_whose_sizes_do_not_fit_is_no_definition(good, name):
    """A transposed label in the graph would read as a matrix of another shape, silently."""
    for at in range(2):
        nodes = good(name)["layers"][at]["nodes"]
        for i, node in enumerate(nodes):
            if len(node[1]) < 1 or node[0] == "number":
                continue
            data = good(name)
            data["layers"][at]["nodes"][i][1] = [*node[1][:-1], "m"]
            with pytest.raises(CertificateError, match=r"do not fit|cannot be read"):
                recheck(data)
            if node[0] == "product" and "->" in node[2]:
                data = good(name)
                data["layers"][at]["nodes"][i][2] = node[2].split("->")[0] + "->"
                with pytest.raises(CertificateError, match="do not fit"):
                    recheck(data)


@pytest.mark.parametrize(
    ("change", "identity"),
    [
        ({"scale": "2"}, r"f'\(T h, s\) = T f\(h, s\) for H fails: the difference is "),
        ({"scale": "-1"}, r"f'\(T h, s\) = T f\(h, s\) for H fails"),
        ({"scale": "0"}, r"T f\(h, s\)|r'\(T h, s\)"),
        ({"spec": "ab->ab"}, "wrong shape"),
        ({"spec": "ab->a"}, "does not permute the axes"),
        ({"spec": "aa->aa"}, "does not permute the axes"),
        ({"spec": ""}, "does not permute the axes"),
        ({"target": "S"}, "T must give each state of gated_delta_transposed"),
        ({"source": "H"}, "T must give each state of gated_delta_transposed"),
    ],
)
def test_a_changed_map_is_rejected(good, change, identity):
    data = good("intertwiner")
    data["map"][0] |= change
    rejected(data, identity)


def test_no_map_is_rejected(good):
    data = good("intertwiner")
    data["map"] = []
    rejected(data, "T must give each state")


def test_a_map_between_states_of_one_shape_that_crosses_them_is_rejected():
    verdict = compare(layers.two_memories, layers.two_memories)
    data = json.loads(json.dumps(verdict.certificate))
    assert recheck(data)

    @layer
    def two(S: State["n"], R: State["n"], v: Vec["n"], w: Vec["n"]):
        S, R = S + v, R + w
        return S, R, S - R

    data = json.loads(json.dumps(compare(two, two).certificate))
    for row in data["map"]:
        row["source"] = {"S": "R", "R": "S"}[row["source"]]
    rejected(data, r"T f\(h, s\) for")


def test_a_map_cannot_prove_a_readout_that_differs():
    """The steps agree under T: only r' T = r is left to fail."""

    @layer
    def once(S: State["n"], v: Vec["n"]):
        return S + v, S

    @layer
    def twice(S: State["n"], v: Vec["n"]):
        return S + v, 2 * S

    data = header("intertwiner", Question("once", "twice"), once, twice)
    data["map"] = [{"target": "S", "source": "S", "spec": "a->a", "scale": "1"}]
    rejected(json.loads(json.dumps(data)), r"r'\(T h, s\) = r\(h, s\) fails: the difference is")
    data["map"][0]["scale"] = "2"
    rejected(json.loads(json.dumps(data)), r"f'\(T h, s\) = T f\(h, s\)")


@layer
def remembers(S: State["n"], v: Vec["n"]):
    return S + v, S


@layer
def shows(H: State["n"], v: Vec["n"], S: Vec["n"]):
    return H + v, S


@layer
def entry_sums(S: State["n"], x: Vec["n"], v: Vec["n"]):
    return S + v, log(sum(exp(x))) * v


@layer
def plain_sums(S: State["n"], x: Vec["n"], v: Vec["n"]):
    return S + v, sum(x) * v


@pytest.mark.parametrize(("a", "b"), [(remembers, shows), (entry_sums, plain_sums)])
def test_a_forged_map_between_layers_that_differ_is_rejected(a, b):
    target = b.of_kind("state")[0].name
    for x, y, state in ((a, b, target), (b, a, a.of_kind("state")[0].name)):
        data = header("intertwiner", Question(x.name, y.name), x, y)
        source = x.of_kind("state")[0].name
        data["map"] = [{"target": state, "source": source, "spec": "a->a", "scale": "1"}]
        rejected(json.loads(json.dumps(data)), r"r'\(T h, s\) = r\(h, s\) fails")


def test_a_forged_basis_for_a_root_of_the_wrong_sign_is_rejected():
    @layer
    def quotient(S: State["1"], v: Vec["1"], x: Negative, y: Negative):
        return S + v, sqrt(x / y) * S

    @layer
    def product(S: State["1"], v: Vec["1"], x: Negative, y: Negative):
        return S + v, sqrt(x * y) / y * S

    data = header("closed subspace", Question("quotient", "product"), quotient, product)
    data |= {"sizes": {}, "basis": [{"0": "1", "1": "1"}, {"2": "1"}]}
    rejected(json.loads(json.dumps(data)), r"r\(s\) x = r'\(s\) x fails")


@pytest.mark.parametrize("keep", ["1", "-1"])
def test_a_forged_basis_for_a_start_of_one_sign_is_rejected(keep):
    """A constant of unit norm and size 1 is +1 or -1: a proof for one of them is none."""

    @layer(start={"S": "S0"})
    def begins(S: State["n"], S0: Const[Unit["n"]]):
        return S, S

    @layer(start={"S": "S0"})
    def constant(S: State["n"], S0: Const[Unit["n"]]):
        return S, S * 0 + int(keep)

    data = header("closed subspace", Question("begins", "constant"), begins, constant)
    data |= {"sizes": {"n": 1}, "basis": [{"0": "1", "1": "1", "2": keep}]}
    rejected(json.loads(json.dumps(data)), r"x_\* in V fails")


def test_a_forged_basis_for_tokens_of_one_sign_is_rejected():
    a, b = layers.after_minus, layers.nothing
    data = header("closed subspace", Question(a.name, b.name), a, b)
    data |= {"sizes": {"n": 1}, "basis": [{"2": "1"}]}
    rejected(json.loads(json.dumps(data)), r"J\(s\) V in V on basis vector 0 fails")
    data["basis"] = [{"0": "1", "1": "1"}, {"2": "1"}]
    rejected(json.loads(json.dumps(data)), r"r\(s\) x = r'\(s\) x fails on basis vector 0")


@pytest.mark.parametrize(
    ("change", "identity"),
    [
        ({"alpha": ["0"]}, r"token 0: alpha = 0 is outside \(0, 1\]"),
        ({"alpha": ["2"]}, r"token 0: alpha = 2 is outside \(0, 1\]"),
        ({"beta": ["-1/2"]}, "token 0: beta = -1/2 is outside"),
        ({"k": ["1"]}, "token 0: k needs 2 entries"),
        ({"k": ["1", "0", "0"]}, "token 0: k needs 2 entries"),
        ({"v": []}, "token 0: v needs 2 entries"),
    ],
)
def test_a_witness_outside_the_domain_is_rejected(good, change, identity):
    data = good("difference")
    data["tokens"][0] |= change
    rejected(data, identity)


def test_a_witness_without_a_signal_is_rejected(good):
    data = good("difference")
    del data["tokens"][0]["beta"]
    rejected(data, "token 0: beta needs 1 entries")


def test_a_witness_that_does_not_have_unit_norm_is_rejected(good):
    data = good("letters")
    data["tokens"][1]["k"] = ["1/2"]
    rejected(data, "token 1: k does not have norm 1")


@pytest.mark.parametrize("name", ["difference", "balls", "letters"])
def test_a_witness_whose_outputs_agree_is_rejected(good, name):
    data = good(name)
    for token in data["tokens"]:
        token["v"] = ["0"] * len(token["v"])
    rejected(data, "do not differ on these tokens")


@pytest.mark.parametrize("name", ["difference", "balls", "letters"])
def test_a_witness_cut_short_is_rejected(good, name):
    """It is a shortest one: without its last token there is no difference yet."""
    data = good(name)
    data["tokens"] = data["tokens"][:-1]
    rejected(data, "do not differ on these tokens")
    data["tokens"] = []
    rejected(data, "do not differ on these tokens")


def test_a_witness_for_two_copies_of_one_layer_is_rejected(good):
    data = good("difference")
    data["layers"][1], data["hashes"][1] = data["layers"][0], data["hashes"][0]
    rejected(data, "do not differ on these tokens")


def test_a_witness_at_other_sizes_is_rejected(good):
    data = good("difference")
    data["sizes"]["n"] = 3
    rejected(data, "needs 3 entries")


def test_overlapping_balls_are_no_difference():
    """Two ways to write one number, seen through functions, at a precision that cannot tell."""

    @layer
    def one(S: State["1"], v: Vec["1"], x: Real):
        return S + v, exp(x / 3) * exp(x / 3) * exp(x / 3) * S

    @layer
    def other(S: State["1"], v: Vec["1"], x: Real):
        return S + v, exp(x) * S

    data = header("difference", Question("one", "other"), one, other)
    tokens = [{"v": ["1"], "x": ["1"]}, {"v": ["1"], "x": ["2/7"]}]
    data |= {"sizes": {}, "tokens": tokens, "constants": {}, "bits": 200}
    rejected(json.loads(json.dumps(data)), "do not differ")


@pytest.mark.parametrize("bits", [0, 1, 2, -5])
def test_few_bits_never_make_a_difference(bits):
    a = layers.exp_gate
    data = header("difference", Question(a.name, a.name), a, a)
    tokens = [{"v": ["1", "1"], "x": ["1/3"]}] * 3
    data |= {"sizes": {"n": 2}, "tokens": tokens, "constants": {}, "bits": bits}
    with pytest.raises(DsfError):
        recheck(json.loads(json.dumps(data)))


BROKEN = ["1/0", "x", "", "0x1", "nan", "inf", [], {}, None, "1" * 5000, "__import__('os')"]


def paths(data, prefix=()):
    """Every place in a piece of JSON."""
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in items:
        yield (*prefix, key)
        yield from paths(value, (*prefix, key))


def put(data, path, value):
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


def drop(data, path):
    for key in path[:-1]:
        data = data[key]
    del data[path[-1]]


@pytest.mark.parametrize("name", ["intertwiner", "subspace", "constants", "difference", "balls"])
def test_a_broken_place_anywhere_is_refused_in_words(good, name):
    """Whatever is put anywhere: accepted only if the claim is still checked, and no other error."""
    whole = good(name)
    survived = []
    places = [p for p in paths(whole) if p[0] not in ("claim", "library", "format")]
    for i, path in enumerate(places):
        for value in (BROKEN[i % len(BROKEN)], BROKEN[(i + 3) % len(BROKEN)]):
            data = good(name)
            put(data, path, value)
            if data == whole:
                continue
            try:
                recheck(data)
            except DsfError:
                continue
            survived.append((path, value))
    # What survives is the layer's name, or is read as what stood there: the hash is the same.
    assert all(path[0] == "layers" for path, _ in survived), survived


@pytest.mark.parametrize("name", ["intertwiner", "subspace", "difference"])
def test_a_missing_place_anywhere_is_refused_in_words(good, name):
    survived = []
    for path in paths(good(name)):
        data = good(name)
        drop(data, path)
        try:
            recheck(data)
        except DsfError:
            continue
        survived.append(path)
    unused = {"library", "format", "claim", "bits"}
    assert all(path[0] in unused for path in survived), survived


@pytest.mark.parametrize(
    "data", [None, [], "intertwiner", 3, {}, {"kind": None}, {"kind": []}, {"kind": "proof"}]
)
def test_an_unknown_kind_is_refused_with_the_known_ones(data):
    with pytest.raises(CertificateError, match=r"unknown kind of certificate.*intertwiner"):
        recheck(data)


@pytest.mark.parametrize("kind", sorted(CHECKERS))
def test_a_certificate_with_nothing_else_is_refused(kind):
    with pytest.raises(CertificateError, match="lacks 'layers'"):
        recheck({"kind": kind})


@pytest.mark.parametrize("kind", sorted(CHECKERS))
def test_a_certificate_of_one_kind_is_none_of_another(good, kind):
    for name in ("intertwiner", "subspace", "difference"):
        data = good(name)
        if data["kind"] != kind:
            data["kind"] = kind
            with pytest.raises(DsfError):
                recheck(data)


@pytest.mark.parametrize("counts", [(0, 0), (1, 1), (2, 1), (1, 2), (3, 3)])
def test_another_number_of_layers_is_refused(good, counts):
    for name in ("intertwiner", "subspace", "difference"):
        data = good(name)
        data["layers"] = (data["layers"] * 2)[: counts[0]]
        data["hashes"] = (data["hashes"] * 2)[: counts[1]]
        with pytest.raises(DsfError):
            recheck(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a certificate"),
        ("{", "is not a certificate"),
        ("[1, 2]", "is not a certificate of format"),
        ("{}", "is not a certificate of format"),
        ('{"format": 99}', "is not a certificate of format"),
        ("[" * 100000, "is not a certificate"),
        ("\ufeff{}", "is not a certificate"),
    ],
)
def test_a_file_that_is_no_certificate_is_refused(tmp_path, text, message):
    file = tmp_path / "c.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CertificateError, match=message):
        certificates.read(file)


def test_bytes_that_are_no_text_a_folder_and_nothing_are_refused(tmp_path):
    file = tmp_path / "c.json"
    file.write_bytes(b"\xff\xfe\x00")
    for path, message in [
        (file, "is not a certificate"),
        (tmp_path, "is not a certificate"),
        (tmp_path / "none.json", "there is no such file"),
    ]:
        with pytest.raises(CertificateError, match=message):
            certificates.read(path)


def test_a_certificate_is_written_whole_and_only_where_nothing_is(tmp_path, good):
    file = tmp_path / "c.json"
    certificates.write(good("intertwiner"), file)
    assert recheck(certificates.read(file))
    before = file.read_text()
    with pytest.raises(CertificateError, match="exists already"):
        certificates.write(good("difference"), file)
    assert file.read_text() == before
    certificates.write(good("difference"), file, force=True)
    assert "!=" in recheck(certificates.read(file))
    with pytest.raises(CertificateError, match="cannot be written"):
        certificates.write(good("difference"), tmp_path / "no" / "folder.json")
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


def test_the_checkers_are_small():
    for file in Path(checkers.__file__).parent.glob("*.py"):
        assert len(file.read_text().splitlines()) <= 200, file


def test_the_checkers_share_no_search():
    """A reader who trusts a checker need not trust what found the certificate."""
    search = {"closure", "modular", "span", "words", "decide", "witness", "intertwine", "constants"}
    for file in Path(checkers.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not set(node.module.split(".")) & search, (file, node.module)
