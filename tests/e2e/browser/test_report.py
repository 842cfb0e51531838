"""A replay's report in a real browser: complete, quick, for keyboard and screen reader, in the dark and on paper."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice, pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from batchgate.jobs.model import DateSurvives
from batchgate_cli.authoring import policy_file
from batchgate_cli.replay.comparison import Change, Replay
from batchgate_cli.replay.recording import read_recording
from batchgate_cli.replay.replay_view import headline
from batchgate_cli.replay.replaying import recorded_jobs
from batchgate_cli.replay.replaying import replay as replay_jobs
from batchgate_cli.replay.report import page
from tests.e2e.browser.chromium import MISSING, chromium
from tests.e2e.browser.devtools import Browser, Tab, driven, running_browser

pytestmark = pytest.mark.skipif(chromium() is None, reason=MISSING)

CHECKOUT = Path(__file__).resolve().parents[3]
RECORDING = CHECKOUT / "docs" / "examples" / "replay" / "demo.ndjson"
NOW = datetime(2026, 10, 1, tzinfo=UTC)
HOSTILE = "</script><img src=x onerror=\"document.title='run'\"> &amp; \u202e"

STRICTER = """
version: 1
cancel_grace: 0s
policies:
  - name: nothing
    match: [{operation: S3PutObjectTagging}]
    require: [{total_tasks: {at_most: 0}}]
    on_violation: cancel
  - name: unused
    match: [{operation: S3PutObjectAcl}]
    require: []
"""


def replay() -> Replay:
    """The demo's jobs by policies that cancel what was approved and hold the rest."""
    jobs = recorded_jobs(read_recording(RECORDING), DateSurvives.UNKNOWN, NOW)
    return replay_jobs(jobs, policy_file.load_text(STRICTER), None, "demo.ndjson")


def written(found: Replay, folder: Path) -> Path:
    """Its report as a file."""
    file = folder / "report.html"
    file.write_text(page(found, NOW), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests, because it takes a second to start; each test has a browser context of its own."""
    with running_browser() as made:
        yield made


@pytest.fixture
def tab(browser: Browser, tmp_path: Path) -> Iterator[Tab]:
    """The demo's report in a browser."""
    with driven(browser, written(replay(), tmp_path)) as made:
        yield made


def text(tab: Tab, selector: str) -> list[str]:
    """What elements say."""
    found: list[str] = tab.run(f"[...document.querySelectorAll({selector!r})].map((each) => each.innerText.trim())")
    return found


def choose(tab: Tab, name: str, value: str) -> None:
    """Set a filter as a person does."""
    tab.run(
        f"(() => {{ const field = document.getElementById('filters').elements[{name!r}]; field.value = {value!r};"
        " field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_the_page_is_complete_and_needs_nothing(tab: Tab) -> None:
    """It asks for no other file, breaks no policy of its own, and says the same as the terminal."""
    found = replay()
    assert {each.partition(":")[0] for each in tab.requests()} <= {"file", "data"}, "the browser's own icons are data"
    assert [each for each in tab.requests() if each.startswith("file:") and not each.endswith("/report.html")] == []
    assert tab.errors() == []
    assert text(tab, ".answer") == [headline(found)]
    assert found.changes()[Change.OTHERWISE] > 1
    assert text(tab, "#shown") == [f"1 to {len(found.changed)} of {len(found.changed)} jobs"]
    assert "unused" in text(tab, "section:nth-of-type(3)")[0]
    assert tab.run("document.querySelectorAll('svg .bar').length") == 2, "one day, before and after"


def test_filters_choose_jobs(tab: Tab) -> None:
    """By change, end, operation, statement, day and text; a reset shows what changed again."""
    changed = text(tab, "#shown")
    choose(tab, "change", "")
    assert text(tab, "#shown") == ["1 to 9 of 9 jobs"]
    choose(tab, "operation", "S3PutObjectTagging")
    assert text(tab, "#jobs td:nth-child(3)") == ["S3PutObjectTagging"]
    choose(tab, "operation", "")
    choose(tab, "statement", "nothing")
    assert text(tab, "#jobs td:nth-child(6)") == ["cancelled by policy"]
    choose(tab, "statement", "")
    choose(tab, "text", "LAMBDA")
    assert text(tab, "#jobs td:nth-child(3)") == ["LambdaInvoke"]
    choose(tab, "text", "")
    choose(tab, "from", "2026-09-30")
    assert text(tab, "#shown") == ["no job"]
    tab.run("document.querySelector('[type=reset]').click()")
    tab.run("new Promise((done) => setTimeout(done, 50))")
    assert text(tab, "#shown") == changed


def test_a_bar_shows_its_jobs(tab: Tab) -> None:
    """All of its day."""
    tab.run("document.querySelector('.bar').dispatchEvent(new Event('click', {bubbles: true}))")
    assert text(tab, "#shown") == ["1 to 9 of 9 jobs"]
    assert tab.run("document.getElementById('f-from').value") == "2026-09-29"


def test_the_keyboard_opens_a_trace(tab: Tab) -> None:
    """Tab leads from the filters to the first job, Enter unfolds it, and Enter folds it again."""
    tab.run("document.querySelector('[type=reset]').focus()")
    reached = []
    for _ in range(4):
        tab.press("Tab", 9)
        reached.append(tab.run("document.activeElement.getAttribute('aria-expanded')"))
        if reached[-1] is not None:
            break
    assert reached[-1] == "false", "the pager's buttons are off, or before it"
    tab.press("Enter", 13, "\r")
    assert tab.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    [trace] = text(tab, "tr.trace")
    assert "Step by step" in trace
    assert "batchgate:" in trace
    assert tab.run("document.getElementById(document.activeElement.getAttribute('aria-controls')) !== null")
    tab.press("Enter", 13, "\r")
    assert text(tab, "tr.trace") == []


def test_a_screen_reader_has_names_for_everything(tab: Tab) -> None:
    """Every control and every table has a name, the headings are in order, and the number of jobs is announced."""
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    roles = {
        "button",
        "combobox",
        "textbox",
        "searchbox",
        "DateTime",
        "Date",
        "table",
        "link",
        "image",
        "form",
        "region",
    }
    named = [(each["role"]["value"], each.get("name", {}).get("value", "")) for each in nodes if not each["ignored"]]
    assert [role for role, name in named if role in roles and not name] == []
    assert {"button", "combobox", "table", "form"} <= {role for role, _ in named}
    levels = tab.run("[...document.querySelectorAll('h1,h2,h3')].map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert tab.run("document.querySelector('[role=status]').id") == "shown"
    assert tab.run("document.documentElement.lang") == "en"


CONTRASTS = """
(() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = numbers(getComputedStyle(element).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return numbers(getComputedStyle(document.documentElement).backgroundColor);
  };
  const found = {};
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest("script,style,svg,:disabled,.skip")) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found[`${element.tagName}.${element.className}`] = ratio;
  }
  return found;
})()
"""
"""The elements with too little contrast. Source: WCAG 2.2, 1.4.3."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(tab: Tab, scheme: str) -> None:
    """Each text on what is behind it, traces and all jobs included."""
    tab.media(prefers_color_scheme=scheme)
    choose(tab, "change", "")
    tab.run("document.querySelectorAll('#jobs button').forEach((each) => each.click())")
    assert tab.run(CONTRASTS) == {}
    dark = tab.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_a_printed_page_has_what_matters(tab: Tab) -> None:
    """The traces of the jobs that changed are unfolded, and what only a screen needs is left out."""
    tab.media("print")
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert len(text(tab, "tr.trace")) == len(replay().changed)
    assert tab.run("getComputedStyle(document.getElementById('filters')).display") == "none"
    tab.media()
    pdf = base64.b64decode(tab.call("Page.printToPDF")["data"])
    assert pdf.startswith(b"%PDF")


def test_a_narrow_screen_scrolls_tables_and_not_the_page(browser: Browser, tmp_path: Path) -> None:
    """Of a phone."""
    with driven(browser, written(replay(), tmp_path), width=390, height=800) as tab:
        assert tab.run("document.documentElement.scrollWidth") <= 390


def test_text_of_jobs_is_text(browser: Browser, tmp_path: Path) -> None:
    """Whatever a requester or a policy's author writes is shown, and nothing of it is run or turned around."""
    found = replay()
    found.source = HOSTILE
    found.rows = [
        replace(row, job_id=HOSTILE, operation=HOSTILE, after=replace(row.after, reason=HOSTILE, check=HOSTILE))
        for row in found.rows
    ]
    with driven(browser, written(found, tmp_path)) as tab:
        choose(tab, "change", "")
        tab.run("document.querySelectorAll('#jobs button').forEach((each) => each.click())")
        tab.run("new Promise((done) => setTimeout(done, 100))")
        assert tab.run("document.querySelectorAll('img').length") == 0
        assert tab.run("document.title").startswith("Policy replay: </script>")
        assert "onerror" in text(tab, "#jobs")[0]
        assert "\u202e" not in tab.run("document.body.innerText")
        assert tab.errors() == []


def test_ten_thousand_jobs_do_not_stutter(browser: Browser, tmp_path: Path) -> None:
    """A filter over all of them, a page of them and a trace each take less than what a person notices.

    On a machine that does much else, so the bound is wide.
    """
    found = replay()
    found.rows = [
        replace(row, job_id=f"job-{number:05}", since=row.since + timedelta(minutes=7 * number) if row.since else None)
        for number, row in enumerate(islice(cycle(found.rows), 10_000))
    ]
    with driven(browser, written(found, tmp_path)) as tab:
        choose(tab, "change", "")
        assert text(tab, "#shown") == ["1 to 50 of 10000 jobs"]
        took = tab.run(
            """(() => {
              const field = document.getElementById("f-text");
              const times = [];
              const timed = (act) => { const begun = performance.now(); act(); document.body.offsetHeight;
                times.push(performance.now() - begun); };
              for (const text of ["s", "s3", "s3p", "job-0999", ""]) timed(() => {
                field.value = text; field.dispatchEvent(new Event("input", {bubbles: true})); });
              for (let page = 0; page < 5; page += 1) timed(() => document.getElementById("next").click());
              timed(() => document.querySelector("#jobs button").click());
              return times.sort((one, other) => one - other);
            })()"""
        )
        assert took[len(took) // 2] < 100, took
        assert text(tab, "#shown") == ["251 to 300 of 10000 jobs"]
