"""The cache of verdicts: what is kept equals what was decided, and nothing stale comes back."""

import json
from dataclasses import replace

import pytest
from layers import gated, leaky, summing

from dsf_sym import State, Vec, compare, contains, layer, outer
from dsf_sym import relating as module
from dsf_sym.caching import KEPT_LIBRARIES, Cache, CacheError, _digest, library_hash
from dsf_sym.cli import run
from dsf_sym.relating import Ask, relate

PAIRS = [(gated, summing), (gated, leaky), (summing, leaky)]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "kept")


@pytest.fixture
def asked(monkeypatch):
    """The questions that were decided and not read from the cache."""
    found = []
    decide = module._decide

    def noting(a, b, sense, sizes, **more):
        found.append((a.name, b.name, sense))
        return decide(a, b, sense, sizes, **more)

    monkeypatch.setattr(module, "_decide", noting)
    return found


def kept(cache):
    return sorted(cache.folder.rglob("*.json"))


def entry_on(cache, sense, status):
    (path,) = (
        p
        for p in kept(cache)
        if (e := json.loads(p.read_text()))["key"]["sense"] == sense
        and e["verdict"]["status"] == status
        and e["key"]["layers"][0][0] == "gated"
    )
    return path


def forge(path, change):
    """Change an entry as one who knows the format would: with a fitting digest."""
    entry = json.loads(path.read_text())
    change(entry["verdict"])
    entry["digest"] = _digest([entry["key"], entry["verdict"]])
    path.write_text(json.dumps(entry))


def test_the_kept_answers_are_those_that_were_decided(cache, asked):
    cold = relate(PAIRS, Ask(cache=cache))
    assert len(asked) == len(kept(cache)) == 7
    assert relate(PAIRS, Ask(cache=cache)) == cold == relate(PAIRS)
    assert len(asked) == 14


def test_another_question_is_not_answered_by_a_kept_one(cache, asked):
    @layer
    def changed(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        S = S + outer(k, v)
        return S, q @ S / 2

    relate(PAIRS[:1], Ask(cache=cache))
    asked.clear()
    now = replace(changed, name="summing", source=summing.source)
    assert relate([(gated, now)], Ask(cache=cache)).relations[0].equal.witness.length == 1
    assert len(asked) == 3
    for ask in (Ask({"n": 1}, cache=cache), Ask(seed=1, cache=cache)):
        asked.clear()
        relate(PAIRS[:1], ask)
        assert len(asked) == 3


def test_another_library_sees_none_of_it(cache, asked):
    relate(PAIRS[:1], Ask(cache=cache))
    asked.clear()
    other = Cache(cache.folder, library="0" * 64)
    found = relate(PAIRS[:1], Ask(cache=other))
    assert len(asked) == 3
    # The source on disk is not what this cache was opened for.
    assert found.notes == ("the library has changed since this run began: no answer is kept",)
    assert len(kept(cache)) == 3


def test_the_hash_covers_every_file_and_its_name(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text("x = 1\n")
    seen = {library_hash(tmp_path)}
    for name, content in (("a.py", "x = 2\n"), ("sub/b.py", ""), ("sub/c.py", "")):
        (tmp_path / name).write_text(content)
        seen.add(library_hash(tmp_path))
    (tmp_path / "sub" / "c.py").rename(tmp_path / "c.py")
    assert len(seen | {library_hash(tmp_path)}) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace("refuted", "proved"),
        lambda text: json.dumps({**json.loads(text), "digest": ""}),
    ],
)
def test_a_spoilt_entry_is_told_and_decided_anew(cache, asked, spoil):
    cold = relate(PAIRS[:1], Ask(cache=cache))
    path = entry_on(cache, "equal", "refuted")
    whole = json.loads(path.read_text())
    path.write_text(spoil(path.read_text()))
    asked.clear()
    again = relate(PAIRS[:1], Ask(cache=cache))
    assert again.relations == cold.relations and asked == [("gated", "summing", "equal")]
    (note,) = again.notes
    assert path.name in note
    assert json.loads(path.read_text())["key"] == whole["key"]
    assert relate(PAIRS[:1], Ask(cache=cache)) == cold


def test_an_entry_under_another_name_is_not_used(cache):
    relate(PAIRS[:1], Ask(cache=cache))
    yes, no = entry_on(cache, "contains", "proved"), entry_on(cache, "equal", "refuted")
    no.write_text(yes.read_text())
    with pytest.raises(CacheError, match="another question"):
        cache.get(gated, summing, "equal", sizes={})


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    found = relate(PAIRS, Ask(cache=Cache(tmp_path / "file")))
    assert found.relations == relate(PAIRS).relations
    assert len(found.notes) == 1 and "cannot be" in found.notes[0]


def other_certificate(verdict):
    verdict["certificate"] = compare(gated, leaky).certificate


def other_token(verdict):
    verdict["certificate"]["tokens"][0]["k"] = ["0", "0"]


def claims_equality(verdict):
    verdict.update(status="proved", witness=None)


def drops_the_certificate(verdict):
    verdict["certificate"] = None


def holds_for_all_sizes(verdict):
    verdict["sizes"] = None


@pytest.mark.parametrize(
    "change",
    [
        other_certificate,
        other_token,
        claims_equality,
        drops_the_certificate,
        holds_for_all_sizes,
    ],
)
def test_a_forged_entry_is_rejected_when_rechecked(cache, asked, change):
    cold = relate(PAIRS[:1], Ask(cache=cache))
    forge(entry_on(cache, "equal", "refuted"), change)
    asked.clear()
    careful = Cache(cache.folder, recheck=True)
    again = relate(PAIRS[:1], Ask(cache=careful))
    assert again.relations == cold.relations and ("gated", "summing", "equal") in asked
    assert bool(again.notes) == (change is not drops_the_certificate)
    assert relate(PAIRS[:1], Ask(cache=cache)) == cold


def test_a_forged_containment_is_rejected_when_rechecked(cache):
    relate(PAIRS[:1], Ask(cache=cache))
    path = entry_on(cache, "contains", "proved")

    def other_maps(verdict):
        verdict["question"]["given"][0] = "gated.alpha = 1/2"

    forge(path, other_maps)
    with pytest.raises(CacheError, match="rejected: its question"):
        Cache(cache.folder, recheck=True).get(gated, summing, "contains", sizes={})
    forge(path, lambda v: v.update(certificate=contains(summing, gated).certificate))
    with pytest.raises(CacheError, match="rejected"):
        Cache(cache.folder, recheck=True).get(gated, summing, "contains", sizes={})


def test_what_is_rechecked_is_what_was_kept(cache, asked):
    cold = relate(PAIRS, Ask(cache=cache))
    asked.clear()
    again = relate(PAIRS, Ask(cache=Cache(cache.folder, recheck=True)))
    assert again == cold
    undecided = [v for r in cold.relations for v in (r.equal, r.contains, r.contained) if v]
    assert len(asked) == len([v for v in undecided if v.certificate is None])


def test_the_last_few_libraries_are_kept(cache):
    for i in range(KEPT_LIBRARIES + 3):
        (cache.folder / f"{i:016}").mkdir(parents=True)
    relate(PAIRS[:1], Ask(containment=False, cache=cache))
    assert len(list(cache.folder.iterdir())) == KEPT_LIBRARIES
    assert kept(cache)


def test_the_command_keeps_answers_unless_asked_not_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    command = ["check", "gla", "--against", "retnet", "scalar_gated", "--json"]

    def answer(*more):
        code = run([*command, *more])
        out, err = capsys.readouterr()
        return code, json.loads(out), err

    assert answer("--no-cache")[0] == 0 and not list(tmp_path.iterdir())
    cold = answer()
    assert list(tmp_path.rglob("*.json")) and answer() == cold
    assert run([*command, "--no-cache", "--recheck"]) == 2
    capsys.readouterr()
    (one, *_) = tmp_path.rglob("*.json")
    one.write_text("{")
    assert "note: the answer kept in" in answer()[2]
    assert answer("--recheck")[2] == ""
