"""`batchgate jobs` against an API in memory, held to docs/openapi.yaml: what people see, and what is sent."""

import csv
import io
import json
import os
import re
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchgate.text import MARK
from batchgate_cli.commands.jobs import EndedAs
from batchgate_cli.exits import Exit
from batchgate_cli.operating import confirm
from batchgate_cli.operating.api_client import decoded
from batchgate_cli.operating.api_documents import OpenJob, PastDecision, PauseFacts
from batchgate_cli.operating.held_view import Sort, beginnings, grouped, held_lines, in_order
from batchgate_cli.operating.history_view import GroupBy, history_lines
from batchgate_cli.operating.wording import age, manual_approval, obstacle
from tests.api_description import description
from tests.cli.api_double import (
    ANA,
    BEN,
    POLICY,
    REASON,
    GateDouble,
    batchgate,
    evaluation_of,
    front,
    gate,
    job_id,
)
from tests.cli.api_front import Answer, Front, Lost, Request
from tests.cli.live import on_a_terminal

__all__ = ["front", "gate"]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = "nightly\n\u009b31m\u202e\u2028[bold]tags[/bold]"
HELD_BY_SIZE = "batchgate: held by small: total_tasks is {}, want at most 3 [policy 7c41f09be2aa]"


def as_json(front: Front, *arguments: str) -> Any:
    """What a command prints for programs."""
    result = batchgate(front, *arguments, "--output", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def process(front: Front, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the command as a process of its own."""
    command = [str(Path(sys.executable).with_name("batchgate")), *arguments, "--endpoint-url", front.url]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **variables})


def assert_nothing_moves_the_cursor(text: str) -> None:
    """Printable characters, tabs and line ends."""
    assert all(character.isprintable() for character in text.replace("\n", "").replace("\t", "")), ascii(text)


# --- held ---------------------------------------------------------------------------------------------


def test_nothing_held_is_said(front: Front) -> None:
    """And is an empty list for programs."""
    result = batchgate(front, "jobs", "held")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "no job is held\n", "")
    assert as_json(front, "jobs", "held") == {"warning": None, "pause": None, "jobs": [], "not_listed": []}


def test_held_jobs_are_grouped_by_what_stands_in_their_way(gate: GateDouble, front: Front) -> None:
    """200 jobs held for one reason, each with a size of its own, are one block with its count."""
    for number in range(200):
        gate.add(number, reason=HELD_BY_SIZE.format(number + 4), total_tasks=number + 4)
    gate.add(200, held=timedelta(days=3))
    window = "quiet-hours is open from 22:00 to 06:00 UTC, want closed"
    for number in (201, 202):
        gate.add(number, held=timedelta(0), reason=f"batchgate: held by nights: {window} [policy 7c41f09be2aa]")
    lines = batchgate(front, "jobs", "held").stdout.splitlines()
    headings = [line for line in lines if line and not line.startswith(" ")]
    assert headings[:-1] == [
        "by-hand: needs manual approval (1 job)",
        "small: total_tasks, want at most 3 (200 jobs)",
        f"nights: {window} (2 jobs)",
    ]
    assert headings[-1].startswith("203 held, the oldest for 3 d 0 h; ")
    [row] = [line for line in lines if job_id(200) in line]
    assert row == (
        f"  {job_id(200)}  held 3 d 0 h  fails in 26 d  4 objects  S3PutObjectTagging  until a person decides"
    )


def test_details_are_printed_on_demand(gate: GateDouble, front: Front) -> None:
    """Each with its name; what is not known is left out."""
    gate.add(1, tags={"team": "lake"}, awaiting="1 of 2 approvals, 1 more needed from prod-owner")
    assert "team=lake" not in batchgate(front, "jobs", "held").stdout
    said = batchgate(front, "jobs", "held", "--details").stdout
    assert re.search(r"^ +awaiting +1 of 2 approvals, 1 more needed from prod-owner$", said, re.MULTILINE)
    assert re.search(r"^ +tags +team=lake$", said, re.MULTILINE)
    assert "requester" not in said


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--operation", "S3Put*"], [1, 3]),
        (["--policy", "by-*"], [1, 2]),
        (["--tag", "team=lake"], [1, 2, 3]),
        (["--tag", "team=lake", "--tag", "env=prod"], [3]),
        (["--tag", "why=a=b, c&d"], [4]),
        (["--older-than", "2d"], [2]),
        (["--older-than", "10min"], [2, 3]),
        (["--account", "111122223333"], [1, 2, 3, 4]),
        (["--account-id", "999988887777"], []),
    ],
)
def test_the_list_is_filtered(gate: GateDouble, front: Front, arguments: list[str], numbers: list[int]) -> None:
    """By operation, policy, tags, account and age; an empty list is none."""
    gate.add(1)
    gate.add(2, held=timedelta(days=3), operation="S3InitiateRestoreObject")
    gate.add(3, held=timedelta(hours=3), governing=["teams"], tags={"team": "lake", "env": "prod"})
    gate.add(4, operation="S3ReplicateObject", governing=["teams"], tags={"why": "a=b, c&d"})
    listed = as_json(front, "jobs", "held", *arguments)["jobs"]
    assert sorted(each["job_id"] for each in listed) == sorted(job_id(number) for number in numbers)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--operation", "nothing"],
        ["--tag", "team=nope"],
        ["--policy", "["],
        ["--account-id", "999988887777"],
        ["--older-than", "30d"],
    ],
)
def test_a_filter_that_matches_nothing_does_not_say_that_nothing_is_held(
    gate: GateDouble, front: Front, arguments: list[str]
) -> None:
    """A mistyped one must not read as all clear."""
    assert batchgate(front, "jobs", "held", *arguments).stdout == "no job is held\n"
    gate.add(1)
    assert batchgate(front, "jobs", "held", *arguments).stdout == "no held job matches; 1 is held\n"
    gate.add(2)
    assert batchgate(front, "jobs", "held", *arguments).stdout == "no held job matches; 2 are held\n"
    gate.pause = {"by": ANA, "at": NOW.isoformat(), "reason": "look", "etag": '"1"'}
    assert batchgate(front, "jobs", "held", *arguments).stdout.splitlines()[1:] == ["no held job matches; 2 are held"]


@pytest.mark.parametrize(
    ("sort", "numbers"),
    [("held", [2, 1, 3]), ("fails", [3, 2, 1]), ("objects", [3, 1, 2]), ("operation", [3, 2, 1]), ("job", [1, 2, 3])],
)
def test_the_list_is_sorted(gate: GateDouble, front: Front, sort: str, numbers: list[int]) -> None:
    """For programs, too."""
    gate.add(1, total_tasks=40)
    gate.add(2, held=timedelta(days=3))
    gate.add(
        3,
        held=timedelta(minutes=1),
        total_tasks=400,
        operation="S3InitiateRestoreObject",
        fails_at=datetime.now(UTC).isoformat(),
    )
    listed = as_json(front, "jobs", "held", "--sort", sort)["jobs"]
    assert [each["job_id"] for each in listed] == [job_id(number) for number in numbers]


def test_a_job_that_can_not_be_listed_is_told_and_the_others_are_listed(gate: GateDouble, front: Front) -> None:
    """On the other stream, so that programs read the list all the same."""
    gate.add(1)
    gate.not_listed.append({"job_arn": None, "error": "STATE: written by a newer version of batchgate"})
    result = batchgate(front, "jobs", "held")
    assert job_id(1) in result.stdout
    assert result.stderr == "batchgate: not listed: STATE: written by a newer version of batchgate\n"


@pytest.mark.parametrize("form", [[], ["-o", "json"], ["-o", "csv"], ["--query", "not_listed"]])
@pytest.mark.parametrize("command", ["held", "history"])
def test_a_list_that_is_not_complete_has_an_exit_code_of_its_own(
    gate: GateDouble, front: Front, command: str, form: list[str]
) -> None:
    """In every form, with why beside the list; a complete list ends with 0."""
    assert batchgate(front, "jobs", command, *form).exit_code == Exit.DONE
    gate.not_listed.append({"job_arn": None, "error": "STATE: written by a newer version of batchgate"})
    result = batchgate(front, "jobs", command, *form)
    assert (result.exit_code, result.stderr.count("not listed: STATE")) == (Exit.WARNED, 1)
    if "json" in form:
        assert json.loads(result.stdout)["not_listed"] == gate.not_listed


def test_a_paused_gate_says_so_above_its_jobs(gate: GateDouble, front: Front) -> None:
    """By whom, since when, why and what ends it: also above no job, and for programs."""
    for _ in range(2):
        assert "[paused]" not in batchgate(front, "jobs", "held").stdout
        assert batchgate(front, "pause", "--reason", "wrong\x1b[1A prefix").exit_code == 0
        result = batchgate(front, "jobs", "held")
        first = result.stdout.splitlines()[0]
        at = r"20\d\d-\d\d-\d\d \d\d:\d\d UTC"
        text = (
            rf"\[paused\] since {at}, by assumed-role/lake-oncall/ana: wrong\?\[1A prefix; `batchgate resume` ends that"
        )
        assert re.fullmatch(text, first)
        pause = as_json(front, "jobs", "held")["pause"]
        assert (pause["by"], pause["reason"]) == (ANA, "wrong\x1b[1A prefix")
        assert batchgate(front, "resume").exit_code == 0
        gate.add(1)


@pytest.mark.parametrize("width", [40, 80])
def test_a_pause_fits_the_terminal(width: int) -> None:
    """However long its reason is."""
    pause = PauseFacts(by=ANA, reason="a policy cancels what it should not " * 9, at=NOW)
    lines = [
        "".join(part if isinstance(part, str) else part[0] for part in line)
        for line in held_lines([], NOW, width, pause=pause)
    ]
    assert max(map(len, lines)) <= width
    assert (lines[0][:15], lines[-1]) == ("[paused] since ", "no job is held")


def test_a_gate_that_does_not_work_never_looks_idle(gate: GateDouble, front: Front) -> None:
    """A list that is empty, and a job that is held, have a warning beside them; both still are shown."""
    gate.warning = "the gate is not working: last sweep: none has succeeded since 10:00"
    name = gate.add(1)
    gate.jobs[name]["warning"] = gate.warning
    for arguments in (["jobs", "held"], ["jobs", "held", "--tag", "a=b"], ["jobs", "show", "01"]):
        result = batchgate(front, *arguments)
        assert result.stderr == f"warning: {gate.warning}\n"
        assert result.stdout
        assert as_json(front, *arguments)["warning"] == gate.warning
    assert batchgate(front, "jobs", "held", "-o", "csv").stderr == f"warning: {gate.warning}\n"


def test_holds_that_the_policies_did_not_make_are_marked(gate: GateDouble, front: Front) -> None:
    """Shadow mode, a paused gate, jobs older than the gate."""
    gate.add(1, shadow=True)
    gate.add(2, block="paused", reason="batchgate: held, the gate is paused [policy 7c41f09be2aa]")
    gate.add(3, block="adoption")
    said = batchgate(front, "jobs", "held").stdout
    assert re.findall(r"^\[(\w+)\] ", said, re.MULTILINE) == ["shadow", "resumed", "adoption"]
    assert "[resumed] the pause that held it has ended; the next sweep reviews it (1 job)" in said
    assert "until the next sweep reviews it" in said
    gate.pause = {"by": ANA, "reason": "an incident", "at": NOW.isoformat(), "etag": '"1"'}
    said = batchgate(front, "jobs", "held").stdout
    assert re.findall(r"^\[(\w+)\] ", said, re.MULTILINE) == ["paused", "shadow", "paused", "adoption"]
    assert "until the gate is resumed" in said


def open_job(number: int, days: float, **changes: Any) -> OpenJob:
    """A held job of many objects."""
    since = NOW - timedelta(days=days)
    facts: dict[str, Any] = {
        "job_id": f"{number:08x}-6baa-4455-a3e7-{number:012}",
        "job_arn": f"arn:aws:s3:eu-central-1:111122223333:job/{number:08x}-6baa-4455-a3e7-{number:012}",
        "operation": "S3UpdateObjectEncryption",
        "total_tasks": 4_200_000_000,
        "held_since": since,
        "suspended_at": since,
        "fails_at": since + timedelta(days=30),
        "reason": HELD_BY_SIZE.format(number),
        **changes,
    }
    return OpenJob(**facts)


JOBS = [
    open_job(1, 26),
    open_job(2, 3, until=NOW + timedelta(hours=10)),
    open_job(3, 0.02, block="circuit breaker", operation=None, total_tasks=None),
    open_job(4, 29.9, cancels_at=NOW + timedelta(days=1), reason="batchgate: held by " + "long-name-" * 12 + ": no"),
    open_job(5, 1, fails_at=None, held_since=None, block="a block of a later version"),
]


def drawn(jobs: list[OpenJob], width: int | None) -> list[str]:
    """The view as a terminal of so many columns gets it."""
    lines = held_lines(in_order(jobs, Sort.HELD, NOW), NOW, width)
    return ["".join(part if isinstance(part, str) else part[0] for part in line) for line in lines]


@pytest.mark.parametrize("width", [80, 100, 132, 200])
def test_a_job_is_one_line_whatever_the_width(width: int) -> None:
    """Nothing is wider than the terminal; each job has its line, under what stands in its way."""
    lines = drawn(JOBS, width)
    assert max(map(len, lines)) <= width
    rows = [line for line in lines[1:] if line.startswith("  ")]
    assert len(rows) == len(JOBS)
    assert lines[-1]
    assert [len(group.jobs) for group in grouped(JOBS)] == [2, 1, 1, 1]
    names = [row.split()[0] for row in rows]
    assert all(sum(job.job_id.startswith(name) for job in JOBS) == 1 for name in names)
    assert (len(names[0]) == 36) is (width >= 132)


def test_what_stands_in_the_way_is_shown_whole() -> None:
    """Which approvals a hold waits for stands at the end: a narrow terminal gets lines, not a part of it."""
    awaiting = "; ".join(f"no approval yet, 1 needed from *:assumed-role/{role}/*" for role in ("lake-oncall", "owner"))
    reason = f"batchgate: held by production: needs manual approval; {awaiting[:90]}..."
    lines = drawn([open_job(1, 1, reason=reason, awaiting=awaiting, block="paused")], 80)
    assert max(map(len, lines)) <= 80
    head = " ".join(" ".join(lines[1:-4]).split())
    assert head.startswith("[resumed] production: needs manual approval; no approval yet")
    assert head.endswith("*:assumed-role/owner/* (1 job)")
    assert " ".join(lines).count("lake-oncall") == 1


def test_the_columns_say_how_long_is_left() -> None:
    """Of the 30 days after which S3 fails a job, of a window, of a grace."""
    lines = drawn(JOBS, 200)
    assert lines[0].split() == ["job", "held", "fails", "in", "objects", "operation", "until"]
    rows = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert re.search(r" 26 d 0 h +4 d +4,200,000,000 +S3UpdateObjectEncryption +a person$", rows[JOBS[0].job_id])
    assert rows[JOBS[1].job_id].endswith("in 10 h 0 min")
    assert re.search(r" 28 min +29 d +unknown +unknown operation", rows[JOBS[2].job_id])
    assert re.search(r" 29 d 21 h +2 h 24 min .*cancel in 1 d 0 h$", rows[JOBS[3].job_id])


def test_piped_output_is_not_padded() -> None:
    """Nor cut: two spaces between fields, whole ids."""
    for line in drawn(JOBS, None):
        assert "   " not in line.strip()
        assert MARK not in line
    assert all(any(job.job_id in line for line in drawn(JOBS, None)) for job in JOBS)


def test_a_beginning_is_as_long_as_it_must_be_to_name_one_job() -> None:
    """At least eight characters."""
    short = beginnings(["abcdefgh-1", "abcdefgh-2", "abcdefgx-1", "b"])
    assert short == {"abcdefgh-1": "abcdefgh-1", "abcdefgh-2": "abcdefgh-2", "abcdefgx-1": "abcdefgx", "b": "b"}


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_gets_lines_that_fit_and_ids_that_commands_take(
    gate: GateDouble, front: Front, columns: int
) -> None:
    """What is shown of an id is enough for the next command."""
    for number in range(3):
        gate.add(number, total_tasks=40_000, operation="S3UpdateObjectEncryption", held=timedelta(days=21, hours=11))
    with on_a_terminal("jobs", "held", "--endpoint-url", front.url, columns=columns) as terminal:
        assert terminal.end() == 0
    lines = terminal.said.splitlines()
    assert max(map(len, lines)) <= columns
    shown = [line.split()[0] for line in lines if line.startswith("  0")]
    assert len(shown) == 3
    for each in shown:
        assert each in batchgate(front, "jobs", "show", each).stdout


def test_500_held_jobs_are_listed_within_two_seconds(gate: GateDouble, front: Front) -> None:
    """Start-up, all pages and the view: in this process's own time, whatever else the machine does."""
    gate.page = 500
    for number in range(500):
        gate.add(number)
    process(front, "jobs", "held")  # compiles what is not compiled yet
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = process(front, "jobs", "held")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert b"500 held" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_all_pages_are_listed(gate: GateDouble, front: Front) -> None:
    """The API chooses how long they are."""
    gate.page = 7
    for number in range(30):
        gate.add(number)
    assert len(as_json(front, "jobs", "held")["jobs"]) == 30


def test_a_page_that_comes_twice_ends_the_command(gate: GateDouble, front: Front) -> None:
    """It does not list forever."""
    gate.add(1)
    front.spoil = lambda _: Answer(200, {"jobs": [], "next": "again", "not_listed": [], "pause": None, "warning": None})
    result = batchgate(front, "jobs", "held")
    assert result.exit_code == 1
    assert "the same page came twice" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["jobs", "held"],
        ["jobs", "held", "--details"],
        ["jobs", "held", "-o", "text"],
        ["jobs", "held", "-o", "table"],
        ["jobs", "held", "-o", "csv"],
        ["jobs", "show", "01"],
        ["jobs", "history"],
        ["jobs", "cancel", "015d2f34", "025d2f34", "--reason", "wrong prefix", "--yes"],
    ],
    ids=" ".join,
)
def test_output_without_utf_8_is_written_all_the_same(gate: GateDouble, front: Front, arguments: list[str]) -> None:
    """Other marks and ? stand for what the encoding does not have."""
    gate.add(1, tags={"team": "grün 東京"}, reason=REASON.replace("manual", "m\u00e4nual"))
    gate.add(2)
    gate.decisions.append(decision(reason="batchgate: approved by b\u00fccher"))
    done = process(front, *arguments, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("ascii")


@pytest.mark.parametrize(
    ("options", "variables", "colored"),
    [([], {}, False), (["--color", "on"], {}, True), (["--color", "on"], {"NO_COLOR": "1"}, True)],
)
def test_colours_are_for_terminals_or_who_asks_for_them(
    gate: GateDouble, front: Front, options: list[str], variables: dict[str, str], colored: bool
) -> None:
    """Not in files."""
    gate.add(1, held=timedelta(days=26))
    for output in ([], ["-o", "table"]):
        done = process(front, "jobs", "held", *output, *options, **variables)
        assert (b"\x1b[" in done.stdout) is colored


def test_a_terminal_has_colours_unless_they_are_turned_off(gate: GateDouble, front: Front) -> None:
    """By NO_COLOR or --color off."""
    gate.add(1)
    for options, no_color, colored in (([], "", True), (["--color", "off"], "", False), ([], "1", False)):
        arguments = ("jobs", "held", *options, "--endpoint-url", front.url)
        with on_a_terminal(*arguments, NO_COLOR=no_color, TERM="xterm") as terminal:
            terminal.end()
        assert ("\x1b[" in terminal.said) is colored


def test_a_watched_list_is_shown_anew_until_ctrl_c(gate: GateDouble, front: Front) -> None:
    """And fits the terminal's height."""
    for number in range(60):
        gate.add(number)
    with on_a_terminal("jobs", "held", "--watch", "1", "--endpoint-url", front.url, LINES="20") as terminal:
        terminal.read_until("more lines")
        gate.jobs.clear()
        terminal.read_until("no job is held")
        os.write(terminal.screen, b"\x03")
        assert terminal.end() == Exit.INTERRUPTED
    assert batchgate(front, "jobs", "held", "--watch").exit_code == Exit.USAGE


def test_what_a_query_finds_is_printed(gate: GateDouble, front: Front) -> None:
    """As JSON if nothing else is asked for; between tabs for scripts; a list of jobs for --from."""
    for number in (1, 2):
        gate.add(number)
    ids = [job_id(1), job_id(2)]
    assert json.loads(batchgate(front, "jobs", "held", "--query", "jobs[].job_id").stdout) == ids
    said = batchgate(front, "jobs", "held", "--query", "jobs[].job_id", "--output", "text").stdout
    assert said == "\t".join(ids) + "\n"
    done = batchgate(front, "jobs", "cancel", "--from", "-", "--reason", "no", "--yes", stdin=said)
    assert done.exit_code == 0
    assert {gate.status(each) for each in ids} == {"Cancelled"}
    wrong = batchgate(front, "jobs", "held", "--query", "jobs[")
    assert (wrong.exit_code, "--query" in wrong.stderr) == (2, True)


def test_csv_has_a_line_a_job(gate: GateDouble, front: Front) -> None:
    """Under the names of their members."""
    gate.add(1, reason='batchgate: held by a: tag is "x,\n", want "y"')
    rows = [*csv.DictReader(io.StringIO(batchgate(front, "jobs", "held", "-o", "csv").stdout, newline=""))]
    assert [(row["job_id"], row["reason"], row["tags"]) for row in rows] == [
        (job_id(1), 'batchgate: held by a: tag is "x,\n", want "y"', '{"team": "lake"}')
    ]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            "batchgate: held by a: total_tasks is 5, want at most 3 [policy 7c41f09be2aa]",
            "a: total_tasks is 5, want at most 3",
        ),
        ("batchgate: held, the gate is paused [policy 7c41f09be2aa]", "the gate is paused"),
        ("batchgate: held: no policy matches the job [policy 7c41f09be2aa]", "no policy matches the job"),
        ("something else\x1b[31m", "something else?[31m"),
    ],
)
def test_what_stands_in_the_way_is_the_reason_without_its_frame(reason: str, shown: str) -> None:
    """And without anything that moves the cursor."""
    assert obstacle(reason) == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(minutes=60), "1 h 0 min"),
        (timedelta(hours=25), "1 d 1 h"),
    ],
)
def test_an_age_is_told_in_its_two_largest_units(passed: timedelta, shown: str) -> None:
    """A clock that is behind makes nothing negative."""
    assert age(passed) == shown


# --- show ---------------------------------------------------------------------------------------------


def test_a_job_is_shown_with_all_that_an_approver_needs(gate: GateDouble, front: Front) -> None:
    """On one screen: what it does to what, who made it, what the policies say, who approved it."""
    name = gate.add(1, awaiting="1 of 2 approvals, 1 more needed from *:assumed-role/prod-owner/*")
    document = gate.jobs[name]
    document["requester"] = {"arn": "arn:aws:iam::111122223333:user/etl", "known": "yes", "why": ""}
    given = {"who": ANA, "at": "2026-11-22T12:00:00Z", "reason": "planned"}
    document["approvals"] = [
        {**given, "counts": True, "why_not": "", "is_current": True},
        {**given, "counts": False, "why_not": "the job has changed since", "is_current": False},
    ]
    said = batchgate(front, "jobs", "show", name).stdout
    for each in (
        r"status +Suspended since 20.*; S3 fails it in 29 d 23 h",
        r"operation +S3PutObjectTagging, 4 objects",
        r"parameters +TagSet\[0\].Key=archive, TagSet\[0\].Value=yes",
        r"tags +team=lake",
        r"manifest +ObjectArn=arn:aws:s3:::lake-manifests/july.csv, ETag=60e4",
        r"report +Enabled=false",
        r"priority +10",
        r"role +arn:aws:iam::111122223333:role/batch",
        r"requester +arn:aws:iam::111122223333:user/etl",
        r"the policies say now  HOLD  \[policy 7c41f09be2aa\]",
        r"policy by-hand  governs  hold",
        r"! manual approval required, not given yet  -> hold",
        r"does not govern: others",
        rf"2026-11-22 12:00  {re.escape(ANA)}: planned \(counts\)",
        r"planned \(does not count: the job has changed since\)",
        r"awaiting +1 of 2 approvals, 1 more needed from \*:assumed-role/prod-owner/\*",
    ):
        assert re.search(each, said), each
    assert len(said.splitlines()) <= 40


@pytest.mark.parametrize(("result", "says"), [("met", "unless lifts it"), ("violated", "unless: does not apply")])
def test_what_would_lift_an_objection_is_shown_with_its_checks(
    gate: GateDouble, front: Front, result: str, says: str
) -> None:
    """Whoever approves sees by what value it is lifted, or why it is not."""
    name = gate.add(1)
    requirement = gate.jobs[name]["evaluation"]["statements"][0]["requirements"][0]
    cost = {"check": "cost", "subject": "cost", "actual": "$25.45", "expected": "at most $500", "result": result}
    requirement["lifts"] = [
        {"kind": "unless", "name": None, "because": None, "condition": {"result": result, "all": [cost]}}
    ]
    shown = batchgate(front, "jobs", "show", name).stdout
    assert says in shown
    assert "cost is $25.45, want at most $500" in shown


def test_a_terminal_without_utf_8_gets_other_marks(gate: GateDouble, front: Front) -> None:
    """Of the tree, too."""
    name = gate.add(1)
    check = gate.jobs[name]["evaluation"]["statements"][0]["requirements"][0]
    check["condition"] = {"result": "violated", "check": "total_tasks", "subject": "gr\u00f6\u00dfe"} | {"actual": "5"}
    check["result"] = "violated"
    arguments = ("jobs", "show", name, "--endpoint-url", front.url)
    with on_a_terminal(*arguments, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C") as terminal:
        assert terminal.end() == 0
    assert terminal.said.isascii()
    assert "x gr??e is 5, want" in terminal.said


@pytest.mark.parametrize("command", [["show"], ["approve", "--reason", "agreed", "--yes"]])
def test_what_of_a_job_can_not_be_shown_is_named(gate: GateDouble, front: Front, command: list[str]) -> None:
    """An approver must not take what is on the screen for the whole job."""
    name = gate.add(1)
    assert "\n  not known  " not in batchgate(front, "jobs", "show", name).stdout
    gate.change(name, unknown_members=["Operation.S3PutObjectCopy.New", 'Report.ReportScope="\x1b[2J"'])
    said = batchgate(front, "jobs", command[0], name, *command[1:]).stdout
    assert '  not known     Operation.S3PutObjectCopy.New, Report.ReportScope="?[2J"' in said


def test_what_a_block_hides_is_shown(gate: GateDouble, front: Front) -> None:
    """The objection that would cancel the job once the gate is resumed, and the block beside it."""
    name = gate.add(1, block="paused", reason="batchgate: held, the gate is paused")
    evaluation = evaluation_of(gate.jobs[name]["job"]["job_arn"], "cancel")
    [requirement] = evaluation["statements"][0]["requirements"]
    requirement |= {"result": "violated", "actual": "5", "expected": "at most 3", "vote": "cancel"}
    requirement["condition"] = {"result": "violated", "check": "total_tasks", "subject": "total_tasks"} | {
        "actual": "5",
        "expected": "at most 3",
    }
    gate.jobs[name] |= {"evaluation": evaluation, "blocks": ["paused"], "would": "cancel"}
    said = batchgate(front, "jobs", "show", name).stdout
    assert "the policies say now  CANCEL" in said
    assert "total_tasks is 5, want at most 3  -> cancel" in said
    assert "but  [paused] the gate is paused; `batchgate resume` ends that" in said


@pytest.mark.parametrize(
    ("requester", "shown"),
    [
        ({"arn": None, "known": "not_yet", "why": "CloudTrail has no record yet"}, "not known yet: CloudTrail has no"),
        ({"arn": None, "known": "no", "why": "no record within 90 days"}, "not found: no record within 90 days"),
        ({"arn": None, "known": "not_asked", "why": ""}, "not known: no policy asks who it is"),
    ],
)
def test_a_requester_who_is_not_known_is_never_guessed(
    gate: GateDouble, front: Front, requester: dict[str, Any], shown: str
) -> None:
    """And the reason is told."""
    name = gate.add(1)
    gate.jobs[name]["requester"] = requester
    assert f"requester     {shown}" in batchgate(front, "jobs", "show", name).stdout


def record(at: str, policy: str, tasks: int, *objections: str) -> dict[str, Any]:
    """One review of a job's history."""
    kept = [
        {"statement": "small", "enforced": True, "kind": "total_tasks", "subject": "total_tasks"}
        | {"actual": str(tasks), "wanted": each, "vote": "hold"}
        for each in objections
    ]
    evidence = {"verdict": "hold", "objections": kept, "rules": [], "objections_left_out": 0}
    return {
        "at": at,
        "action": "held",
        "status": "Suspended",
        "verdict": "hold",
        "reason": HELD_BY_SIZE.format(tasks),
        "decided_by": policy,
        "policy_version": policy,
        "evidence": {
            **evidence,
            "facts": {
                "now": at,
                "total_tasks": tasks,
                "tags": {"team": "lake"},
                "budgets": {"b": {"used": {"jobs": int(at[11:13])}}},  # of others: not what changed of the job
            },
        },
    }


def test_approvals_of_a_decided_job_are_not_said_to_count_or_not(gate: GateDouble, front: Front) -> None:
    """The policies have no say any more; the job may have been approved by these very approvals."""
    name = gate.add(1)
    gate.jobs[name]["approvals"] = [
        {
            "who": ANA,
            "at": "2026-11-22T12:00:00Z",
            "reason": "planned",
            "counts": False,
            "why_not": "no policies decide it",
            "is_current": True,
        }
    ]
    gate.jobs[name]["evaluation"] = None
    said = batchgate(front, "jobs", "show", name).stdout
    assert f"{ANA}: planned\n" in said
    assert "count" not in said


@pytest.mark.parametrize(
    ("actual", "text"),
    [
        ("0 of 1 given", "manual approval: 0 of 1 given, want 1 approval from */owner/*"),
        ("1 of 1 given", "manual approval: 1 of 1 given, want 1 approval from */owner/*"),
        ("not given yet", "manual approval required, not given yet"),
        ("given", "manual approval given"),
    ],
)
def test_an_approval_says_of_whom_it_is_wanted(actual: str, text: str) -> None:
    """Two requirements of different roles are not the same line twice."""
    assert manual_approval(actual, "1 approval from */owner/*") == text


def test_the_history_shows_what_changed_between_reviews(gate: GateDouble, front: Front) -> None:
    """Not what stayed as it was."""
    name = gate.add(1)
    gate.jobs[name]["history"] = [
        record("2026-11-22T10:00:00Z", "aaaaaaaaaaaa", 5, "at most 3", "at most 4"),
        record("2026-11-22T11:00:00Z", "bbbbbbbbbbbb", 5, "at most 4"),
        record("2026-11-22T12:00:00Z", "bbbbbbbbbbbb", 6, "at most 4"),
    ]
    said = batchgate(front, "jobs", "show", name).stdout
    first, rest = said.split("how it came to that (UTC)")[1].split("2026-11-22 11:00")
    second, third = rest.split("2026-11-22 12:00")
    assert "- small: total_tasks is 5, want at most 3 -> hold" in first
    assert [line.strip() for line in second.strip().splitlines()[1:]] == [
        "* policy: aaaaaaaaaaaa -> bbbbbbbbbbbb",
        "- no longer: small: total_tasks is 5, want at most 3 -> hold",
    ]
    assert [line.strip() for line in third.strip().splitlines()[1:]] == [
        "* total_tasks: 5 -> 6",
        "+ small: total_tasks is 6, want at most 4 -> hold",
        "- no longer: small: total_tasks is 5, want at most 4 -> hold",
    ]


def test_a_settled_job_and_one_that_s3_does_not_show(gate: GateDouble, front: Front) -> None:
    """What the ledger has is shown."""
    name = gate.add(1)
    batchgate(front, "jobs", "approve", name, "--reason", "agreed", "--yes")
    gate.jobs[name] |= {"job": None, "error": "it knows no such job (any more)", "digest": None, "evaluation": None}
    said = batchgate(front, "jobs", "show", name).stdout
    assert "nothing       it knows no such job (any more)" in said
    assert re.search(rf"settled +20.* UTC, approved by {re.escape(ANA)}", said)
    assert "announced     not yet; the sweep does it" in said
    refused = batchgate(front, "jobs", "cancel", name, "--reason", "no", "--yes")
    assert (refused.exit_code, "S3 does not show it" in refused.stderr) == (5, True)


@pytest.mark.parametrize(
    ("decided_by", "text"),
    [
        (POLICY, f"approved by policy {POLICY}"),
        (f"{POLICY}, {ANA}", f"approved by policy {POLICY}, with approvals of {ANA}"),
        (f"{POLICY}, {ANA}, {BEN}", f"approved by policy {POLICY}, with approvals of {ANA}, {BEN}"),
        (ANA, f"approved by {ANA}"),
    ],
)
def test_who_decided_a_job_is_named_for_what_it_is(gate: GateDouble, front: Front, decided_by: str, text: str) -> None:
    """The version of the policies, and the people whose approvals it counted, or who decided it themselves."""
    name = gate.add(1, phase="settled", outcome="applied", requested_action="approve", decided_by=decided_by)
    gate.jobs[name]["job"]["status"] = "Ready"
    assert f", {text}\n" in batchgate(front, "jobs", "show", name).stdout
    assert f": {text}\n" in batchgate(front, "jobs", "cancel", name, "--reason", "no", "--yes").stderr


def test_a_job_that_was_decided_is_refused_before_anybody_is_asked(gate: GateDouble, front: Front) -> None:
    """With when and by whom; one that S3 shows as Suspended again is the API's to judge."""
    name = gate.add(1)
    batchgate(front, "jobs", "approve", name, "--reason", "agreed", "--yes")
    refused = batchgate(front, "jobs", "cancel", name, "--reason", "no")
    assert refused.exit_code == Exit.REFUSED
    assert re.search(rf"this job was settled at .* UTC: approved by {re.escape(ANA)}", refused.stderr)
    assert len(front.sent("POST")) == 1
    gate.jobs[name]["job"]["status"] = "Suspended"
    assert batchgate(front, "jobs", "cancel", name, "--reason", "no", "--yes").exit_code == 0


@pytest.mark.parametrize("output", [[], ["-o", "text"], ["-o", "table"]])
def test_a_requesters_text_does_not_move_the_cursor(gate: GateDouble, front: Front, output: list[str]) -> None:
    """On a terminal, whatever the output; nor is it markup."""
    name = gate.add(1, tags={HOSTILE: HOSTILE})
    gate.change(name, description=HOSTILE, status_update_reason=HOSTILE, tags={HOSTILE: HOSTILE})
    with on_a_terminal("jobs", "show", name, *output, "--endpoint-url", front.url, columns=200) as terminal:
        assert terminal.end() == 0
    assert_nothing_moves_the_cursor(terminal.said)
    assert "[bold]tags[/bold]" in terminal.said
    raw = batchgate(front, "jobs", "show", name, "-o", "json").stdout
    assert raw.isascii()
    assert json.loads(raw)["job"]["status_update_reason"] == HOSTILE


def test_a_screen_of_80_columns_wraps_below_the_names(gate: GateDouble, front: Front) -> None:
    """Nothing is wider."""
    name = gate.add(1)
    gate.change(name, description="what the nightly run of July wrote into the lake " * 4)
    with on_a_terminal("jobs", "show", name, "--endpoint-url", front.url) as terminal:
        assert terminal.end() == 0
    assert max(map(len, terminal.said.splitlines())) <= 80
    assert re.search(r"^ {16}\w", terminal.said, re.MULTILINE)


@pytest.mark.parametrize(
    ("job", "options", "error"),
    [
        ("0", [], f"2 open jobs have ids that begin with 0: {job_id(1)}, {job_id(2)}; give more of the id"),
        ("ff", [], "S3 and the gate know no job ff"),
        (f"arn:aws:s3:us-east-1:111122223333:job/{job_id(1)}", [], "not a job of eu-central-1; pass --region"),
        (f"arn:aws:s3:eu-central-1:999988887777:job/{job_id(1)}", [], "not a job of the gate of account 111122223333"),
        ("01", ["--account-id", "999988887777"], "a job of account 111122223333, and --account-id is 999988887777"),
    ],
)
def test_what_names_no_job_of_this_gate_is_refused(
    gate: GateDouble, front: Front, job: str, options: list[str], error: str
) -> None:
    """With what to do."""
    gate.add(1)
    gate.add(2)
    result = batchgate(front, "jobs", "show", job, *options)
    assert result.exit_code == 1
    assert error in result.stderr


@pytest.mark.parametrize("job", ["../pause", "é", "", "0" * 37, "\udcff"])
@pytest.mark.parametrize("command", [["show"], ["approve", "--reason", "r", "--yes"]])
def test_what_can_name_no_job_is_wrong_usage(front: Front, command: list[str], job: str) -> None:
    """Nothing is asked."""
    result = batchgate(front, "jobs", *command, job)
    assert (result.exit_code, front.requests) == (2, [])
    assert "expected a job" in result.stderr


# --- approve and cancel -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "action", "status"), [("approve", "approved", "Ready"), ("cancel", "cancelled", "Cancelled")]
)
@pytest.mark.parametrize("how", [[job_id(1)], ["015d2f34"], [f"arn:aws:s3:eu-central-1:111122223333:job/{job_id(1)}"]])
def test_a_person_decides_a_held_job(
    gate: GateDouble, front: Front, command: str, action: str, status: str, how: list[str]
) -> None:
    """Whatever of its id is given; the digest of what was shown goes with it."""
    name = gate.add(1)
    digest = gate.jobs[name]["digest"]
    result = batchgate(front, "jobs", command, *how, "--reason", "agreed with lake", "--yes")
    assert result.exit_code == 0, result.output
    assert f"{name}: {action}; the next sweep reports it (decision event, metrics)" in result.stdout
    assert gate.status(name) == status
    [sent] = front.sent("POST")
    assert json.loads(sent.body) == {"reason": "agreed with lake", "digest": digest}


def test_what_will_be_done_is_shown_and_without_an_answer_not_done(gate: GateDouble, front: Front) -> None:
    """Job, operation, size and each objection; a script is told about --yes."""
    name = gate.add(1)
    result = batchgate(front, "jobs", "approve", name, "--reason", "agreed")
    assert result.exit_code == 2
    assert "stdin is not a terminal; nothing was changed. Pass --yes to skip the prompt." in result.stderr
    for said in (
        f"approve {name}  account 111122223333 in eu-central-1",
        "S3PutObjectTagging, 4 objects",
        "policies say  hold [policy ",
        "by-hand: manual approval required, not given yet -> hold",
    ):
        assert said in result.stdout
    assert front.sent("POST") == []


def test_an_approval_that_would_not_count_says_so_before_anybody_is_asked(gate: GateDouble, front: Front) -> None:
    """For one job beside its approvals, for many below the table, by why; a cancellation is not concerned."""
    for number in range(1, 5):
        gate.add(number)
    for number, why_not in ((1, "whoever created the job can't approve it"), (2, "only approvals of x count"), (3, "")):
        gate.jobs[job_id(number)]["your_approval"] = {"counts": not why_not, "why_not": why_not}
    gate.jobs[job_id(4)]["your_approval"] = gate.jobs[job_id(1)]["your_approval"]
    one = batchgate(front, "jobs", "approve", "01", "--reason", "agreed")
    assert one.exit_code == Exit.USAGE  # nobody is there to be asked
    assert "as approver   your approval would not count: whoever created the job can't approve it" in one.stdout
    many = batchgate(front, "jobs", "approve", "01", "02", "03", "04", "--reason", "agreed").stdout.splitlines()
    assert many[-2:] == [
        f"your approval would not count of 2 jobs ({job_id(1)}, {job_id(4)}): whoever created the job can't approve it",
        f"your approval would not count of 1 job ({job_id(2)}): only approvals of x count",
    ]
    for said in (
        batchgate(front, "jobs", "approve", "03", "--reason", "agreed"),
        batchgate(front, "jobs", "cancel", "01", "--reason", "no"),
        batchgate(front, "jobs", "cancel", "01", "02", "--reason", "no"),
    ):
        assert "would not count" not in said.output
    assert front.sent("POST") == []


def test_a_no_on_the_terminal_does_nothing_and_a_yes_does_it(gate: GateDouble, front: Front) -> None:
    """Asked after the plan was shown."""
    name = gate.add(1)
    for answer, code, status in (("n", 1, "Suspended"), ("y", 0, "Ready")):
        with on_a_terminal("jobs", "approve", name, "--reason", "agreed", "--endpoint-url", front.url) as terminal:
            terminal.read_until("approve this job? [y/N]")
            terminal.answer(answer)
            assert terminal.end() == code
        assert gate.status(name) == status


@pytest.mark.parametrize("stdin", [None, f"{job_id(1)}\n"])
def test_the_question_is_on_the_terminal_where_errors_go_to_a_file(
    gate: GateDouble, front: Front, tmp_path: Path, stdin: str | None
) -> None:
    """Who is asked would see nothing of it, and wait."""
    name = gate.add(1)
    jobs = ["--from", "-"] if stdin else ["01"]
    arguments = ["jobs", "approve", *jobs, "--reason", "agreed", "--endpoint-url", front.url]
    log = (tmp_path / "log").open("w+", encoding="utf-8")
    with log, on_a_terminal(*arguments, stdin=stdin, stderr=log) as terminal:
        terminal.read_until("approve this job? [y/N]")
        terminal.answer("y")
        assert terminal.end() == 0
    assert "[y/N]" not in (tmp_path / "log").read_text("utf-8")
    assert gate.status(name) == "Ready"


@pytest.mark.parametrize("stdin", [None, f"{job_id(1)}\n{job_id(2)}\n"])
def test_ctrl_c_is_no_answer(gate: GateDouble, front: Front, stdin: str | None) -> None:
    """Nothing is sent, and the exit code is that of an interruption."""
    gate.add(1)
    gate.add(2)
    jobs = ["--from", "-"] if stdin else ["01"]
    arguments = ["jobs", "cancel", *jobs, "--reason", "no", "--endpoint-url", front.url]
    with on_a_terminal(*arguments, stdin=stdin) as terminal:
        terminal.read_until("[y/N]")
        os.write(terminal.screen, b"\x03")
        assert terminal.end() == Exit.INTERRUPTED
    assert front.sent("POST") == []


def test_a_question_never_waits_for_long_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python handles Ctrl-C between two calls, so a call without a time limit could miss it."""
    waited: list[float] = []

    def waits(reading: Any, _writing: Any, _odd: Any, seconds: float) -> tuple[Any, Any, Any]:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt
        return [], [], []

    monkeypatch.setattr("select.select", waits)
    _, terminal = os.openpty()
    with open(terminal, encoding="utf-8") as stdin:  # noqa: PTH123 - a terminal without a name
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(KeyboardInterrupt):
            confirm.confirm("decide?", yes=False)
    assert len(waited) == 3
    assert max(waited) < 1


def test_what_was_typed_before_the_question_is_no_answer(gate: GateDouble, front: Front) -> None:
    """What is neither yes nor no is asked again; Enter alone and the end of input are no."""
    name = gate.add(1)
    arguments = ["jobs", "approve", name, "--reason", "agreed", "--endpoint-url", front.url]
    for answer in (b"no\n", b"\n", b"\x04"):
        with on_a_terminal(*arguments) as terminal:
            os.write(terminal.screen, b"y\ny\n")
            terminal.read_until("approve this job? [y/N]")
            for unclear in (b"\xff\xfe\n", b"yes, please\n"):
                os.write(terminal.screen, unclear)
                terminal.read_until("expected y or n. approve this job? [y/N]")
            os.write(terminal.screen, answer)
            assert terminal.end() == 1
        assert terminal.said.splitlines()[-1].endswith("batchgate: nothing was changed")
    assert front.sent("POST") == []


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        (["01"], "stdin is not a terminal; nothing was changed. Pass --yes"),
        (["--from", "-"], "standard input lists no job"),
    ],
)
def test_closed_standard_input_answers_nothing_and_lists_nothing(
    gate: GateDouble, front: Front, jobs: list[str], expected: str
) -> None:
    """As where it is no terminal, and empty."""
    gate.add(1)
    program = str(Path(sys.executable).with_name("batchgate"))
    arguments = ["jobs", "approve", *jobs, "--reason", "agreed", "--endpoint-url", front.url]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&-', program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.USAGE
    assert expected in done.stderr
    assert front.sent("POST") == []


def test_one_approval_of_two_is_recorded_and_told(gate: GateDouble, front: Front) -> None:
    """It is what was asked for, so the exit code is 0; the action says that the job is held. The second decides."""
    gate.needed = 2
    name = gate.add(1)
    result = batchgate(front, "jobs", "approve", name, "--reason", "agreed", "--yes")
    assert result.exit_code == 0
    assert "your approval is recorded, and the job is held: 1 of 2 approvals" in result.stdout
    again = batchgate(front, "jobs", "approve", name, "--reason", "agreed", "--yes")
    assert again.exit_code == Exit.REFUSED
    assert f"{ANA} has approved it already" in again.stderr


def test_a_cancellation_of_what_the_policies_would_approve_says_so(gate: GateDouble, front: Front) -> None:
    """A person may know better; not without being told."""
    name = gate.add(1)
    gate.jobs[name]["would"] = "approve"
    result = batchgate(front, "jobs", "cancel", name, "--reason", "wrong bucket", "--yes")
    assert "the policies would approve this job" in result.stdout


def test_a_job_that_changes_while_somebody_is_asked_is_shown_and_asked_about_again(
    gate: GateDouble, front: Front
) -> None:
    """What was shown is what is decided: a yes to other tags decides nothing."""
    name = gate.add(1)
    with on_a_terminal("jobs", "approve", name, "--reason", "agreed", "--endpoint-url", front.url) as terminal:
        terminal.read_until("approve this job? [y/N]")
        gate.change(name, tags={"team": "web"})
        terminal.answer("y")
        said = terminal.read_until("approve this job as it is now? [y/N]")
        assert 'tags: {"team": "lake"} -> {"team": "web"}' in said
        assert gate.status(name) == "Suspended"
        gate.change(name, tags={"team": "sea"})
        terminal.answer("y")
        said = terminal.read_until("approve this job as it is now? [y/N]", times=2)
        assert 'tags: {"team": "web"} -> {"team": "sea"}' in said
        terminal.answer("y")
        assert terminal.end() == 0
    assert gate.status(name) == "Ready"


def test_a_change_after_a_script_read_the_job_is_refused(gate: GateDouble, front: Front) -> None:
    """With --yes nobody can be asked again."""
    name = gate.add(1)

    def change(request: Request) -> None:
        if request.method == "POST":
            gate.change(name, priority=int(time.monotonic_ns()))

    front.spoil = change
    result = batchgate(front, "jobs", "approve", name, "--reason", "agreed", "--yes")
    assert result.exit_code == Exit.REFUSED
    assert "has changed since it was shown; nothing was done" in result.stderr
    assert gate.status(name) == "Suspended"


@pytest.mark.parametrize("executed", [False, True])
def test_an_answer_that_is_lost_is_not_taken_for_nothing_done(gate: GateDouble, front: Front, executed: bool) -> None:
    """Nor sent again: exit code 6, and what to do."""
    name = gate.add(1)

    def lose(request: Request, *_: object) -> None:
        if request.method == "POST":
            raise Lost

    setattr(front, "spoil_after" if executed else "spoil", lose)
    result = batchgate(front, "jobs", "cancel", name, "--reason", "no", "--yes")
    assert result.exit_code == Exit.NOT_KNOWN_YET
    assert "it may have been recorded. To see the outcome: batchgate jobs show" in result.stderr
    assert gate.status(name) == ("Cancelled" if executed else "Suspended")
    assert len(front.sent("POST")) == 1


@pytest.mark.parametrize("action", ["pending", "superseded", "held", "waiting"])
def test_what_came_of_it_is_the_exit_code(gate: GateDouble, front: Front, action: str) -> None:
    """Pending: not known yet. Decided elsewhere: refused. A cancellation that was not made: failed."""
    name = gate.add(1)
    answer: dict[str, Any] = {
        "job_id": name,
        "job_arn": "",
        "action": action,
        "reason": "batchgate: held, no",
        "awaiting": "",
    }
    answer |= {"approvals": [], "decided_by": "", "claim_id": None}
    front.spoil = lambda request: Answer(202, answer) if request.method == "POST" else None
    result = batchgate(front, "jobs", "cancel", name, "--reason", "no", "--yes")
    codes = {"pending": Exit.NOT_KNOWN_YET, "superseded": Exit.REFUSED}
    assert result.exit_code == codes.get(action, Exit.FAILED)
    assert name in result.stderr


@pytest.mark.parametrize("asked", ["approve", "cancel"])
@pytest.mark.parametrize("action", ["approved", "cancelled", "lapsed", "nothing", "ungated", "held", "waiting"])
def test_success_is_what_was_asked_for_or_a_recorded_approval(
    gate: GateDouble, front: Front, asked: str, action: str
) -> None:
    """A job that was cancelled while somebody approved it, or that ended, is no success, whoever has approved it."""
    name = gate.add(1)
    answer: dict[str, Any] = {"job_id": name, "job_arn": "", "action": action, "reason": "", "awaiting": ""}
    answer |= {
        "decided_by": "",
        "approvals": [{"who": ANA, "at": datetime.now(UTC).isoformat(), "reason": ""}],
        "claim_id": None,
    }
    front.spoil = lambda request: Answer(200, answer) if request.method == "POST" else None
    result = batchgate(front, "jobs", asked, name, "--reason", "no", "--yes")
    succeeds = {"approve": {"approved", "held", "waiting"}, "cancel": {"cancelled"}}
    assert (result.exit_code == 0) == (action in succeeds[asked])
    if action in ("approved", "cancelled") and result.exit_code:
        assert result.exit_code == Exit.REFUSED
        assert f"{action}, which you did not ask for" in result.stderr


# --- Many ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[2J\x1b[31m",
        "x\x9b2J",
        f"\u202e{job_id(1)}",
        f"{job_id(1)}\x07",
        "arn:aws:s3:x\x1b[2J",
        f'"a\n{job_id(1)}\n\x1b[2J",b',
        "01",
        "0",
        f"0,{job_id(1)},lake",
        f"  {job_id(1)[:8]}  held 0 min  fails in 29 d  2 objects",
        f"{job_id(1)} held 0 min",
        job_id(1).upper().replace("0", "A"),
    ],
)
def test_a_list_with_anything_but_whole_ids_decides_nothing(
    gate: GateDouble, front: Front, tmp_path: Path, line: str
) -> None:
    """Any word or number may be the beginning of an id. The first that is none is named, in printable text."""
    for number in (1, 2):
        gate.add(number)
    listing = tmp_path / "jobs"
    listing.write_bytes(f"{job_id(2)}\n{line}\n".encode())
    done = batchgate(front, "jobs", "cancel", "--from", str(listing), "--reason", "no", "--yes")
    assert done.exit_code in {Exit.USAGE, Exit.FAILED}  # an ARN may be of no job
    assert gate.status(job_id(1)) == "Suspended"
    assert all(each.isprintable() for each in (done.stdout + done.stderr).splitlines())
    if not line.startswith("arn:"):
        assert gate.status(job_id(2)) == "Suspended"
        assert re.search(r"--from: .*line [1-4]: expected a whole job id or ARN, got '", done.stderr)
        assert "`batchgate jobs held -o csv`" in done.stderr


@pytest.mark.parametrize("words", [["01"], ["0"], [job_id(2), "015d2f3"], ["[shadow]", "0", "min", job_id(2)]])
def test_a_script_names_no_job_by_a_beginning_that_any_number_may_be(
    gate: GateDouble, front: Front, words: list[str]
) -> None:
    """Such as the words of a listing that a shell has split. Whoever is asked sees which job is meant."""
    for number in (1, 2):
        gate.add(number)
    done = batchgate(front, "jobs", "cancel", *words, "--reason", "no", "--yes")
    assert done.exit_code == Exit.USAGE
    assert re.search("with --yes at least 8 characters of the id, got|beginning of one, or an ARN, got", done.stderr)
    assert [gate.status(job_id(number)) for number in (1, 2)] == ["Suspended", "Suspended"]


def test_a_list_with_a_field_that_is_none_decides_nothing(gate: GateDouble, front: Front) -> None:
    """Megabytes in quotes."""
    gate.add(1)
    arguments = ["jobs", "cancel", "--from", "-", "--reason", "no", "--yes"]
    done = batchgate(front, *arguments, stdin=f'{job_id(1)}\n"' + "x" * 200_000)
    assert (done.exit_code, "--from" in done.stderr, gate.status(job_id(1))) == (Exit.USAGE, True, "Suspended")


def test_many_jobs_are_a_table_and_a_total_and_one_question(gate: GateDouble, front: Front, tmp_path: Path) -> None:
    """Those of the list, the arguments and CSV; each once, by whatever it is named."""
    for number in range(1, 6):
        gate.add(number, total_tasks=number * 1000)
    gate.add(6, total_tasks=None)
    listing = tmp_path / "jobs.csv"
    listing.write_text(
        f"job_id,operation\n{job_id(2)},S3\n# not this: {job_id(5)}\n\n{job_id(3)} {job_id(4)}\t{job_id(6)}\n"
    )
    arguments = ["jobs", "cancel", "015d2f34", job_id(1), "--from", str(listing), "--reason", "wrong prefix"]
    asked = batchgate(front, *arguments)
    assert asked.exit_code == 2
    rows = [line.split()[0] for line in asked.stdout.splitlines() if line.startswith("  0")]
    assert rows == [job_id(number) for number in (1, 2, 3, 4, 6)]
    total = "cancel 5 jobs, 10,000 objects and 1 job of unknown size; the policies say hold (5); reason: wrong prefix"
    assert total in asked.stdout
    assert front.sent("POST") == []
    done = batchgate(front, *arguments, "--yes")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "5 cancelled"
    assert [gate.status(job_id(number)) for number in range(1, 7)] == ["Cancelled"] * 4 + ["Suspended", "Cancelled"]


def test_the_exit_code_is_that_of_the_worst(gate: GateDouble, front: Front) -> None:
    """Refused, then failed, then not known; each is in the summary with why."""
    for number in (1, 2, 3):
        gate.add(number)
    gate.jobs[job_id(2)]["job"]["status"] = "Complete"

    def lose(request: Request, _answer: Answer) -> None:
        if request.path.startswith(f"/jobs/{job_id(3)}/"):
            raise Lost

    expected = [
        (["015d2f34", "025d2f34"], 5),
        (["015d2f34", "025d2f34", "ffffffff"], 1),
        (["015d2f34", "025d2f34", "035d2f34", "ffffffff"], 6),
    ]
    said = ""
    for jobs, code in expected:
        gate.add(1)
        front.spoil_after = lose
        done = batchgate(front, "jobs", "cancel", *jobs, "--reason", "no", "--yes")
        assert done.exit_code == code, done.output
        said = done.stdout
    assert re.search(rf"^refused:\n  {job_id(2)}  .*already", said, re.MULTILINE)
    assert re.search(r"^failed:\n  ffffffff  S3 and the gate know no job", said, re.MULTILINE)
    assert re.search(rf"^not known:\n  {job_id(3)}  .*may have been recorded", said, re.MULTILINE)
    twice = ["jobs", "cancel", "025d2f34", "ffffffff", "025d2f34", "ffffffff", "--reason", "no", "--yes", "-o", "json"]
    report = json.loads(batchgate(front, *twice).stdout)
    assert report["counts"] == {"failed": 1, "refused": 1}
    assert {each["job_id"]: each["exit_code"] for each in report["jobs"]} == {job_id(2): 5, "ffffffff": 1}


def test_jobs_that_change_are_asked_about_again_and_the_others_decided(gate: GateDouble, front: Front) -> None:
    """The list comes from standard input, so the terminal itself is asked."""
    for number in (1, 2, 3):
        gate.add(number)
    listing = "\n".join(map(job_id, (1, 2, 3)))
    arguments = ["jobs", "cancel", "--from", "-", "--reason", "no", "--endpoint-url", front.url]
    with on_a_terminal(*arguments, stdin=listing) as terminal:
        terminal.read_until("cancel these 3 jobs? [y/N]")
        gate.change(job_id(2), priority=99)
        terminal.answer("y")
        said = terminal.read_until("cancel this job as it is now? [y/N]")
        assert "priority: 10 -> 99" in said
        terminal.answer("n")
        assert terminal.end() == Exit.REFUSED
    assert [gate.status(job_id(number)) for number in (1, 2, 3)] == ["Cancelled", "Suspended", "Cancelled"]


@pytest.mark.parametrize("job", [None, {}, [], {"job": {}}, "x"])
def test_an_answer_that_can_not_be_read_hides_no_other(gate: GateDouble, front: Front, job: Any) -> None:
    """What was done to the others is told; this one was refused."""
    for number in (1, 2, 3):
        gate.add(number)
    problem = {"type": "/problems/job-changed", "title": "", "status": 409, "detail": ""} | (
        {"job": job} if job else {}
    )

    def spoil(request: Request) -> Answer | None:
        is_second = request.method == "POST" and job_id(2) in request.path
        return Answer(409, problem, {"Content-Type": "application/problem+json"}) if is_second else None

    front.spoil = spoil
    done = batchgate(
        front, "jobs", "cancel", "015d2f34", "025d2f34", "035d2f34", "--reason", "no", "--yes", "-o", "json"
    )
    assert done.exit_code == Exit.REFUSED
    assert json.loads(done.stdout)["counts"] == {"cancelled": 2, "refused": 1}


def test_an_empty_list_does_nothing(front: Front) -> None:
    """And says so."""
    done = batchgate(front, "jobs", "cancel", "--from", "-", "--reason", "no", "--yes", stdin="# none\n\n")
    assert (done.exit_code, "nothing to do: standard input lists no job" in done.stderr) == (2, True)


@pytest.mark.parametrize("as_program", [False, True])
def test_ctrl_c_leaves_nothing_half_done_and_lists_what_was(gate: GateDouble, front: Front, as_program: bool) -> None:
    """200 jobs from standard input: each was cancelled and is listed so, or was not sent and is listed so."""
    for number in range(200):
        gate.add(number)

    def slow(request: Request) -> None:
        if request.method == "POST":
            time.sleep(0.05)

    front.spoil = slow
    listing = "".join(f"{job_id(number)}\n" for number in range(200))
    arguments = ["jobs", "cancel", "--from", "-", "--reason", "no", "--yes", "--endpoint-url", front.url]
    if as_program:
        arguments += ["--output", "json"]
    with on_a_terminal(*arguments, stdin=listing, columns=200) as terminal:
        terminal.read_until("/200]  cancelled")
        terminal.read_until("[ 30/200]  cancelled")
        os.write(terminal.screen, b"\x03")
        assert terminal.end() == Exit.INTERRUPTED
    cancelled = {job_id(number) for number in range(200) if gate.status(job_id(number)) == "Cancelled"}
    assert 30 <= len(cancelled) < 200
    said = terminal.said
    assert "interrupted: nothing more is sent" in said
    if as_program:
        report = json.loads(said[said.index("\n{") :])
        listed = {each["job_id"] for each in report["jobs"] if each["action"] == "cancelled"}
        unsent = {each["job_id"] for each in report["jobs"] if each["action"] == "not sent"}
        assert report["counts"] == {"cancelled": len(cancelled), "not sent": 200 - len(cancelled)}
    else:
        listed = set(re.findall(r"/200\]  cancelled  (\S+)", said))
        unsent = set(re.findall(r"^  (\S+)$", said.split("not sent:")[1], re.MULTILINE))
        assert f"interrupted: {len(cancelled)} cancelled, {200 - len(cancelled)} not sent" in said
    assert listed == cancelled
    assert unsent == {job_id(number) for number in range(200)} - cancelled


def test_a_second_ctrl_c_does_not_wait_and_lists_what_is_not_known(gate: GateDouble, front: Front) -> None:
    """For an API that hangs."""
    for number in range(20):
        gate.add(number)

    def hang(request: Request) -> None:
        if request.method == "POST":
            time.sleep(20)

    front.spoil = hang
    jobs = [job_id(number) for number in range(20)]
    arguments = ["jobs", "cancel", *jobs, "--reason", "no", "--yes", "--endpoint-url", front.url]
    with on_a_terminal(*arguments, columns=200) as terminal:
        terminal.read_until("cancel 20 jobs")
        while len(front.sent("POST")) < 8:
            time.sleep(0.05)
        os.write(terminal.screen, b"\x03")
        terminal.read_until("Ctrl-C again does not wait")
        os.write(terminal.screen, b"\x03")
        assert terminal.end() == Exit.INTERRUPTED
    unknown = set(re.findall(r"^  (\S+)  the answer was not waited for$", terminal.said, re.MULTILINE))
    assert unknown == {each.path.split("/")[2] for each in front.sent("POST")}
    assert set(re.findall(r"^  (\S+)$", terminal.said, re.MULTILINE)) == {*jobs} - unknown


# --- As the AWS CLI has it ----------------------------------------------------------------------------


def test_the_aws_clis_arguments_mean_the_same(gate: GateDouble, front: Front, tmp_path: Path) -> None:
    """By name, or as the JSON of `aws s3control update-job-status`; what is given beside the JSON comes first."""
    for number in (1, 2, 3):
        gate.add(number)
    account = ["--account-id", "111122223333"]
    why = ["--status-update-reason", "agreed"]
    assert batchgate(front, "jobs", "approve", "--job-id", job_id(1), *account, *why, "--yes").exit_code == 0
    given = {
        "AccountId": "111122223333",
        "JobId": job_id(2),
        "RequestedJobStatus": "Ready",
        "StatusUpdateReason": "from a file",
    }
    path = tmp_path / "input.json"
    path.write_text(json.dumps(given))
    assert batchgate(front, "jobs", "approve", "--cli-input-json", f"file://{path}", "--yes").exit_code == 0
    assert json.loads(front.sent("POST")[-1].body)["reason"] == "from a file"
    beside = ["--cli-input-json", json.dumps(given), "--job-id", job_id(3), "--reason", "beside"]
    assert batchgate(front, "jobs", "approve", *beside, "--yes").exit_code == 0
    assert json.loads(front.sent("POST")[-1].body)["reason"] == "beside"
    assert [gate.status(job_id(number)) for number in (1, 2, 3)] == ["Ready"] * 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "expected a JSON object of texts with AccountId, JobId,"),
        ("[]", "got an empty list"),
        ('{"JobID": "1"}', 'got JobID: "1"'),
        ('{"JobId": "01", "RequestedJobStatus": "Ready"}', "RequestedJobStatus: expected Cancelled of `cancel`"),
        ('{"JobId": "01"}', "--reason is required: say why"),
        ('{"StatusUpdateReason": "no"}', "expected a job"),
        ("file:///nowhere", "No such file"),
    ],
)
def test_input_that_asks_for_something_else_is_refused(front: Front, text: str, error: str) -> None:
    """Before anything is read or sent."""
    result = batchgate(front, "jobs", "cancel", "--cli-input-json", text, "--yes")
    assert (result.exit_code, error in result.stderr) == (2, True), result.stderr
    assert front.requests == []


def test_the_skeleton_is_the_aws_clis(front: Front) -> None:
    """So that one file serves both."""
    aws = Path(__file__).resolve().parents[2] / ".venv-awscli" / "bin" / "aws"
    theirs = subprocess.run(
        [aws, "s3control", "update-job-status", "--generate-cli-skeleton"], capture_output=True, text=True, check=True
    )
    ours = batchgate(front, "jobs", "approve", "--generate-cli-skeleton")
    a_status = r'(?<="RequestedJobStatus": )"(Ready|Cancelled)"'  # of which the AWS CLI chooses one
    assert re.sub(a_status, "", ours.stdout.strip()) == re.sub(a_status, "", theirs.stdout.strip())
    assert json.loads(ours.stdout)["RequestedJobStatus"] == "Ready"
    assert json.loads(batchgate(front, "jobs", "cancel", "--generate-cli-skeleton", "output").stdout)["jobs"]


# --- history ------------------------------------------------------------------------------------------


def decision(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One decision of the record."""
    name = job_id(number)
    return {
        "job_id": name,
        "job_arn": f"arn:aws:s3:eu-central-1:111122223333:job/{name}",
        "account_id": "111122223333",
        "action": "approved",
        "decided_at": f"2026-11-2{number}T14:02:00+00:00",
        "reason": "batchgate: approved by small-tagging, 2 requirements met [policy 7c41f09be2aa claim 5f3a91c2]",
        "decided_by": POLICY,
        "people": [],
        "policy_version": POLICY,
        "operation": "S3PutObjectTagging",
        "total_tasks": 4,
        "governing": ["small-tagging", "teams"],
        "requester": None,
        "shadow": False,
        "claim_id": "5f3a91c2",
        "unattributed": False,
        "created_at": None,
        "suspended_at": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("by", "headings"),
    [
        ("day", ["2026-11-22  1 cancelled", "2026-11-21  1 approved"]),
        ("verdict", ["cancelled  1 cancelled", "approved  1 approved"]),
        ("policy", ["small-tagging  1 cancelled, 1 approved", "teams  1 cancelled, 1 approved"]),
        ("person", [f"{ANA}  1 cancelled", "no person  1 approved"]),
    ],
)
def test_the_history_is_grouped(gate: GateDouble, front: Front, by: str, headings: list[str]) -> None:
    """By day, policy, verdict or person; a decision stands under each that it has."""
    reason = f"batchgate: cancelled by {ANA}: wrong prefix [claim 5f3a91c2]"
    gate.decisions += [decision(2, action="cancelled", people=[ANA], reason=reason), decision(1)]
    said = batchgate(front, "jobs", "history", "--by", by).stdout
    assert [line for line in said.splitlines() if line and not line.startswith(" ")][:-1] == headings
    assert "4 objects  assumed-role/lake-oncall/ana: wrong prefix" in said
    assert said.splitlines()[-1].startswith("2 jobs: 1 cancelled, 1 approved")


def test_a_narrow_history_has_whole_ids_and_reasons() -> None:
    """A decided job is found by its whole id only, so `jobs show` needs all of it."""
    reason = f"batchgate: cancelled by {ANA}: the prefix is that of another team's bucket [claim 5f3a91c2]"
    row = decoded(decision(2, action="cancelled", people=[ANA], reason=reason), PastDecision)
    for by in GroupBy:
        lines = [
            "".join(part if isinstance(part, str) else part[0] for part in line)
            for line in history_lines([row], by, 80)
        ]
        assert max(map(len, lines[:-1])) <= 80
        assert any(job_id(2) in line for line in lines)
        assert "the prefix is that of another team's bucket" in " ".join(" ".join(lines).split())


def test_the_history_of_days_includes_the_last(gate: GateDouble, front: Front) -> None:
    """A day ends when the next begins; filters are the API's."""
    gate.decisions += [decision(2, action="cancelled"), decision(1)]
    arguments = ["--from", "2026-11-21", "--to", "2026-11-22", "--verdict", "cancelled", "--person", "*/ana"]
    [row] = as_json(front, "jobs", "history", *arguments, "--policy", "small*")["decisions"]
    assert row["action"] == "cancelled"
    [asked] = front.sent("GET")
    assert asked.query["from"] == ["2026-11-21T00%3A00%3A00%2B00%3A00"]
    assert asked.query["to"] == ["2026-11-23T00%3A00%3A00%2B00%3A00"]
    assert batchgate(front, "jobs", "history", "--from", "yesterday").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--from", "2026-11-30", "--to", "2026-11-01"],
            "expected --from before --to, got --from 2026-11-30 and --to 2026-11-01",
        ),
        (["--from", "2026-11-30T10:00", "--to", "2026-11-30T10:00Z"], "expected --from before --to"),
        (["--verdict", "foo"], "'approved', 'cancelled', 'superseded', 'ungated', "),
        (["--person", "x" * 257], "'--person': expected 1 to 256 characters, got 257"),
        (["--policy", ""], "'--policy': expected 1 to 256 characters, got 0"),
        (["--from", "0001-01-01"], "--from: expected a day or an instant of the years 2000 to 8999"),
        (["--to", "9999-12-31"], "--to: expected a day or an instant of the years 2000 to 8999, got '9999-12-31'"),
    ],
)
def test_a_history_that_can_never_be_is_refused_by_its_option(front: Front, arguments: list[str], error: str) -> None:
    """In the option's words, before the API is asked, which has others."""
    result = batchgate(front, "jobs", "history", *arguments)
    assert (result.exit_code, front.requests) == (2, [])
    assert error in result.stderr


def test_the_ends_of_jobs_are_those_of_the_api() -> None:
    """`--verdict` lists them."""
    assert sorted(EndedAs) == sorted(description()["components"]["schemas"]["End"]["enum"])


@pytest.mark.parametrize("given", [["--reason", "x" * 1001], ["--cli-input-json", "SKELETON"]])
def test_a_reason_that_is_too_long_is_refused_without_being_printed(
    gate: GateDouble, front: Front, given: list[str]
) -> None:
    """Before the job is shown."""
    skeleton = json.dumps({"StatusUpdateReason": "x" * 1001})
    words = [skeleton if each == "SKELETON" else each for each in given]
    result = batchgate(front, "jobs", "approve", gate.add(1), "--yes", *words)
    assert (result.exit_code, front.requests, "xx" in result.stderr) == (2, [], False)
    assert "expected at most 1,000 characters, got 1,001" in result.stderr
