"""The live checker: the library in a browser, asked as a reader asks it."""

import http.server
import io
import shlex
import threading
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from book_site import (
    ROOT,
    built,
    chromium,
    served,
    shared_folder,
    site_tools,
    violations,
    watch,
)

from book.live import checker, pack
from dsf_sym import catalogue
from dsf_sym.cli import run
from dsf_sym.cli.terminal import Progress

MY_LAYER = (ROOT / "examples" / "my_layer.py").read_text()
READY, PATIENCE = 4.0, 240_000


# --- what runs in the page, run here --------------------------------------------------------------


def asked(command, file="my_layer.py", text=MY_LAYER):
    """The exit code, what was printed on stdout and what on stderr."""
    out, err = [], []
    code = checker.run(file, text, command, 80, out.append, err.append)
    return code, "".join(out), "".join(err)


def test_a_command_prints_what_it_prints_on_the_command_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_layer.py").write_text(MY_LAYER)
    code = run(["compare", "my_layer.py", "deltanet"])
    printed = capsys.readouterr().out
    assert asked("compare my_layer.py deltanet")[:2] == (code, printed)
    assert asked("dsf compare my_layer.py deltanet")[:2] == (code, printed)


@pytest.mark.parametrize(
    ("command", "file", "said"),
    [
        ("compare 'my_layer.py", "my_layer.py", "No closing quotation"),
        ("", "my_layer.py", "one of check, compare"),
        ("bench", "my_layer.py", "one of check, compare"),
        ("check x.py", "../x.py", "NAME.py"),
        ("check nowhere.py", "my_layer.py", "nowhere.py does not exist"),
    ],
)
def test_bad_input_is_told_as_on_the_command_line(command, file, said):
    code, out, err = asked(command, file)
    assert (code, out) == (2, "")
    assert said in err


def test_an_error_names_the_file_and_not_the_folder_of_the_run():
    code, _, err = asked("check my_layer.py", text="def broken(:\n")
    assert code == 2
    assert 'File "my_layer.py", line 1' in err


def test_nothing_of_a_run_stays_for_the_next():
    assert asked("show x.py", "x.py")[0] == 0
    assert asked("show x.py", "y.py")[0] == 2


def test_every_layer_of_the_catalogue_can_be_started_from():
    for name, file, text, shared in checker.layers():
        code, _, err = asked(f"show {file}{f':{name}' if shared else ''}", file, text)
        assert code == 0, err


def test_without_threads_every_change_of_the_label_is_written(monkeypatch):
    def start(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.delenv("TERM", raising=False)
    shown = []
    with Progress("checking", checker.Screen(shown.append)) as progress:
        progress.label = "checking: 1 of 2"
    assert [each.strip() for each in shown] == ["checking", "checking: 1 of 2", ""]
    assert all(each.startswith("\r") for each in shown)


# --- what is packed -------------------------------------------------------------------------------


def test_an_archive_is_made_anew_only_when_what_is_in_it_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "PACKED", tmp_path)
    monkeypatch.setattr(pack, "_package", lambda name: iter([(f"{name}.py", b"")]))
    files = {"a.py": b"1"}
    monkeypatch.setattr(pack, "_library", lambda: iter(files.items()))
    made = []

    def run(words, _):
        made.append(next(x for x in reversed(words) if x.startswith(str(tmp_path))))
        Path(made[-1]).write_bytes(b"")

    def names():
        return [path.rpartition("/")[2] for path in made]

    pack.pack(run)
    pack.pack(run)
    assert [*sorted(names()[:2]), *names()[2:]] == ["library.zip", "sympy.zip", "memory.bin"]
    files["a.py"] = b"2"
    pack.pack(run)
    assert names()[3:] == ["library.zip", "memory.bin"]
    assert not list(tmp_path.glob("sources*"))


def test_the_library_is_packed_whole_and_says_nothing_of_when():
    files = dict(pack._library())
    assert {f"derivations/{x.rpartition('/')[2]}" for x in files if x.startswith("deriv")} >= {
        f"derivations/{file}" for _, file, *_ in checker.layers()
    }
    assert any(name.endswith("METADATA") for name in files)
    with zipfile.ZipFile(io.BytesIO(pack._archive(iter(files.items())))) as archive:
        assert {x.date_time for x in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


# --- the page in a browser ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return built(shared_folder(tmp_path_factory))


class Checker:
    """The page, driven as a reader drives it."""

    def __init__(self, browser, base, fragment="", **options):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.page = context.new_page()
        self.said, self.outside = watch(self.page, base)
        began = time.monotonic()
        self.page.goto(f"{base}/live-checker.html{fragment}")
        self.wait_until_ready()
        self.seconds = time.monotonic() - began

    def wait_until_ready(self):
        self.page.wait_for_selector(".live-checker button.run:enabled", timeout=PATIENCE)

    def start(self, command, text=None):
        if text is not None:
            self.page.select_option("#live-start", "")
            self.page.fill("#live-text", text)
        self.page.fill("#live-command", command)
        self.page.click(".live-checker button.run")

    def ask(self, command, text=None):
        """The exit code and what is printed."""
        self.start(command, text)
        self.page.wait_for_selector("[role=status]:has-text('exit code')", timeout=PATIENCE)
        return int(self.status.rstrip(".").rpartition(" ")[2]), self.printed

    @property
    def status(self):
        return self.page.locator(".live-checker [role=status]").inner_text()

    @property
    def printed(self):
        return self.page.locator(".live-checker pre").inner_text()


def slowness():
    """How many times longer than alone a computation takes while others use the processors."""
    wall, alone = time.perf_counter(), time.thread_time()
    while time.thread_time() - alone < 0.5:
        pass
    return (time.perf_counter() - wall) / (time.thread_time() - alone)


@pytest.fixture(scope="module")
def reader(site):
    """A browser, and the address of the book."""
    with served(site) as base, chromium() as browser:
        yield browser, base


@pytest.fixture(scope="module")
def open_checker(reader):
    return lambda *arguments, **options: Checker(*reader, *arguments, **options)


@pytest.fixture(scope="module")
def live(open_checker):
    found = open_checker()
    yield found
    assert (found.said, found.outside) == ([], [])


def words(command, monkeypatch, capsys, tmp_path):
    """What the command line prints, word by word: the page has a width of its own."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_layer.py").write_text(MY_LAYER)
    code = run(shlex.split(command))
    return code, capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("command", "verdict"),
    [("compare my_layer.py gated_deltanet", "proved"), ("compare my_layer.py deltanet", "refuted")],
)
def test_the_page_proves_and_refutes_with_the_words_of_the_command_line(
    live, command, verdict, monkeypatch, capsys, tmp_path
):
    code, printed = live.ask(command, MY_LAYER)
    assert (code, printed.split()) == words(command, monkeypatch, capsys, tmp_path)
    assert printed.startswith(f"{verdict}: error_writer")
    assert ("token 1" in printed) == (verdict == "refuted")


def test_names_of_layers_lead_to_their_pages(live, site):
    code, printed = live.ask("check my_layer.py --against kda deltanet", MY_LAYER)
    assert code == 0
    assert "contained in  kda" in printed and "alpha * (identity + rank one)" in printed
    links = live.page.locator(".live-checker pre a")
    found = {link.get_attribute("href").rpartition("/")[2] for link in links.all()}
    assert found == {"kda.html", "deltanet.html"}
    assert all((site / "catalogue" / name).is_file() for name in found)


def test_the_page_tells_an_error_by_its_line(live):
    code, printed = live.ask("check my_layer.py", MY_LAYER.replace("outer(beta", "uoter(beta"))
    assert code == 2
    assert "error: my_layer.py does not load" in printed
    assert "S = S + uoter(beta" in printed and "Did you mean: 'outer'?" in printed


def test_one_can_start_from_a_layer_that_shares_its_file(live):
    live.page.fill("#live-text", MY_LAYER)
    live.page.select_option("#live-start", "s6_softplus")
    assert live.page.input_value("#live-command") == "check s6.py:s6_softplus"
    options = live.page.locator("#live-start option").all_inner_texts()
    assert options[1:] == list(catalogue())
    live.page.go_back()
    assert live.page.input_value("#live-text") == MY_LAYER


def test_a_run_is_cancelled_and_the_next_one_works(live):
    live.start("check my_layer.py", MY_LAYER)
    live.page.wait_for_selector(".live-checker .step:has-text(' of ')", timeout=PATIENCE)
    assert "alpha * (identity + rank one)" in live.printed
    assert live.page.locator(".live-checker button.run").is_disabled()
    live.page.click("text=Cancel")
    assert live.status.startswith("Cancelled")
    live.wait_until_ready()
    assert live.ask("show my_layer.py")[0] == 0


def test_the_page_is_ready_within_seconds(open_checker):
    # One visit of three within READY shows that the page can be so fast. A visit beside other work
    # has that time as often as the processors were shared just before it and just after.
    found = []
    for _ in range(3):
        before = slowness()
        live = open_checker()
        live.page.context.close()
        found.append((live.seconds, max(before, slowness())))
    assert any(seconds < READY * slow for seconds, slow in found), found


def test_a_link_carries_the_layer_and_runs_nothing(open_checker):
    first = open_checker(permissions=["clipboard-read", "clipboard-write"])
    text = MY_LAYER.replace("error_writer", "größer")
    first.page.fill("#live-text", text)
    first.page.fill("#live-command", "show my_layer.py")
    first.page.click("text=Copy a link")
    first.page.wait_for_selector("[role=status]:has-text('link is copied')")
    link = first.page.evaluate("navigator.clipboard.readText()")
    first.page.context.close()
    _, mark, carried = link.partition("#layer=")
    assert mark and carried.replace("-", "").replace("_", "").isalnum()

    second = open_checker(mark + carried)
    assert second.page.input_value("#live-text") == text
    assert second.page.input_value("#live-command") == "show my_layer.py"
    assert second.page.locator(".live-checker .notice").is_visible()
    assert second.printed == ""
    second.page.click(".live-checker button.run")
    second.page.wait_for_selector("[role=status]:has-text('exit code 0')", timeout=PATIENCE)
    assert second.printed.startswith("größer")
    assert (second.said, second.outside) == ([], [])
    second.page.context.close()


def test_a_damaged_link_is_told(open_checker):
    live = open_checker("#layer=q1YyUA")
    assert "The link is damaged" in live.printed
    assert "error_writer" in live.page.input_value("#live-text")
    live.page.context.close()


@contextmanager
def another_host():
    """The address of a server, and what it was asked for."""
    asked = []

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
        server.shutdown()


TELLING = """
from js import XMLHttpRequest
asking = XMLHttpRequest.new()
asking.open("GET", "{address}", False)
asking.send()
"""


@pytest.mark.parametrize("policy", [True, False])
def test_the_policy_of_the_page_keeps_a_layer_from_telling_another_host(open_checker, policy):
    live = open_checker(bypass_csp=not policy)
    with another_host() as (address, asked):
        code, printed = live.ask("check my_layer.py", TELLING.format(address=address))
    assert code == 2
    assert ("Failed to load" in printed, asked) == ((True, []) if policy else (False, ["/"]))
    live.page.context.close()


def test_the_page_is_accessible_and_fits_a_phone(open_checker, tmp_path_factory):
    tools = site_tools(shared_folder(tmp_path_factory))
    live = open_checker()
    live.ask("check my_layer.py --against deltanet gla")
    for colours in ("light", "dark"):
        live.page.emulate_media(color_scheme=colours)
        assert violations(live.page, tools) == []
    live.page.set_viewport_size({"width": 390, "height": 844})
    assert live.page.evaluate("document.documentElement.scrollWidth") <= 390
    code, printed = live.ask("show my_layer.py")
    assert code == 0 and max(map(len, printed.splitlines())) <= 45
    live.page.context.close()


def test_without_javascript_the_page_says_how_to_ask(reader):
    browser, base = reader
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{base}/live-checker.html")
    shown = page.locator(".live-checker").inner_text()
    assert "dsf check my_layer.py" in shown and "def error_writer" in shown
    page.context.close()
