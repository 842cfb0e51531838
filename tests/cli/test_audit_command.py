"""`batchgate audit` against the gate's API, and on the files that it wrote."""

import hashlib
import json
import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.api_double import GateDouble, batchgate, front, gate
from tests.cli.api_front import Answer, Front, Request
from tests.cli.test_audit import DOCUMENTS, NEW, OLD, decision

__all__ = ["front", "gate"]

PERIOD = ("--from", "2026-11-01", "--to", "2026-11-03")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def record(gate: GateDouble) -> GateDouble:
    """Five decisions of three days, two a page; one of the day before, and one of the day after."""
    gate.page = 2
    days = ("10-31T23:59:59", "11-01T00:00:00", "11-01T08:00:00", "11-01T09:00:00", "11-03T23:59:59", "11-04T00:00:00")
    gate.decisions = [decision(f"2026-{at}", number) for number, at in enumerate(days)]
    for each in gate.decisions:
        each["history"] = [
            {"at": each["decided_at"], "action": "held", "status": "Suspended", "verdict": "hold", "reason": "r"}
            | {"decided_by": OLD, "policy_version": OLD}
        ]
    gate.policies = dict(DOCUMENTS)
    return gate


def exported(front: Front, *more: str) -> dict[str, Any]:
    """What the command says of an export that went well."""
    done = batchgate(front, "audit", "export", *PERIOD, "-o", "json", *more)
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_all_decisions_of_the_days_are_exported_through_the_api(record: GateDouble, front: Front, folder: Path) -> None:
    """Page by page, with their histories, and each version of the policies once."""
    said = exported(front)
    directory = folder / "batchgate-audit-2026-11-01-2026-11-03"
    assert said == {
        "directory": directory.name,
        "decisions": 4,
        "policies": 2,
        "gaps": [],
        "sha256": hashlib.sha256((directory / "SHA256SUMS").read_bytes()).hexdigest(),
    }
    assert front.broken == []
    assert len((directory / "decisions/2026-11-01.ndjson").read_text().splitlines()) == 3
    asked = [request.path for request in front.requests]
    assert asked.count(f"/policies/{NEW}") == asked.count(f"/policies/{OLD}") == 1
    assert {request.query["detail"][0] for request in front.requests if request.path == "/decisions"} == {"full"}


def test_a_directory_without_a_name_is_named_after_the_first_and_the_last_day(
    record: GateDouble, front: Front, folder: Path
) -> None:
    """The end is the beginning of the day after."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    done = batchgate(front, "audit", "export", "--from", str(yesterday))
    assert done.exit_code == 0
    assert [each.name for each in folder.iterdir()] == [f"batchgate-audit-{yesterday}-{yesterday}"]


def test_a_directory_that_can_not_be_written_is_refused_before_the_gate_is_asked(
    record: GateDouble, front: Front, folder: Path
) -> None:
    """One that exists, and one below a file."""
    (folder / "there").mkdir()
    (folder / "file").touch()
    for name in ("there", "file/below"):
        assert batchgate(front, "audit", "export", *PERIOD, "--output-dir", name).exit_code == 1
    assert front.requests == []


def test_people_are_told_what_was_exported_and_how_to_check_it(record: GateDouble, front: Front) -> None:
    """With the hash that must be kept elsewhere."""
    done = batchgate(front, "audit", "export", *PERIOD, "--output-dir", "november", "--format", "csv")
    assert done.exit_code == 0
    [first, second, _] = done.stdout.splitlines()
    assert first == "november: 4 decisions, 2 policy versions"
    hashed = second.rpartition(" ")[2]
    assert Path("november/decisions/2026-11-03.csv").exists()
    period = "2026-11-01T00:00:00+00:00 to 2026-11-04T00:00:00+00:00"
    found = f"account 111122223333 in eu-central-1, {period}: 4 decisions, nothing wrong\n"
    assert verified("november", "--sha256", hashed) == (0, found)


def verified(*arguments: str) -> tuple[int, str]:
    """What `audit verify` says; it asks no gate."""
    from click.testing import CliRunner

    from batchgate_cli.app import app

    done = CliRunner().invoke(app, ["audit", "verify", *arguments])
    return done.exit_code, done.stdout


@pytest.mark.parametrize(
    ("period", "why"),
    [
        (("--from", "2999-01-01", "--to", "2999-01-02"), "is not over yet"),
        (("--from", "2026-11-03", "--to", "2026-11-01"), "is empty"),
    ],
)
def test_a_time_that_is_not_over_is_refused(front: Front, period: tuple[str, ...], why: str) -> None:
    """And an instant that can be exported up to is named."""
    done = batchgate(front, "audit", "export", *period)
    said = " ".join(done.stderr.split())
    assert done.exit_code == 2
    assert why in said
    to = re.search(r"--to (\S+Z)", said)
    assert to is not None
    assert datetime.fromisoformat(to[1]) <= datetime.now(UTC)


def test_a_change_is_found(record: GateDouble, front: Front) -> None:
    """With what is wrong, one a line, and an exit code."""
    exported(front, "--output-dir", "export")
    path = Path("export/decisions/2026-11-01.ndjson")
    path.write_bytes(path.read_bytes().replace(b"S3PutObjectCopy", b"S3PutObjectTags"))
    code, said = verified("export")
    assert code == 8
    assert said.splitlines()[0] == "wrong  decisions/2026-11-01.ndjson: was changed"
    assert said.endswith("4 decisions, 1 wrong\n")
    code, said = verified("export", "-o", "json")
    assert (code, json.loads(said)["problems"]) == (8, ["decisions/2026-11-01.ndjson: was changed"])
    assert verified("nowhere")[0] == 1


def test_what_the_gate_can_not_give_is_a_warning(record: GateDouble, front: Front) -> None:
    """The export is whole as far as it goes; scripts see it in the exit code."""
    del record.policies[OLD]
    record.not_listed = [{"job_arn": None, "error": "STATE: can't be read"}]
    done = batchgate(front, "audit", "export", *PERIOD, "--output-dir", "export")
    assert done.exit_code == 7
    assert f"note: policies that AppConfig does not have: {OLD}" in done.stderr
    assert "decisions whose item in the ledger can't be read: 3" in done.stderr
    assert verified("export")[0] == 0


def refusing(path: str, answer: Answer) -> Any:
    """A gateway that answers requests of a path so."""

    def spoil(request: Request) -> Answer | None:
        return answer if request.path.startswith(path) else None

    return spoil


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/policies", Answer(403, {"message": "Forbidden"})),
        ("/policies", Answer(404, {"message": "Not Found"})),
        ("/policies", Answer(200, {"version": "000000000000", "document": {}})),
        ("/decisions", Answer(403, {"message": "Forbidden"})),
        ("/decisions", Answer(200, {"decisions": []})),
        ("/decisions", Answer(200, {})),
        ("/status", Answer(200, {})),
    ],
)
def test_an_answer_that_is_none_ends_the_export(record: GateDouble, front: Front, path: str, answer: Answer) -> None:
    """It is no gap, and no empty day: nothing looks whole; the same command goes on when the cause is gone."""
    front.spoil = refusing(path, answer)
    done = batchgate(front, "audit", "export", *PERIOD, "--output-dir", "export")
    assert (done.exit_code, Path("export").exists()) == (1, False)
    front.spoil = lambda request: None
    exported(front, "--output-dir", "export")
    assert verified("export")[0] == 0


def test_ctrl_c_leaves_nothing_that_looks_whole(record: GateDouble, front: Front) -> None:
    """And says how to go on; what was fetched is not fetched again."""
    last = f"/policies/{max(NEW, OLD)}"

    def interrupt(request: Request) -> Answer | None:
        if request.path == last:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)  # the command is waiting for this answer
        return None

    front.spoil = interrupt
    done = batchgate(front, "audit", "export", *PERIOD, "--output-dir", "export")
    assert done.exit_code == 130
    assert "note: nothing is in export; the same command continues where this one was" in done.stderr
    assert not Path("export").exists()
    front.spoil = lambda request: None
    before = len(front.requests)
    exported(front, "--output-dir", "export")
    assert {request.path for request in front.requests[before:]} == {"/status", last}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "2026-11-03", "--to", "2026-11-01"),
        ("--from", "2026-11-01", "--to", "2999-01-01"),
        ("--from", "yesterday"),
        ("--from", "2026-11-01", "--to", "9999-12-31"),
        ("--from", "2026-11-01T00:00:00+00:00", "--to", "2026-11-01T00:00:00Z"),
        ("--to", "2026-11-01"),
        ("--from", "2026-11-01", "--format", "xml"),
    ],
)
def test_a_time_that_is_none_or_not_over_is_wrong_usage(front: Front, folder: Path, arguments: tuple[str, ...]) -> None:
    """Decisions of a day that is not over would be missing, and nobody would see it. Nothing is asked or written."""
    done = batchgate(front, "audit", "export", *arguments)
    assert (done.exit_code, front.requests, [*folder.iterdir()]) == (2, [], [])
