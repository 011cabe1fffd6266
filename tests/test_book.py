"""The built book: links, formulas, what a browser says of it, and a claim that is false."""

import ast
import json
import math
import re
import subprocess
import sys
from concurrent.futures import Future
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest
from book_site import (
    BOOK,
    CONTENT,
    HTML,
    TYPES,
    built,
    chromium,
    pages,
    served,
    shared_folder,
    site_tools,
    violations,
    watch,
)

from book import build
from book.facts import __main__ as writer
from book.facts import claims, drawing, folders, graph, layers, relations, slips, text
from dsf_sym import catalogue, find, recheck
from dsf_sym.deciding.limits import OutOfTime
from dsf_sym.errors import DsfError
from dsf_sym.relation import Relation
from dsf_sym.theory.taylor import relative_error
from dsf_sym.verdict import Question, Verdict


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return built(shared_folder(tmp_path_factory))


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    return site_tools(shared_folder(tmp_path_factory))


@pytest.fixture(scope="module")
def open_page(site):
    """Open a page by name; what it asked of other hosts and said on the console come with it."""
    with served(site) as base, chromium() as browser:

        def visit(name, *, width=1280, colours="light", **options):
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=colours,
                bypass_csp=True,
                **options,
            )
            page = context.new_page()
            page.said, page.outside = watch(page, base)
            page.weight = 0

            def answered(response):
                page.weight += len(response.body())
                if response.status >= 400:
                    page.said.append(f"{response.status} {response.url}")

            page.on("response", answered)
            page.goto(f"{base}/{name}.html", wait_until="networkidle")
            return page

        yield visit


def test_every_link_and_fragment_leads_somewhere(site):
    lychee = Path(sys.executable).with_name("lychee")
    words = [lychee, "--offline", "--include-fragments", "--no-progress", f"{site}/**/*.html"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_layer_has_a_page_of_its_own(site):
    have = set(pages())
    assert {f"catalogue/{name.replace('_', '-')}" for name in catalogue()} <= have


def formulas(node):
    """The formulas in a page as the engine read it, those that cells print included."""
    if isinstance(node, list):
        return sum(map(formulas, node))
    if not isinstance(node, dict):
        return 0
    latex = "text/latex" in node.get("jupyter_data", {}).get("data", {})
    own = node.get("type") in ("math", "inlineMath") or latex
    return own + formulas(node.get("children", []))


def test_every_formula_of_the_sources_is_rendered(site):
    counted = 0
    for path in CONTENT.glob("*.json"):
        page = json.loads(path.read_text())
        name = "index" if page["slug"] == "index" else page["slug"].replace(".", "/")
        shown = (HTML / f"{name}.html").read_text().count('<span class="katex">')
        assert shown == formulas(page["mdast"]), name
        counted += shown
    assert counted > 200


def test_no_page_is_too_heavy_or_asks_another_host(site):
    for name, path in pages().items():
        page = path.read_text()
        assert len(page.encode()) < 300_000, name
        loaded = re.findall(r'<(?:script|img|link|iframe)[^>]+(?:src|href)="([^"]*)"', page)
        assert not [x for x in loaded if re.match(r"(https?:)?//", x)], name


def test_the_certificates_that_readers_download_are_accepted(site):
    files = sorted((site / "files").glob("*.json"))
    labels = [claim.label for claim in claims.stated(folders.sources())]
    assert labels and {f"{label}.json" for label in labels} <= {file.name for file in files}
    for label in labels:
        recheck(json.loads((site / "files" / f"{label}.json").read_text()))
    for file in files[::50]:
        recheck(json.loads(file.read_text()))
    assert not [f.name for f in files if str(BOOK.parent) in f.read_text()]


def test_cells_are_short_and_only_call_the_library():
    for page in folders.sources():
        for cell in re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", page.read_text(), re.M | re.S):
            lines = [line for line in cell.splitlines() if line.strip()]
            assert len(lines) <= 15, f"{page.name}:\n{cell}"
            imported = [n for n in ast.walk(ast.parse(cell)) if isinstance(n, ast.ImportFrom)]
            for node in imported:
                assert node.module.split(".")[0] in ("dsf_sym", "numeric", "IPython"), page.name


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("kind", TYPES)
def test_a_page_is_quiet_light_and_accessible(open_page, tools, kind, colours):
    page = open_page(TYPES[kind], colours=colours)
    assert (page.said, page.outside) == ([], [])
    assert page.weight < 400_000
    page.evaluate("document.querySelectorAll('details').forEach((x) => (x.open = true))")
    assert violations(page, tools) == []
    page.context.close()


def test_an_error_a_request_to_another_host_and_a_violation_are_told(open_page, tools):
    page = open_page("index")
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    page.evaluate("fetch('http://127.0.0.1:1/').catch(() => console.error('no answer'))")
    assert violations(page, tools) == [("image-alt", "<img>")]
    assert page.outside == ["http://127.0.0.1:1/"]
    assert "no answer" in page.said
    page.context.close()


@pytest.mark.parametrize("kind", TYPES)
def test_a_page_fits_a_phone(open_page, kind):
    page = open_page(TYPES[kind], width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=Pages")
    assert page.locator("nav.book a", has_text="The catalogue").is_visible()
    page.context.close()


def test_a_page_reads_without_javascript(open_page):
    page = open_page("catalogue/gated-deltanet", java_script_enabled=False)
    assert page.locator("nav.book a[aria-current=page]").is_visible()
    assert page.locator("h1").inner_text() == "Gated DeltaNet"
    page.click("text=The code that is generated for it")
    assert page.locator(".panel:visible").count() == 1
    page.click(".tabs label >> text=torch")
    assert "import torch" in page.locator(".panel:visible").inner_text()
    page.context.close()


def test_paper_shows_what_is_folded(open_page):
    page = open_page("deciding-equality")
    seen = "document.querySelector('details.proof > div').checkVisibility()"
    assert not page.evaluate(seen)
    page.emulate_media(media="print")
    assert page.evaluate(seen)
    page.context.close()


def test_search_is_driven_by_the_keyboard(open_page):
    page = open_page("deciding-equality")
    page.keyboard.press("/")
    page.keyboard.type("kimi delta")
    page.wait_for_selector("dialog li")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/catalogue/kda.html*")
    page.context.close()


def test_the_reader_chooses_the_colours(open_page):
    page = open_page("index")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("button:has-text('Dark')")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.context.close()


def test_sliders_show_the_error_that_the_library_bounds(open_page):
    page = open_page("attention")
    page.evaluate("document.querySelector('#taylor-P').value = 8")
    page.dispatch_event("#taylor-P", "input")
    said = page.locator(".controls p").inner_text()
    error = float(re.search(r"error is ([0-9.e+-]+),", said)[1])
    assert error == pytest.approx(float(relative_error(Fraction(2), 8)[1]), rel=0.06)
    assert page.said == []
    page.context.close()


def test_pointing_at_a_layer_fades_what_is_not_related_to_it(open_page):
    page = open_page("catalogue/index")
    assert page.locator("svg.containments .faded").count() == 0
    page.focus("svg.containments a[href='kda.html']")
    faded = page.locator("svg.containments g.faded").all_text_contents()
    assert any("qlstm" in each for each in faded)
    assert not any("gated_deltanet" in each for each in faded)
    page.context.close()


def test_a_name_in_the_filter_leaves_its_relatives(open_page):
    page = open_page("catalogue/index")
    page.fill("#filter", "kd")
    assert "qlstm" in page.locator("svg.containments g.faded").all_text_contents()
    assert page.locator("svg.containments g:not(.faded)", has_text="deltanet").count() >= 1
    page.fill("#filter", "no such layer")
    assert "No layer" in page.locator(".controls p").inner_text()
    assert page.locator("svg.containments .faded").count() == 0
    page.context.close()


def test_sliders_draw_the_bounds_on_what_is_remembered(open_page):
    page = open_page("spectra-and-memory")
    page.evaluate("document.querySelector('#decay-rate').value = 0.5")
    page.dispatch_event("#decay-rate", "input")
    said = page.locator(".controls p").inner_text()
    assert float(re.search(r"at most ([0-9.e+-]+)", said)[1]) == pytest.approx(
        math.exp(-50), rel=0.05
    )
    assert page.locator("svg.plot path.curve").count() == 3
    assert page.said == []
    page.context.close()


def test_a_reference_shows_what_it_leads_to(open_page):
    page = open_page("normalisation")
    card = page.locator(".hover-card")
    assert not card.is_visible()
    page.locator("main a.reference[href*='attention.html#']").first.hover()
    card.wait_for(state="visible")
    assert "normaliser" in card.inner_text()
    page.mouse.move(0, 0)
    card.wait_for(state="hidden")
    page.locator("main .cite a").first.hover()
    card.wait_for(state="visible")
    assert "Sieber" in card.inner_text()
    page.keyboard.press("Escape")
    card.wait_for(state="hidden")
    assert page.said == []
    page.context.close()


class AtOnce:
    """Work that is done when it is given, in place of processes."""

    def __init__(self):
        self.given = 0

    @contextmanager
    def pool(self, _workers, _doing):
        yield self.submit

    def submit(self, work, *given):
        self.given += 1
        done = Future()
        done.set_result(work(*given))
        return done


@pytest.fixture
def at_once(tmp_path, monkeypatch):
    """The claims are settled here, written to a folder of the test, and nothing else is."""
    for name, place in (("CLAIMS", "claims"), ("SETTLED", "settled.json")):
        monkeypatch.setattr(folders, name, tmp_path / place)
    monkeypatch.setattr(claims, "CLAIMS", tmp_path / "claims")
    monkeypatch.setattr(claims, "known", list)
    monkeypatch.setattr(claims, "publish", lambda *_: "/somewhere")
    monkeypatch.setattr(slips, "write", lambda _: None)
    monkeypatch.setattr(writer, "_rest", lambda _: lambda: None)
    made = AtOnce()
    monkeypatch.setattr(writer, "pool", made.pool)
    return made


def test_pages_are_rendered_when_something_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "HTML", tmp_path)
    monkeypatch.setattr(build, "STAMP", tmp_path / "made-from")
    for name in ("install", "_pack", "_run"):
        monkeypatch.setattr(build, name, lambda *_: None)
    rendered = []
    monkeypatch.setattr(build, "_render", lambda: rendered.append(1))
    for content, times in (("a", 1), ("a", 1), ("b", 2)):
        monkeypatch.setattr(build, "_made_from", lambda content=content: content)
        build.build()
        assert len(rendered) == times


def test_a_jupyter_server_ends_with_its_block():
    with pytest.raises(KeyError), build._server() as address:
        port = int(address["JUPYTER_BASE_URL"].rpartition(":")[2])
        assert build._answers(port)
        raise KeyError
    assert not build._answers(port)


FALSE = """
A sentence.

```{claim} gla = deltanet
:label: false-claim
:expect: proved
```
"""


def test_a_planted_false_claim_ends_the_build(at_once, tmp_path, monkeypatch, capsys):
    page = tmp_path / "planted.md"
    page.write_text(FALSE)
    monkeypatch.setattr(folders, "sources", lambda: [page])
    assert writer.main() == 1
    said = capsys.readouterr().err
    assert "planted.md:4: gla = deltanet" in said
    assert "the page says proved, the library says refuted" in said


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((":expect: proved\n", ""), "expect"),
        ((":expect:", ":expects:"), "expects"),
        (("gla = deltanet", "gla ~ deltanet"), "write `A = B`"),
        (("gla = deltanet", "gla = deltanets"), "deltanets"),
        (("proved\n```", "proved\nmore\n```"), "not closed"),
    ],
)
def test_a_misspelt_claim_is_told(tmp_path, change, told):
    page = tmp_path / "page.md"
    page.write_text(FALSE.replace(*change))
    with pytest.raises(claims.ClaimError, match=told):
        for claim in claims.stated([page]):
            claims.decide(claim)


def test_a_label_belongs_to_one_claim(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(FALSE + FALSE)
    with pytest.raises(claims.ClaimError, match=r"label 'false-claim' is that of page.md:4"):
        claims.stated([page])


def test_a_slip_of_the_paper_needs_its_counterexample():
    with pytest.raises(claims.ClaimError, match="a slip has no counterexample there: eq-15b-as"):
        slips.write([])


def test_drawings_on_one_page_do_not_share_names():
    drawn = (
        '<svg><g id="a"><path id="b" d="M 1.23456 2"/></g><use x="0.125" xlink:href="#b"/></svg>'
    )
    named = drawing._short(drawing._own_names("one", drawn))
    assert named == (
        '<svg><g><path id="one-b" d="M 1.23 2"/></g><use x="0.12" xlink:href="#one-b"/></svg>'
    )


def test_labels_of_lines_do_not_overlap():
    assert drawing._apart([30, 0, 1], 10, -100) == [30, -4.5, 5.5]
    assert drawing._apart([0, 1], 10, 5) == [5, 15]


def test_a_cell_of_a_table_may_hold_a_list():
    made = text.table_of_lists(["a", "b"], [[["x"], ["y", "z"]], [[], ["w"]]])
    rows = ["* - a", "  - b", "* - x", "  - - y", "    - z", "* - ", "  - w"]
    assert made.splitlines() == ["```{list-table}", ":header-rows: 1", *rows, "```"]


def test_text_means_itself_and_code_stays_code():
    assert text.plain("S_{i-1} * `k_i`") == r"S{sub}`i-1` \* `k_i`"
    assert text.plain("(1 + e^z)^a k_jᵀ") == "(1 + e{sup}`z`){sup}`a` k{sub}`j`ᵀ"
    assert text.plain("s6_softplus, k_max, W_") == r"s6\_softplus, k\_max, W\_"
    assert text.plain("if s6.Delta is x") == "if `s6.Delta` is x"
    assert text.plain("0 <= s, `a >= b`") == "0 ≤ s, `a >= b`"
    assert text.block("a\n```\nb").startswith("````text\n")


def test_a_claim_that_nothing_changed_is_not_settled_again(at_once, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(FALSE.replace("gla = deltanet", "gla = gla").replace("a-claim", "own"))
    monkeypatch.setattr(folders, "sources", lambda: [page])
    assert [writer.main(), at_once.given] == [0, 1]
    assert [writer.main(), at_once.given] == [0, 1]
    page.write_text(page.read_text().replace("gla = gla", "hgrn2 = hgrn2"))
    assert [writer.main(), at_once.given] == [0, 2]


def test_an_answer_that_takes_too_long_ends_the_build(monkeypatch):
    late = Verdict(Question("s4", "gla"), "undecided", f"stopped after {relations.LONGEST:g} s", {})
    with pytest.raises(DsfError, match="s4 stands to gla"):
        relations._require_ended(Relation("s4", "gla", late))

    def slow(_seconds, _work):
        raise OutOfTime

    monkeypatch.setattr(layers, "within", slow)
    with pytest.raises(DsfError, match="gla: its facts"):
        layers.facts_of(find("gla"))


def row(a, b, kind):
    yes, no = (Verdict(Question(a, b), x, "", {}) for x in ("proved", "refuted"))
    up, down = (yes if kind in ("equivalent", way) else no for way in ("contains", "contained in"))
    return relations.Row(Relation(a, b, no, up, down), "", ())


def test_the_graph_has_no_line_that_follows_from_two_others():
    kinds = {"ab": "contains", "bc": "contains", "ac": "contains", "cd": "equivalent"}
    kinds |= {"ad": "contains", "bd": "contains"}
    rows = {name: [] for name in "abcde"}
    for (a, b), kind in kinds.items():
        one = row(a, b, kind)
        rows[a].append(one)
        rows[b].append(relations.Row(one.relation.flipped, "", ()))
    nodes, below = graph._order(rows)
    assert [node.layers for node in nodes] == [("a",), ("b",), ("c", "d"), ("e",)]
    assert below == {"a": {"b", "c"}, "b": {"c"}, "c": set(), "e": set()}
    assert graph._direct(below) == [("a", "b"), ("b", "c")]
